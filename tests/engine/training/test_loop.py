"""The training loop: masks hold, a run that is resumed is the run that was not interrupted, nothing is left behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.course import Course
from pruneviz.engine.mask import Mask
from pruneviz.engine.prunable import find
from pruneviz.engine.sources import architecture
from pruneviz.engine.sources.data import digit_samples
from pruneviz.engine.subject import Preparation, Samples
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.initial import initialise
from pruneviz.engine.training.loop import Stage, train
from pruneviz.engine.training.memory import Memory
from pruneviz.engine.training.sample import preparation

COURSE = Course(batch=32, rate=1e-2, decay=0.5, shift=1, every=3)


def stage(name: str = "digits_mlp", course: Course = COURSE, steps: int = 10, seed: int = 0, **more) -> Stage:
    generator = torch.Generator().manual_seed(seed)
    network = architecture.build(name)
    initialise(network, generator)
    data = digit_samples("train", preparation())
    few = Samples(data.stored[:100], data.labels[:100], data.preparation)
    return Stage("only", network, few, course, steps, generator, **more)


def random_mask(network: nn.Module) -> Mask:
    layers, _ = find(network)
    flat = np.random.default_rng(0).random(sum(layer.size for layer in layers)) < 0.3
    return Mask(flat, tuple(layer.name for layer in layers), tuple(layer.shape for layer in layers))


def test_a_step_of_descent_by_hand():
    """One weight w = 1, one sample x = 2 of class 0 of two with logits (w x, 0): the gradient of −log σ(2) with respect to w
    is −2 (1 − σ(2)); with rate 0.5 and no momentum the weight is 1 + (1 − σ(2))."""
    network = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0], [0.0]]))
    samples = Samples(torch.tensor([[2.0]]), torch.tensor([0]), Preparation(scale=1.0))
    course = Course(optimiser="sgd", momentum=0.0, rate=0.5, batch=1)
    told = list(train(Stage("a", network, samples, course, 1, torch.Generator())))
    gone = 1 - 1 / (1 + np.exp(-2.0))
    assert network.weight[0].item() == pytest.approx(1 + gone) and network.weight[1].item() == pytest.approx(-gone)
    assert told[0].loss == pytest.approx(-np.log(1 - gone), rel=1e-5) and told[0].correct == told[0].seen == 1


def test_masked_weights_stay_zero_after_every_step():
    """Momentum and decay move pruned weights, so the mask has to follow each step: it is checked at every one."""
    plan = stage(course=replace(COURSE, every=1))
    mask = random_mask(plan.network)
    for _ in train(replace(plan, held=Held(plan.network, mask))):
        for name, kept in mask.layers().items():
            weight = plan.network.get_parameter(name).detach().numpy()
            assert not weight[~kept].any() and np.count_nonzero(weight[kept]) > 0.99 * kept.sum()


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
@pytest.mark.parametrize("name", ["digits_mlp", "digits_cnn"])
def test_a_run_resumed_is_the_run_uninterrupted(name, optimiser):
    """Ended after any tick, in the middle of an order of the samples or at its end, and taken up by another process."""
    course = replace(COURSE, optimiser=optimiser, rate=1e-3)

    def held(plan):
        return replace(plan, held=Held(plan.network, random_mask(plan.network)))

    whole = held(stage(name, course))
    ticks, memories, memory = [], [Memory()], Memory()
    for tick in train(whole, memory):
        ticks.append(tick)
        memories.append(Memory(memory.tensors()))
    assert [tick.step for tick in ticks] == [3, 6, 9, 10]
    for at, before in enumerate(memories):
        again = held(stage(name, course, seed=99))
        if at == 0:
            again = held(stage(name, course))
        told = list(train(again, Memory({key: one.clone() for key, one in before.tensors().items()})))
        assert told == ticks[at:]
        for key, value in whole.network.state_dict().items():
            assert torch.equal(again.network.state_dict()[key], value), (at, key)


def test_what_the_memory_holds_does_not_change_while_the_run_goes_on():
    plan, memory = stage(), Memory()
    run = train(plan, memory)
    next(run)
    before = {key: one.clone() for key, one in memory.tensors().items()}
    tensors = memory.tensors()
    list(run)
    assert all(torch.equal(tensors[key], one) for key, one in before.items())


def test_the_seed_decides_and_nothing_else_is_random():
    state = torch.random.get_rng_state()
    weights = []
    for seed in (0, 0, 1):
        plan = stage(seed=seed)
        list(train(plan))
        weights.append(torch.cat([one.detach().flatten() for one in plan.network.parameters()]))
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_dropout_draws_nothing_from_the_process():
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))
    plan = replace(stage(), network=network)
    state = torch.random.get_rng_state()
    list(train(plan))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_run_that_is_closed_early_leaves_the_network_as_it_was_handed_over():
    plan = stage("digits_cnn")
    plan.network.requires_grad_(False)
    run = train(plan)
    next(run)
    assert plan.network.training and plan.network.fc.weight.requires_grad
    run.close()
    assert not plan.network.training and not any(one.requires_grad for one in plan.network.parameters())
    assert all(one.grad is None for one in plan.network.parameters())


def test_what_pulls_changes_the_gradient_and_extra_parameters_are_trained_and_remembered():
    """A pull of −1 on every weight under plain descent with rate 0.1 adds 0.1 to each at every step."""
    course = Course(optimiser="sgd", momentum=0.0, rate=0.1, batch=32, every=2)
    plan, twin = stage(course=course, steps=1), stage(course=course, steps=1)
    own = nn.Parameter(torch.zeros(1))

    def pull():
        plan.network.fc1.bias.grad.sub_(1.0)
        own.grad = -torch.ones(1)

    memory = Memory()
    list(train(replace(plan, pull=pull, extra=({"params": [own], "lr": 0.5},)), memory))
    list(train(twin))
    assert torch.allclose(plan.network.fc1.bias, twin.network.fc1.bias + 0.1, atol=1e-6)
    assert own.item() == pytest.approx(0.5) and memory["only/extra/0"].item() == pytest.approx(0.5)


def test_unknown_words_are_said():
    with pytest.raises(ValueError, match="unknown optimiser 'newton'; there are adam, sgd"):
        list(train(stage(course=replace(COURSE, optimiser="newton"))))
    with pytest.raises(ValueError, match="unknown annealing"):
        list(train(stage(course=replace(COURSE, annealing="slow"))))


def test_a_stage_that_begins_later_goes_on_with_the_rate_and_takes_the_rest():
    course = replace(COURSE, annealing="linear", every=1)
    whole, later = (list(train(replace(stage(course=course), start=start))) for start in (0, 6))
    assert [tick.step for tick in later] == [7, 8, 9, 10]
    assert [tick.rate for tick in later] == [tick.rate for tick in whole[6:]]

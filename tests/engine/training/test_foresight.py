"""Foresight: scores of untrained networks against answers by hand, and the laws that their authors state."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

from pruneviz.engine import criterion as criteria
from pruneviz.engine import evidence
from pruneviz.engine.training import foresight
from pruneviz.engine.training.foresight import grasp, snip, synflow
from pruneviz.engine.training.held import Held
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject
from tests.engine.networks import generator, images, randomised

WAYS = list(foresight.shelf())


def mlp(*widths: int, bias: bool = False, seed: int = 0, dtype: torch.dtype = torch.float32) -> nn.Sequential:
    """Matrices with ReLUs between them, normal with variance 1/inputs."""
    source, modules = generator(seed), []
    for inputs, outputs in zip(widths, widths[1:], strict=False):
        matrix = nn.Linear(inputs, outputs, bias=bias, dtype=dtype)
        with torch.no_grad():
            matrix.weight.copy_(torch.randn(outputs, inputs, generator=source) / inputs**0.5)
            if bias:
                matrix.bias.copy_(torch.randn(outputs, generator=source))
        modules += [matrix, nn.ReLU()]
    return nn.Sequential(*modules[:-1]).requires_grad_(False)


def subject_of(network: nn.Module, inputs: int, classes: int, n: int = 40, seed: int = 3):
    source = generator(seed)
    return tiny_subject(network, torch.randn(n, inputs, generator=source), torch.arange(n) % classes)


def batch(subject) -> tuple:
    return subject.training.inputs(), subject.training.labels


def one_matrix(rows: list[list[float]], x: list[float], label: int):
    network = nn.Linear(len(x), len(rows), bias=False).requires_grad_(False)
    network.weight.copy_(torch.tensor(rows))
    return tiny_subject(nn.Sequential(network), torch.tensor([x, x]), torch.tensor([label, label]))


def test_the_shelf_has_words_formula_and_paper():
    assert {"snip", "grasp", "synflow"} <= set(WAYS)
    for way in foresight.shelf().values():
        assert way.text.splitlines()[0].endswith(".") and way.formula and way.paper.url.startswith("https://")


@pytest.mark.parametrize("key", WAYS)
def test_scores_have_the_weights_shapes_are_repeatable_and_touch_nothing(key):
    inputs, labels = images()
    network = randomised(
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    )  # fmt: skip
    subject, way = tiny_subject(network, inputs, labels), foresight.shelf()[key]
    before = copy.deepcopy(network.state_dict())
    once, twice = (way.scores(subject, inputs, labels) for _ in range(2))
    assert [tuple(one.shape) for one in once] == [layer.shape for layer in subject.layers]
    assert all(torch.equal(one, two) and one.isfinite().all() for one, two in zip(once, twice, strict=True))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert all(one.grad is None and not one.requires_grad for one in network.parameters())


def test_snip_by_hand():
    """x = (1, 2), W = [[2, 1], [4, 0]]: both outputs are 4, so p − y = (−½, ½) for class 0, the slope is [[−½, −1], [½, 1]],
    and |W ∘ slope| = [[1, 1], [2, 0]]."""
    subject = one_matrix([[2.0, 1.0], [4.0, 0.0]], [1.0, 2.0], 0)
    assert torch.allclose(snip.scores(subject, *batch(subject))[0], torch.tensor([[1.0, 1.0], [2.0, 0.0]]))


def test_snip_of_one_sample_is_what_the_criterion_gradient_says_and_of_many_never_more():
    """|mean| ≤ mean |·|, with equality where there is one."""
    subject = subject_of(mlp(6, 5, 3, bias=True), 6, 3)
    gradient, (inputs, labels) = criteria.find("gradient"), batch(subject)
    theirs, _ = evidence.scores(subject, gradient, inputs[:1], labels[:1])
    mine = snip.scores(subject, inputs[:1], labels[:1])
    assert all(torch.allclose(one, other, atol=1e-7) for one, other in zip(mine, theirs, strict=True))
    theirs, _ = evidence.scores(subject, gradient, inputs, labels)
    mine = snip.scores(subject, inputs, labels)
    assert all((one <= other + 1e-6).all() for one, other in zip(mine, theirs, strict=True))
    assert any((one < 0.9 * other).any() for one, other in zip(mine, theirs, strict=True))


def test_grasp_by_hand():
    """The same matrix: g = (p − y) xᵀ, the Hessian is (diag p − p pᵀ) ⊗ x xᵀ with [[¼, −¼], [−¼, ¼]], G x = (−2.5, 2.5), so
    H g = (−1.25, 1.25) xᵀ and W ∘ H g = [[−2.5, −2.5], [5, 0]]. Outputs divided by T make it 1/T³ as large."""
    subject = one_matrix([[2.0, 1.0], [4.0, 0.0]], [1.0, 2.0], 0)
    wanted = torch.tensor([[-2.5, -2.5], [5.0, 0.0]], dtype=torch.float64)
    assert torch.allclose(grasp.scores(subject, *batch(subject), temperature=1.0)[0], wanted)
    assert torch.allclose(grasp.scores(subject, *batch(subject), temperature=2.0)[0], wanted / 8)


def test_grasp_is_half_the_slope_of_the_squared_gradient():
    """∂‖g‖²/∂w = 2 H g, here by central differences, on a network with a bend, in more than one chunk of samples."""
    network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)).double().requires_grad_(False)
    randomised(network, 2)
    subject = subject_of(network, 3, 3, n=2 * grasp.CHUNK + 3)
    inputs, labels = subject.training.inputs().double(), subject.training.labels

    def squared(weight: torch.Tensor) -> float:
        moved = copy.deepcopy(network).requires_grad_(True)
        with torch.no_grad():
            moved[0].weight.copy_(weight)
        loss = nn.functional.cross_entropy(moved(inputs), labels)
        return sum(one.square().sum().item() for one in torch.autograd.grad(loss, [moved[0].weight, moved[2].weight]))

    weight, found = network[0].weight, grasp.scores(subject, inputs, labels, temperature=1.0)[0]
    for at in ((0, 0), (1, 2), (3, 1)):
        step = torch.zeros_like(weight)
        step[at] = 1e-5
        slope = (squared(weight + step) - squared(weight - step)) / 2e-5
        assert found[at].item() == pytest.approx(weight[at].item() * slope / 2, rel=1e-5)


def test_synflow_by_hand():
    """W₁ = (1, −2)ᵀ, W₂ = (3, −1): from one input of 1 flow 1·3 through the first unit and 2·1 through the second."""
    network = mlp(1, 2, 1)
    network[0].weight.copy_(torch.tensor([[1.0], [-2.0]]))
    network[2].weight.copy_(torch.tensor([[3.0, -1.0]]))
    subject = tiny_subject(network, torch.zeros(2, 1), torch.zeros(2, dtype=torch.int64))
    first, second = synflow.scores(subject, *batch(subject))
    assert first.flatten().tolist() == [3.0, 2.0] and second.flatten().tolist() == [3.0, 2.0]


@given(widths=some.lists(some.integers(1, 7), min_size=3, max_size=5), seed=some.integers(0, 99), biased=some.booleans())
def test_synflow_flows_in_as_it_flows_out(widths, seed, biased):
    """P5 (Tanaka et al., theorem 1): for each hidden unit the scores of what comes in and of what goes out have one sum, and
    so have all layers. Biases and zeros in the weights change nothing about that."""
    network = mlp(*widths, bias=biased, seed=seed, dtype=torch.float64)
    network[0].weight[0, 0] = 0.0
    subject = tiny_subject(network, torch.zeros(2, widths[0]), torch.tensor([0, widths[-1] - 1]))
    found = synflow.scores(subject, *batch(subject))
    assert all(one.dtype is torch.float64 for one in found)
    for before, after in zip(found, found[1:], strict=False):
        assert torch.allclose(before.sum(1), after.sum(0), rtol=1e-12)
    sums = torch.stack([one.sum() for one in found])
    assert torch.allclose(sums, sums[0].expand_as(sums), rtol=1e-12)


def test_synflow_leaves_a_network_in_double_precision_as_it_is():
    network = mlp(4, 3, 2, bias=True, dtype=torch.float64)
    before = copy.deepcopy(network.state_dict())
    subject = subject_of(network, 4, 2)
    synflow.scores(subject, *batch(subject))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_synflow_of_a_network_that_reads_tokens_is_refused():
    subject = subject_of(mlp(4, 3, 2), 4, 2)
    with pytest.raises(ValueError, match="reads tokens: choose snip, grasp or magnitude"):
        synflow.scores(subject, torch.zeros(2, 4, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))


def chosen(subject, key: str, recipe: Recipe) -> list[dict]:
    """What stays after each round."""
    way, kept, found = foresight.shelf()[key], {}, []
    network = copy.deepcopy(subject.network)
    inside = replace(subject, network=network)
    for at in range(1, way.rounds + 1):
        Held(network).hold(kept)
        kept = foresight.cut(inside, recipe, way, batch(subject), kept, at)
        found.append(kept)
    return found


@pytest.mark.parametrize("key", WAYS)
def test_rounds_only_remove_and_end_at_the_amount(key):
    subject = subject_of(mlp(8, 12, 6, 3), 8, 3)
    found = chosen(subject, key, Recipe(amount=0.7, spared=("4.weight",), overrides=(("2.weight", 0.25),)))
    for earlier, later in zip(found, found[1:], strict=False):
        assert all(not (later[name] & ~stays).any() for name, stays in earlier.items())
    left = {name: int(stays.sum()) for name, stays in found[-1].items()}
    assert left == {"0.weight": 96 - round(0.7 * 96), "2.weight": 72 - 18, "4.weight": 18}


def test_at_extreme_sparsity_snip_and_grasp_empty_a_layer_and_synflow_does_not():
    """Tanaka et al., §3: one cut by scores of unequal layers takes all of one; a conserved flow asked for again and again
    leaves a path as long as there are as many weights as layers. 8 of 25,344 stay here, in five layers."""
    subject = subject_of(mlp(16, 100, 100, 100, 36, 4, seed=1), 16, 4, n=100)
    recipe = Recipe(amount=1 - 8 / subject.weights)
    fewest = {key: min(int(one.sum()) for one in chosen(subject, key, recipe)[-1].values()) for key in WAYS}
    assert fewest["snip"] == 0 and fewest["grasp"] == 0 and fewest["synflow"] >= 1

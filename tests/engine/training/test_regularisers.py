"""Regularisers: what each adds to the gradients is the slope of the penalty as it is written down."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.course import Course
from pruneviz.engine import prunable
from pruneviz.engine.sources import card
from pruneviz.engine.subject import Preparation, Samples, Subject
from pruneviz.engine.training import private, regularisers
from pruneviz.engine.training.regularisers.group_lasso import Units


def bound(name: str, key: str, strength: float = 0.3) -> tuple[nn.Module, regularisers.Penalty]:
    subject = card.load(name)
    network = private.fresh(subject, torch.Generator().manual_seed(1)).requires_grad_(True)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.copy_(torch.linspace(-1, 2, len(module.weight)))
    return network, regularisers.bind(subject, network, Course(penalty=key, strength=strength))


def small(*layers: nn.Module) -> Subject:
    network = nn.Sequential(*layers)
    found, skipped = prunable.find(network)
    data = Samples(torch.ones(2, 2), torch.tensor([0, 1]), Preparation(scale=1.0))
    return Subject("small", "A small one", "", "", "image_classification", network, found, skipped, data, data, ("a", "b"),
                   "training", "", "")  # fmt: skip


def written_out(network: nn.Module, key: str) -> torch.Tensor:
    """Each penalty of digits_cnn and digits_mlp, by its formula and their parameters' own names."""
    named = dict(network.named_parameters())
    if key == "slimming":
        return sum(one.abs().sum() for name, one in named.items() if name.startswith("bn") and name.endswith("weight"))
    weights = {name: one for name, one in named.items() if one.ndim > 1}
    if key == "none":
        return torch.zeros(())
    if key == "l1":
        return sum(one.abs().sum() for one in weights.values())
    if key == "l2":
        return 0.5 * sum((one**2).sum() for one in weights.values())
    inner = [one for name, one in weights.items() if name not in ("fc.weight", "fc3.weight")]
    return sum(math.sqrt(row.numel()) * (row**2).sum().sqrt() for one in inner for row in one)


@pytest.mark.parametrize("key", list(regularisers.shelf()))
@pytest.mark.parametrize("name", ["digits_cnn", "digits_mlp"])
def test_a_pull_is_the_slope_of_the_penalty(name, key):
    if (name, key) == ("digits_mlp", "slimming"):
        with pytest.raises(ValueError, match="has no BatchNorm whose scales could be pulled: choose l1"):
            bound(name, key)
        return
    network, penalty = bound(name, key)
    whole = 0.3 * written_out(network, key)
    assert penalty.value() == pytest.approx(whole.item(), rel=1e-5)
    if whole.requires_grad:
        whole.backward()
    slopes = {name: torch.zeros_like(one) if one.grad is None else one.grad for name, one in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    penalty.pull()
    for name, parameter in network.named_parameters():
        assert torch.allclose(parameter.grad - 1, slopes[name], atol=1e-5), name


def test_by_hand():
    """Weights 3 and −4 of one neuron, 0 and 0 of the other, λ = 2. L1: 14, pulls 2 and −2. L2: 25, pulls 6 and −8. Group
    lasso: 2 √2 · 5, pulls 2 √2 · 3/5 and −2 √2 · 4/5."""
    subject = small(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        subject.network[0].weight.copy_(torch.tensor([[3.0, -4.0], [0.0, 0.0]]))
        subject.network[2].weight.zero_()
    root = math.sqrt(2)
    expected = {"l1": (14, 2, -2), "l2": (25, 6, -8), "group-lasso": (10 * root, 1.2 * root, -1.6 * root)}
    for key, (value, one, other) in expected.items():
        for parameter in subject.network.parameters():
            parameter.grad = torch.zeros_like(parameter)
        penalty = regularisers.bind(subject, subject.network, Course(penalty=key, strength=2.0))
        penalty.pull()
        assert penalty.value() == pytest.approx(value)
        assert subject.network[0].weight.grad[0].tolist() == pytest.approx([one, other])
        assert not subject.network[0].weight.grad[1].any() and not subject.network[2].weight.grad.any(), "zeros stay"


def test_a_unit_that_is_gone_is_not_pulled():
    """The slope of a norm at zero is 0 / 0: what is zero stays where it is."""
    network, penalty = bound("digits_cnn", "group-lasso")
    with torch.no_grad():
        network.conv2.weight[3].zero_()
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    penalty.pull()
    assert not network.conv2.weight.grad[3].any() and network.conv2.weight.grad[4].any()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


def test_coupled_filters_are_pulled_together():
    """In a residual network a channel is made by several kernels at once: they share one norm."""
    network, penalty = bound("digits_resnet", "group-lasso")
    shared = [target for target in penalty.targets if len(target.parts) > 1]
    assert shared
    for target in shared:
        squares = sum(tensor.detach().movedim(axis, 0).flatten(1).square().sum(1) for tensor, axis, _ in target.parts)
        sizes = sum(tensor[0].numel() for tensor, _, _ in target.parts)
        expected = (squares.sqrt() * math.sqrt(sizes)).sum()
        assert penalty.regulariser.value(target).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("key", list(regularisers.shelf()))
def test_a_regulariser_has_words_and_a_formula(key):
    found = regularisers.find(key)
    assert found.name and found.text and found.formula and found.paper.cite


def test_nothing_pulls_without_strength():
    subject = card.load("digits_mlp")
    course = Course(penalty="l1", strength=0.0)
    assert not regularisers.bind(subject, subject.network, course).pulls
    assert not regularisers.bind(subject, subject.network, replace(course, penalty="none", strength=1.0)).pulls


def test_an_unknown_penalty_is_said():
    with pytest.raises(ValueError, match="unknown penalty 'l3'; there are group-lasso, l1, l2, none, slimming"):
        regularisers.find("l3")


class Idle(nn.Module):
    """Two branches of which only the first is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.used = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
        self.idle = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


@pytest.mark.parametrize("key", ["l1", "l2", "group-lasso", "slimming"])
def test_what_the_loss_does_not_reach_is_pulled_as_autograd_would(key):
    """The loss has no slope there, the penalty has: with both in one sum, autograd gives the idle branch its own."""
    network, chosen = Idle(), regularisers.find(key)
    if key == "group-lasso":
        kernels = [network.used[0].weight, network.idle[0].weight]
        targets = [Units(((one, 0, torch.arange(2)),), torch.tensor([1.0, 1.0, 0.0])) for one in kernels]
    else:
        part = 1 if key == "slimming" else 0
        targets = [network.used[part].weight, network.idle[part].weight]
    x = torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    network(x).square().mean().backward()
    assert network.idle[0].weight.grad is None
    regularisers.Penalty(chosen, targets, 0.5).pull()
    found = {name: one.grad for name, one in network.named_parameters() if one.grad is not None}
    network.zero_grad()
    (network(x).square().mean() + 0.5 * sum(chosen.value(target) for target in targets)).backward()
    named = dict(network.named_parameters())
    assert any(name.startswith("idle") for name in found)
    assert all(torch.allclose(grad, named[name].grad, atol=1e-6) for name, grad in found.items())

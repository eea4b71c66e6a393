"""Straight-through: the gradient by hand, masks exactly as asked for, and scores that learn though their weight is away."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pruneviz.engine.subject import Layer
from pruneviz.engine.training.straight_through import Masked, above, straight_through, top


def layer(name: str, *shape: int) -> Layer:
    return Layer(name, name, "Linear", shape)


@pytest.mark.parametrize("there", [True, False])
def test_the_gradient_of_one_weight_by_hand(there):
    """L = (w·m·x − t)² / 2 with w = 2, x = 3, t = 1: ∂L/∂w′ = (w·m·x − t)·x is 15 where the weight is there and −3 where it
    is not. The score hears that times w in either case, the weight only where it is there."""
    weight, score = torch.tensor([2.0], requires_grad=True), torch.tensor([0.5], requires_grad=True)
    out = straight_through(weight, score, torch.tensor([there])) * 3.0
    (0.5 * (out - 1.0) ** 2).sum().backward()
    told = 15.0 if there else -3.0
    assert weight.grad.item() == (told if there else 0.0) and score.grad.item() == told * 2.0


def test_a_removed_weight_that_would_be_needed_comes_back():
    """Two weights, 1 and 1, of which one may stay; the answer wants the second input only. Descent on the scores alone
    brings the first one's down and the second one's up, until they change places."""
    layers, weight = [layer("w", 1, 2)], torch.tensor([[1.0, 1.0]])
    scores = torch.tensor([[0.1, 0.0]], requires_grad=True)
    before = top(layers, [scores], 0.5)["w"].tolist()
    for _ in range(20):
        stays = top(layers, [scores], 0.5)["w"]
        out = straight_through(weight, scores, stays) @ torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        loss = ((out - torch.tensor([[0.0, 1.0]])) ** 2).sum()
        (slope,) = torch.autograd.grad(loss, scores)
        with torch.no_grad():
            scores -= 0.01 * slope
    assert before == [[True, False]] and top(layers, [scores], 0.5)["w"].tolist() == [[False, True]]


@given(st.lists(st.integers(-3, 3), min_size=6, max_size=6), st.sampled_from([0.0, 1 / 6, 0.5, 0.9, 1.0]))
def test_the_lowest_scores_go_exactly_so_many_with_ties(values, amount):
    """Signs count: a score of −3 leaves before one of 0; of equal ones the first leaves first."""
    layers = [layer("a", 2, 2), layer("b", 2)]
    scores = [torch.tensor(values[:4], dtype=torch.float32).view(2, 2), torch.tensor(values[4:], dtype=torch.float32)]
    kept = top(layers, scores, amount)
    flat = np.concatenate([kept["a"].numpy().reshape(-1), kept["b"].numpy()])
    gone = sorted(range(6), key=lambda at: (values[at], at))[: round(amount * 6)]
    assert sorted(np.flatnonzero(~flat).tolist()) == sorted(gone)


def test_by_layer_each_loses_its_own_share_and_soft_ones_what_is_below():
    layers = [layer("a", 4), layer("b", 2)]
    scores = [torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.tensor([10.0, 20.0])]
    assert [one.tolist() for one in top(layers, scores, 0.5, "layer").values()] == [
        [False, False, True, True],
        [False, True],
    ]
    soft = above(layers, [torch.tensor([-3.0, -2.0, 0.0, 3.0]), torch.zeros(2)], 0.1)
    assert soft["a"].tolist() == [False, True, True, True], "σ(−3) = 0.047 and σ(−2) = 0.119"


def test_a_masked_network_computes_with_zeros_and_keeps_its_own_weights():
    network = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    masked, shown = Masked([layer("weight", 2, 2)]), nn.Linear(2, 2, bias=False)
    masked.stays = {"weight": torch.tensor([[True, False], [False, True]])}
    loss, outputs = masked(network, torch.ones(1, 2), torch.tensor([0]))
    loss.backward()
    assert outputs.tolist() == [[1.0, 4.0]] and network.weight.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert network.weight.grad[0, 1] == 0 == network.weight.grad[1, 0] and network.weight.grad[0, 0] != 0
    masked.fill(network, shown)
    assert shown.weight.tolist() == [[1.0, 0.0], [0.0, 4.0]]

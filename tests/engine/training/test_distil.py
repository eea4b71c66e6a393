"""Distilling: two classes by hand, the labels alone at 0, and places where nothing is predicted."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pruneviz.engine.training.distil import distilled, lesson
from pruneviz.engine.training.loop import NOTHING, plain


def linear(*rows: float) -> nn.Module:
    network = nn.Linear(1, len(rows), bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor(rows)[:, None])
    return network


def test_two_classes_by_hand():
    """Teacher (2, 0), network (0, 0), T = 2: the teacher's softened words are p = σ(1) and 1 − p, the network's a half each,
    so T²·KL = 4·(p ln 2p + (1 − p) ln 2(1 − p)); its gradient at the first output is T·(1/2 − p)."""
    outputs = torch.zeros(1, 2, requires_grad=True)
    found = lesson(outputs, torch.tensor([[2.0, 0.0]]), 2.0)
    found.backward()
    p = 1 / (1 + math.exp(-1))
    assert found.item() == pytest.approx(4 * (p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))), rel=1e-5)
    assert outputs.grad[0].tolist() == pytest.approx([2 * (0.5 - p), 2 * (p - 0.5)], rel=1e-5)


def test_at_0_it_is_the_plain_objective_and_at_1_the_labels_are_not_heard():
    teacher, network, inputs = linear(1.0, -1.0), linear(0.3, 0.1), torch.ones(1, 1)
    assert distilled(teacher, 0.0, 4.0) is plain
    alone = [distilled(teacher, 1.0, 4.0)(network, inputs, torch.tensor([label]))[0].item() for label in (0, 1)]
    assert alone[0] == alone[1] > 0
    half = distilled(teacher, 0.5, 4.0)(network, inputs, torch.tensor([1]))[0].item()
    assert half == pytest.approx(0.5 * alone[0] + 0.5 * plain(network, inputs, torch.tensor([1]))[0].item())


def test_a_network_that_says_what_its_teacher_says_has_nothing_to_learn_and_the_teacher_never_does():
    teacher, network = linear(1.0, -1.0), linear(1.0, -1.0)
    loss, _ = distilled(teacher, 1.0, 3.0)(network, torch.ones(2, 1), torch.tensor([0, 1]))
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-7) and network.weight.grad.abs().max() < 1e-6
    assert teacher.weight.grad is None


def test_places_without_a_prediction_teach_nothing():
    """Tokens [1, 2] with one place to predict: as much as that place alone."""

    class Words(nn.Module):
        def __init__(self, values):
            super().__init__()
            self.values = nn.Parameter(torch.tensor(values))

        def forward(self, tokens):
            return self.values[None]

    teacher, network = Words([[3.0, 0.0], [9.0, -9.0]]), Words([[0.0, 1.0], [0.0, 0.0]])
    labels = torch.tensor([[0, NOTHING]])
    loss, _ = distilled(teacher, 1.0, 1.0)(network, torch.zeros(1, 2, dtype=torch.int64), labels)
    assert loss.item() == pytest.approx(lesson(torch.tensor([[0.0, 1.0]]), torch.tensor([[3.0, 0.0]]), 1.0).item())

"""Closeup: every way on one matrix, in an order that holds always, and the film that ends where SparseGPT ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pruneviz.course import Course
from pruneviz.engine.reconstruct import closeup, find
from pruneviz.engine.reconstruct.gram import Gram
from pruneviz.engine.reconstruct.problem import Problem
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe

RECIPE = Recipe(subject="digits_mlp", amount=0.5, course=Course(batch=64))


@pytest.fixture(scope="module")
def subject():
    return card.load("digits_mlp")


def test_matrices_that_are_small_enough_are_offered(subject, monkeypatch):
    assert closeup.offered(subject) == ("fc1.weight", "fc2.weight", "fc3.weight")
    monkeypatch.setattr(closeup, "WIDEST", 64)
    assert "fc2.weight" not in closeup.offered(subject)


@pytest.mark.parametrize("granularity", ["weight", "2:4"])
def test_on_the_same_places_nothing_loses_less_than_least_squares(subject, granularity):
    before = subject.network.fc3.weight.clone()
    found = closeup.look(subject, replace(RECIPE, granularity=granularity), "fc3.weight")
    lines = {line.key: line for line in found.lines}
    for fitted, plain in (("least_squares", "keep"), ("swaps_refit", "swaps")):
        pairs = zip(lines[f"wanda/{fitted}"].errors, lines[f"wanda/{plain}"].errors, strict=True)
        assert all(low <= high for low, high in pairs)
    assert all(low <= high for low, high in zip(lines["wanda/swaps"].errors, lines["wanda/keep"].errors, strict=True))
    assert all(0 <= value < 1 for line in found.lines for value in line.errors) and found.samples == 64
    assert found.sweep.group == (4 if granularity == "2:4" else 0)
    assert torch.equal(before, subject.network.fc3.weight)


def test_a_pattern_that_a_matrix_cannot_have_is_drawn_by_no_line_and_by_no_film(subject):
    """The last matrix reads 100 numbers: 25 groups of 4, no whole groups of 8."""
    found = closeup.look(subject, replace(RECIPE, granularity="4:8"), "fc3.weight")
    assert found.unfit == (("4:8", "has 100 inputs, no whole groups of 8"),) and found.sweep.group == 0
    assert all([name for name, _ in line.pattern] == ["2:4"] for line in found.lines)
    third = closeup.look(subject, replace(RECIPE, granularity="1:3"), "fc3.weight")
    assert [name for name, _ in third.unfit] == ["4:8", "1:3"] and third.sweep.group == 0


def test_a_pattern_whose_groups_would_mix_heads_is_not_drawn_and_the_reason_is_told(subject, monkeypatch):
    """As if two heads of 12 channels were read: whole groups of 4, but none of 8."""
    monkeypatch.setattr(closeup.straddling, "straddled", lambda network, m: {"fc1.weight": 12} if 12 % m else {})
    found = closeup.look(subject, replace(RECIPE, granularity="4:8"), "fc1.weight")
    assert [name for name, _ in found.lines[0].pattern] == ["2:4"] and found.sweep.group == 0
    said = "reads attention heads of 12 channels, no whole groups of 8: a group would mix two heads"
    assert found.unfit == (("4:8", said),)
    assert closeup.look(subject, replace(RECIPE, granularity="2:4"), "fc1.weight").sweep.group == 4


def test_the_film_ends_with_what_the_method_gives():
    generator = torch.Generator().manual_seed(0)
    gram = Gram(12)
    gram.add(torch.randn(64, 12, generator=generator) @ torch.randn(12, 12, generator=generator), 8)
    problem = Problem(torch.randn(5, 12, generator=generator), gram, 0.5)
    film, solved = closeup.sweep(problem), find("sparsegpt").solve(problem)
    assert film.weights.shape == (13, 5, 12) and np.allclose(film.weights[-1], solved.weight.numpy(), atol=1e-4)
    assert (film.kept == solved.kept.numpy()).all() and np.array_equal(film.weights[0], problem.weight.numpy())


def test_the_worth_of_dead_inputs_is_the_dampings():
    gram = Gram(3)
    gram.add(torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), 2)
    wanted = torch.tensor([4.0, 1.0, 0.0]) + gram.damping
    assert torch.allclose(1 / gram.inverse_diagonal, wanted, rtol=1e-5)

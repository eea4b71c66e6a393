"""What every method on the shelf obeys: exactly so many zeros, patterns, nothing written to, the same twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.reconstruct import find, shelf
from pruneviz.engine.reconstruct.problem import Problem
from tests.engine.reconstruct.problems import drawn, problems

METHODS = sorted(shelf())


def test_the_shelf_is_what_was_asked_for():
    assert {"keep", "sparsegpt", "least_squares", "swaps"} <= set(METHODS)
    for key, method in shelf().items():
        assert method.key == key and method.name and method.formula and method.paper.url.startswith("https://")
        assert len(method.text.splitlines()) > 2 and method is find(key)


def test_an_unknown_method_is_named_with_those_that_there_are():
    with pytest.raises(ValueError, match="unknown method 'obs'; there are .*sparsegpt"):
        find("obs")


@pytest.mark.parametrize("key", METHODS)
@given(problem=problems())
def test_what_goes_is_zero_and_what_is_told_is_kept(key, problem):
    """On a support that is told: the same number in each row, and of each group; exchanges may change which."""
    before = problem.weight.clone(), problem.kept.clone()
    found, again = (find(key).solve(problem) for _ in range(2))
    assert torch.equal(problem.weight, before[0]) and torch.equal(problem.kept, before[1])
    assert (found.weight[~found.kept] == 0).all() and torch.isfinite(found.weight).all()
    assert found.weight.shape == found.kept.shape == problem.weight.shape and found.weight.dtype == problem.weight.dtype
    assert torch.equal(found.weight, again.weight) and torch.equal(found.kept, again.kept)
    assert torch.equal(found.kept.sum(1), problem.kept.sum(1))
    if problem.pattern is not None:
        groups = found.kept.view(len(found.kept), -1, problem.pattern[1])
        assert (groups.sum(2) == problem.pattern[0]).all()  # P11


@pytest.mark.parametrize("key", [key for key in METHODS if shelf()[key].chooses])
@given(problem=problems(told=False), zeros=st.booleans())
def test_who_chooses_removes_exactly_as_much_as_was_asked(key, problem, zeros):
    """With ties and zeros: round(amount · n) of the matrix, or exactly M − N of each aligned M (P11)."""
    if zeros:
        problem = replace(problem, weight=problem.weight.round().clamp(-1, 1))
    found = find(key).solve(problem)
    if problem.pattern is None:
        assert int((~found.kept).sum()) == round(problem.amount * problem.weight.numel())
    else:
        assert (found.kept.view(len(found.kept), -1, problem.pattern[1]).sum(2) == problem.pattern[0]).all()
    assert (found.weight[~found.kept] == 0).all() and torch.isfinite(found.weight).all()


@pytest.mark.parametrize("key", [key for key in METHODS if not shelf()[key].chooses])
def test_who_does_not_choose_must_be_told(key):
    weight, gram = drawn(2, 4, 0)
    with pytest.raises(ValueError, match="give it what stays, or choose sparsegpt"):
        find(key).solve(Problem(weight, gram, 0.5))


@pytest.mark.parametrize("key", METHODS)
def test_inputs_that_were_never_there_break_nothing(key):
    """Of eight columns five see nothing; then all eight."""
    for dead in (5, 8):
        weight, gram = drawn(3, 8, 1, dead=dead)
        kept = torch.tensor([[True, False] * 4] * 3)
        found = find(key).solve(Problem(weight, gram, 0.5, kept=kept))
        assert torch.isfinite(found.weight).all() and int(found.kept.sum()) == 12

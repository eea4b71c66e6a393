"""P13: an exchange of a removed and a kept weight lowers the row's error, is the best there is, and leaves all counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine import kernels
from pruneviz.engine.reconstruct import find, trading
from pruneviz.engine.reconstruct.problem import Problem, error
from tests.engine.reconstruct.problems import drawn, problems, row_error

WAYS = [True, pytest.param(False, marks=pytest.mark.skipif(not kernels.available(), reason="numba is not installed"))]


def traded(problem: Problem, most: int, plain: bool = True) -> torch.Tensor:
    damped, whole = problem.gram.damped().numpy(), problem.weight.numpy()
    group = problem.pattern[1] if problem.pattern else whole.shape[1]
    return torch.from_numpy(trading.trade(damped, whole, problem.kept.numpy(), group, most, plain))


def errors(problem: Problem, kept: torch.Tensor) -> torch.Tensor:
    return row_error(problem.weight, problem.gram.damped(), torch.where(kept, problem.weight, 0.0))


@pytest.mark.parametrize("plain", WAYS)
def test_the_weight_whose_input_is_small_goes_instead(plain):
    """w = (1, 2), H = (16 0; 0 1): magnitude keeps the second, whose error is ½ · 16; to let that go costs ½ · 4."""
    damped, whole = np.diag([16.0, 1.0]), np.array([[1.0, 2.0]])
    kept = np.array([[False, True]])
    assert trading.trade(damped, whole, kept, 2, 1, plain).tolist() == [[True, False]]
    assert trading.trade(damped, whole, kept, 2, 100, plain).tolist() == [[True, False]]
    assert trading.trade(damped, whole, kept, 2, 0, plain).tolist() == kept.tolist() == [[False, True]]


@pytest.mark.parametrize("plain", WAYS)
def test_two_that_cancel_go_together(plain):
    """w = (1, 1, 1) and the first two inputs are opposite: without both the output is the same but for damping, and the
    exchange finds it from either of them."""
    damped = np.array([[1.0, -1, 0], [-1, 1, 0], [0, 0, 1]]) + 0.01 * np.eye(3)
    kept = np.array([[False, True, False], [True, False, False]])
    assert trading.trade(damped, np.ones((2, 3)), kept, 3, 5, plain).tolist() == [[False, False, True]] * 2


@given(problem=problems())
def test_the_error_of_a_row_never_rises(problem):
    """With at most 0, 1, 2, … exchanges; counts of each row, and of each group of a pattern, stay what they were."""
    last, kept = errors(problem, problem.kept), problem.kept
    for most in range(5):
        kept = traded(problem, most)
        now = errors(problem, kept)
        assert (now <= last + 1e-12 * last.abs().max()).all()
        assert torch.equal(kept.sum(1), problem.kept.sum(1))
        if problem.pattern:
            groups = (len(kept), -1, problem.pattern[1])
            assert torch.equal(kept.view(groups).sum(2), problem.kept.view(groups).sum(2))
        last = now


@given(problem=problems())
def test_one_exchange_is_the_best_there_is(problem):
    """Of all pairs within a group, tried one after the other; where none helps nothing is exchanged."""
    group = problem.pattern[1] if problem.pattern else problem.weight.shape[1]
    found, before = errors(problem, traded(problem, 1)), errors(problem, problem.kept)
    for row, kept in enumerate(problem.kept):
        best = float(before[row])
        for p in (~kept).nonzero().flatten().tolist():
            for k in kept.nonzero().flatten().tolist():
                if p // group == k // group:
                    tried = kept.clone()
                    tried[p], tried[k] = True, False
                    here = problem.kept.clone()
                    here[row] = tried
                    best = min(best, float(errors(problem, here)[row]))
        assert float(found[row]) == pytest.approx(best, rel=1e-9, abs=1e-12)


@given(problem=problems())
def test_when_it_is_done_no_exchange_helps(problem):
    kept = traded(problem, 1000)
    assert torch.equal(traded(Problem(problem.weight, problem.gram, problem.amount, problem.pattern, kept), 1000), kept)


@pytest.mark.skipif(not kernels.available(), reason="numba is not installed")
@given(problem=problems(), most=st.integers(0, 6))
def test_compiled_is_plain(problem, most):
    compiled, plain = traded(problem, most, plain=False), traded(problem, most)
    # Sums are taken in another order: of two exchanges that are worth the same the other one may be made.
    assert torch.equal(compiled, plain) or torch.allclose(errors(problem, compiled), errors(problem, plain), rtol=1e-9)


@pytest.mark.skipif(not kernels.available(), reason="numba is not installed")
@pytest.mark.parametrize("pattern", [None, (4, 8)])
def test_compiled_is_plain_in_wide_rows(pattern):
    """Wider than the eight columns that are compared at once, and no multiple of them."""
    weight, gram = drawn(5, 96 if pattern else 101, 3, tokens=300)
    kept = weight.abs() > weight.abs().median(dim=1, keepdim=True).values
    if pattern:
        kept = (weight.abs().view(-1, 8).argsort(1).argsort(1) >= 4).view(weight.shape)
    problem = Problem(weight, gram, 0.5, pattern, kept)
    compiled = traded(problem, 40, plain=False)
    assert torch.equal(compiled, traded(problem, 40)) and not torch.equal(compiled, kept)


@given(problem=problems())
def test_the_methods_go_on_from_what_they_are_told(problem):
    """Survivors stay; a fit after it is at least as good; neither is worse than nothing."""
    swapped, fitted = (find(key).solve(problem) for key in ("swaps", "swaps_refit"))
    assert torch.equal(swapped.kept, fitted.kept)
    assert torch.equal(swapped.weight, torch.where(swapped.kept, problem.weight, 0.0))
    start = error(problem, torch.where(problem.kept, problem.weight, 0.0))
    assert error(problem, fitted.weight) <= error(problem, swapped.weight) * (1 + 1e-9) + 1e-12
    assert error(problem, swapped.weight) <= start * (1 + 1e-9)

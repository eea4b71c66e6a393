"""The exact fit of the survivors: by hand, by torch's solver, by what an optimum obeys, both ways of solving."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.reconstruct import find
from pruneviz.engine.reconstruct.methods import least_squares
from pruneviz.engine.reconstruct.problem import Problem
from tests.engine.reconstruct.problems import drawn, gram_of, identity, problems

METHOD = find("least_squares")


@pytest.mark.parametrize(
    ("kept", "wanted"),
    [
        ([False, True, True], [0, 2 + 1 / 4.03, 3]),  # the second leans on the first, the third on neither
        ([True, False, True], [1 + 2 / 4.03, 0, 3]),
        ([True, True, False], [1, 2, 0]),
        ([True, True, True], [1, 2, 3]),
        ([False, False, False], [0, 0, 0]),
    ],
)
def test_three_weights_by_hand(kept, wanted):
    """w = (1, 2, 3), H = (4 1 0; 1 4 0; 0 0 1) and λ = 0.01 · (4 + 4 + 1) / 3 = 0.03: ŵ_S = w_S + H_SS⁻¹ H_SR w_R."""
    seen = torch.tensor([[4.0, 1, 0], [1, 4, 0], [0, 0, 1]], dtype=torch.float64)
    weight = torch.tensor([[1.0, 2, 3]], dtype=torch.float64)
    found = METHOD.solve(Problem(weight, gram_of(seen), 0.3, kept=torch.tensor([kept])))
    assert found.weight[0].tolist() == pytest.approx(wanted)


@given(problem=problems())
def test_no_survivor_wants_to_move(problem):
    """The slope of the error is zero wherever a weight stays: (ŵ − w)(H + λI) = 0 on the support."""
    found = METHOD.solve(problem)
    damped = problem.gram.damped()
    slope = (found.weight - problem.weight) @ damped
    scale = float((problem.weight.abs() @ damped.abs()).max())
    assert float(slope[problem.kept].abs().max() if problem.kept.any() else 0) <= 1e-8 * scale
    assert (found.weight[~problem.kept] == 0).all() and torch.equal(found.kept, problem.kept)


@given(problem=problems())
def test_it_is_what_torch_solves(problem):
    found = METHOD.solve(problem)
    root = torch.linalg.cholesky(problem.gram.damped()).T  # ½ ‖R (ŵ − w)‖²
    for row, whole, kept in zip(found.weight, problem.weight, problem.kept, strict=True):
        if kept.any():
            wanted = torch.linalg.lstsq(root[:, kept], (root @ whole)[:, None]).solution[:, 0]
            assert torch.allclose(row[kept], wanted, rtol=1e-5, atol=1e-7)


@given(rows=st.integers(1, 6), width=st.integers(2, 16), seed=st.integers(0, 1000), room=st.integers(1, 400))
def test_by_what_stays_and_by_what_goes_it_is_the_same(rows, width, seed, room):
    """Rows of any number of survivors, however many systems are solved at a time."""
    weight, gram = drawn(rows, width, seed)
    kept = torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed)) < 0.5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(least_squares, "ROOM", room)
        found = METHOD.solve(Problem(weight, gram, 0.5, kept=kept)).weight
    damped = gram.damped()
    inverse = torch.linalg.inv(damped)
    for row, whole, stay in zip(found, weight, kept, strict=True):
        away = ~stay
        by_survivors, by_removed = torch.where(stay, whole, 0.0), whole.clone()
        by_survivors[stay] += torch.linalg.solve(damped[stay][:, stay], damped[stay][:, away] @ whole[away])
        by_removed -= inverse[:, away] @ torch.linalg.solve(inverse[away][:, away], whole[away])
        for wanted in (by_survivors, torch.where(stay, by_removed, 0.0)):
            assert torch.allclose(row, wanted, rtol=1e-6, atol=1e-8)


def test_inputs_that_know_nothing_of_each_other_move_nobody():
    weight = torch.tensor([[3.0, -1, 2, 5]], dtype=torch.float64)
    kept = torch.tensor([[True, False, False, True]])
    assert METHOD.solve(Problem(weight, identity(4), 0.5, kept=kept)).weight.tolist() == [[3, 0, 0, 5]]


def test_a_float32_weight_is_fitted_in_float64_and_given_back_as_it_was():
    weight, gram = drawn(3, 12, 0)
    kept = weight.abs() > 0.5
    narrow = METHOD.solve(Problem(weight.float(), gram, 0.5, kept=kept)).weight
    assert narrow.dtype == torch.float32
    wide = METHOD.solve(Problem(weight.float().double(), gram, 0.5, kept=kept)).weight
    assert torch.equal(narrow, wide.float())

"""The error that all methods are measured by, and how many weights go of a block."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.reconstruct.gram import Gram
from pruneviz.engine.reconstruct.problem import Problem, error, going, row_errors
from tests.engine.reconstruct.problems import drawn, problems, row_error


def test_two_weights_by_hand():
    """w = (3, 1), H = (2 1; 1 2), λ = 0.02: without the first, e = (−3, 0) and E = ½ · 9 · 2.02; without both
    ½ · (18.18 + 2 · 3 + 2.02)."""
    gram = Gram(2, dtype=torch.float64)
    gram.add(torch.linalg.cholesky(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64)).T, 2)
    problem = Problem(torch.tensor([[3.0, 1.0]]), gram, 0.5)
    assert error(problem, torch.tensor([[0.0, 1.0]])) == pytest.approx(9.09)
    assert error(problem, torch.zeros(1, 2)) == pytest.approx(13.1)
    assert error(problem, problem.weight) == 0


@given(problem=problems())
def test_rows_add_up(problem):
    found = row_errors(problem, torch.where(problem.kept, problem.weight, 0.0))
    wanted = row_error(problem.weight, problem.gram.damped(), torch.where(problem.kept, problem.weight, 0.0))
    assert torch.allclose(found, wanted) and (found >= 0).all()
    assert error(problem, torch.where(problem.kept, problem.weight, 0.0)) == pytest.approx(float(wanted.sum()))


def test_without_damping_it_is_the_output_that_was_changed():
    """½ Σ 2/N (ŵx − wx)² over all inputs, and λ/2 of each weight's own change."""
    weight, gram = drawn(2, 5, 0)
    other = weight + 0.1
    apart = other - weight
    outputs = 0.5 * torch.einsum("oi,ij,oj->", apart, gram.seen, apart)
    assert error(Problem(weight, gram, 0.5), other) == pytest.approx(float(outputs) + gram.damping / 2 * 0.01 * 10)


@given(rows=st.integers(1, 50), width=st.integers(1, 600), block=st.integers(1, 200), amount=st.floats(0, 1))
def test_blocks_add_up_to_the_whole(rows, width, block, amount):
    """Each within one of its share, never more than it has, and of all together exactly round(amount · n)."""
    blocks = [range(start, min(start + block, width)) for start in range(0, width, block)]
    counts = [going(rows, columns, amount) for columns in blocks]
    assert sum(counts) == round(amount * rows * width)
    for many, columns in zip(counts, blocks, strict=True):
        assert 0 <= many <= rows * len(columns) and abs(many - amount * rows * len(columns)) <= 1

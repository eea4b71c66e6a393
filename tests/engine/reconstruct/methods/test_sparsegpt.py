"""SparseGPT: against Algorithm 1 as it is printed, on an identity Hessian (P4), by hand, and never below the exact fit."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pruneviz.engine import kernels
from pruneviz.engine.reconstruct import find, pushing
from pruneviz.engine.reconstruct.gram import Gram
from pruneviz.engine.reconstruct.methods import sparsegpt
from pruneviz.engine.reconstruct.problem import Problem, going, row_errors
from tests.engine.reconstruct.problems import drawn, gram_of, identity, problems

METHOD = find("sparsegpt")


def lowest(scores: Tensor, many: int) -> Tensor:
    """The lowest of scores [O, B] by sorting, of equals those that come first, row by row; bool."""
    flat = scores.flatten().tolist()
    out = torch.zeros(len(flat), dtype=torch.bool)
    out[sorted(range(len(flat)), key=lambda at: (flat[at], at))[:many]] = True
    return out.view(scores.shape)


def printed(problem: Problem, block: int) -> tuple[Tensor, Tensor]:
    """Algorithm 1 column by column over the whole rest of the row, without any laziness: Ŵ and what stays."""
    damped = problem.gram.damped()
    damped.diagonal()[problem.gram.dead] += 1
    upper = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    weight, width = problem.weight.clone(), problem.weight.shape[1]
    kept = torch.ones_like(weight, dtype=torch.bool) if problem.kept is None else problem.kept.clone()
    every = problem.pattern[1] if problem.pattern else block
    for column in range(width):
        if problem.kept is None and column % every == 0:
            columns = range(column, min(column + every, width))
            scores = weight[:, columns.start : columns.stop] ** 2 / upper.diagonal()[columns.start : columns.stop] ** 2
            if problem.pattern:
                away = torch.stack([lowest(row[None], every - problem.pattern[0])[0] for row in scores])
            else:
                scores[:, problem.gram.dead[columns.start : columns.stop]] = 0
                away = lowest(scores, going(len(weight), columns, problem.amount))
            kept[:, columns.start : columns.stop] = ~away
        error = torch.where(kept[:, column], 0.0, weight[:, column] / upper[column, column])
        weight[:, column:] -= error[:, None] * upper[column, column:]
        weight[:, column] *= kept[:, column]
    return weight, kept


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_two_weights_by_hand(amount):
    """w = (1, 4), H + λI = (2.02 1; 1 2.02). Half of it: the first goes, and the second makes up for it by H₂₁/H₂₂ · 1,
    which is the exact fit, as nothing was passed before."""
    gram = gram_of(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64))
    found = METHOD.solve(Problem(torch.tensor([[1.0, 4.0]], dtype=torch.float64), gram, amount))
    wanted = {0.0: [1, 4], 0.5: [0, 4 + 1 / 2.02], 1.0: [0, 0]}[amount]
    assert found.weight[0].tolist() == pytest.approx(wanted) and found.kept[0].tolist() == [one != 0 for one in wanted]


def test_a_column_that_was_passed_does_not_move():
    """w = (4, 1) in the same place: the second goes, and the first cannot answer any more. The exact fit could."""
    gram = gram_of(torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64))
    problem = Problem(torch.tensor([[4.0, 1.0]], dtype=torch.float64), gram, 0.5)
    found = METHOD.solve(problem)
    assert found.weight.tolist() == [[4, 0]]
    fitted = find("sparsegpt_refit").solve(problem)
    assert fitted.weight[0].tolist() == pytest.approx([4 + 1 / 2.02, 0])


@pytest.mark.parametrize("compiled", [False, *([True] if kernels.available() else [])])
@given(problem=problems(told=False), block=st.integers(1, 24), inner=st.integers(1, 8))
def test_it_is_the_printed_algorithm(compiled, problem, block, inner):
    """The same support and the same weights, in blocks of any width; blocks of whole groups, where there is a pattern."""
    if problem.pattern:
        block = -(-block // problem.pattern[1]) * problem.pattern[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparsegpt, "BLOCK", block)
        patch.setattr(pushing, "INNER", inner)
        patch.setattr(kernels, "available", lambda: compiled)
        found = METHOD.solve(problem)
    weight, kept = printed(problem, block)
    assert torch.equal(found.kept, kept)
    assert torch.allclose(found.weight, weight, rtol=1e-7, atol=1e-9)


@given(problem=problems())
def test_on_a_given_support_it_is_the_printed_algorithm(problem):
    found = METHOD.solve(problem)
    assert torch.equal(found.kept, problem.kept)
    assert torch.allclose(found.weight, printed(problem, 128)[0], rtol=1e-7, atol=1e-9)


def test_where_memory_counts_numba_stays_away(monkeypatch):
    """Whoever let H go prunes in plain torch, and finds the same."""
    weight, gram = drawn(4, 12, 0)
    before = METHOD.solve(Problem(weight, gram, 0.5))
    assert not gram.settled
    gram.settle()
    monkeypatch.setattr(kernels, "available", lambda: pytest.fail("numba was asked for"))
    after = METHOD.solve(Problem(weight, gram, 0.5))
    assert gram.settled and torch.equal(before.kept, after.kept) and torch.allclose(before.weight, after.weight)


@pytest.mark.parametrize("shape", [(1, 6), (6, 1), (3, 4)])
def test_nothing_that_is_given_is_written_to_or_given_back(shape):
    weight, gram = drawn(*shape, 0)
    kept = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < 0.5
    before = weight.clone(), kept.clone(), gram.factor.clone()
    found = METHOD.solve(Problem(weight, gram, 0.5, kept=kept))
    assert all(map(torch.equal, before, (weight, kept, gram.factor)))
    assert found.kept.data_ptr() != kept.data_ptr() and found.weight.data_ptr() != weight.data_ptr()


@given(width=st.integers(1, 300), rows=st.integers(1, 3), amount=st.floats(0, 1), seed=st.integers(0, 100))
def test_inputs_that_know_nothing_of_each_other(width, rows, amount, seed):
    """P4: with H = I the lowest |w| of each block of 128 columns go, all rows together, and no survivor moves a bit."""
    weight = torch.randint(-4, 5, (rows, width), generator=torch.Generator().manual_seed(seed)).double()
    found = METHOD.solve(Problem(weight, identity(width), amount))
    for start in range(0, width, 128):
        columns = range(start, min(start + 128, width))
        part = weight[:, columns.start : columns.stop].abs()
        away = lowest(part, going(rows, columns, amount))
        assert torch.equal(found.kept[:, columns.start : columns.stop], ~away)
    assert torch.equal(found.weight, torch.where(found.kept, weight, 0.0))


@given(pattern=st.sampled_from([(2, 4), (1, 4), (4, 8)]), groups=st.integers(1, 40), seed=st.integers(0, 100))
def test_inputs_that_know_nothing_of_each_other_in_a_pattern(pattern, groups, seed):
    stay, of = pattern
    weight = torch.randint(-4, 5, (2, groups * of), generator=torch.Generator().manual_seed(seed)).double()
    found = METHOD.solve(Problem(weight, identity(groups * of), 1 - stay / of, pattern))
    for group, kept in zip(weight.view(-1, of), found.kept.view(-1, of), strict=True):
        assert torch.equal(kept, ~lowest(group.abs()[None], of - stay)[0])
    assert torch.equal(found.weight, torch.where(found.kept, weight, 0.0))


@given(problem=problems())
def test_the_exact_fit_is_never_worse(problem):
    """P4: on the same support and the same objective, row by row, least squares ≤ SparseGPT and ≤ no update: always."""
    swept, fitted = (find(key).solve(problem).weight for key in ("sparsegpt", "least_squares"))
    unmoved = torch.where(problem.kept, problem.weight, 0.0)
    best, greedy, plain = (row_errors(problem, one) for one in (fitted, swept, unmoved))
    room = 1e-9 * (problem.weight @ problem.gram.damped() * problem.weight).sum(1)
    assert (best <= greedy + room).all() and (best <= plain + room).all()


@given(problem=problems(told=False))
def test_the_exact_fit_of_its_own_support_is_never_worse(problem):
    swept, fitted = (find(key).solve(problem) for key in ("sparsegpt", "sparsegpt_refit"))
    room = 1e-9 * (problem.weight @ problem.gram.damped() * problem.weight).sum(1)
    assert torch.equal(swept.kept, fitted.kept)
    assert (row_errors(problem, fitted.weight) <= row_errors(problem, swept.weight) + room).all()


def test_inputs_that_are_never_there_go_first():
    """Five of twenty columns see nothing: half of the weights go, all of theirs among them, however large they are."""
    weight, gram = drawn(4, 20, 0, tokens=60, dead=5)
    weight[:, :5] = 100.0
    found = METHOD.solve(Problem(weight, gram, 0.5))
    assert int((~found.kept).sum()) == 40 and not found.kept[:, :5].any()
    assert torch.isfinite(found.weight).all()


def test_it_is_better_than_no_update_where_inputs_lean_on_each_other():
    """No law, as it is greedy; on these inputs it is, by a third."""
    weight, gram = drawn(16, 32, 0, tokens=200)
    problem = Problem(weight, gram, 0.5)
    found = METHOD.solve(problem)
    unmoved = torch.where(found.kept, weight, 0.0)
    assert float(row_errors(problem, found.weight).sum()) < 0.7 * float(row_errors(problem, unmoved).sum())


def test_inputs_that_were_always_zero_go_first_from_a_pattern_too():
    """Of every four inputs one is dead: 2:4 takes its weights, however large they are."""
    generator = torch.Generator().manual_seed(0)
    inputs, gram = torch.randn(64, 8, generator=generator), Gram(8)
    inputs[:, [1, 6]] = 0
    gram.add(inputs, 64)
    weight = torch.randn(5, 8, generator=generator)
    weight[:, [1, 6]] = 100.0
    kept = find("sparsegpt").solve(Problem(weight, gram, 0.5, (2, 4))).kept
    assert not kept[:, [1, 6]].any() and kept.sum(1).tolist() == [4] * 5


@pytest.mark.parametrize("pattern", [(3, 6), (2, 5), (6, 12), (12, 24), (5, 31), (2, 4), (4, 8)])
def test_groups_that_no_block_is_a_multiple_of_are_judged_when_their_turn_comes(pattern):
    """More columns than a block has, and than are pushed right one by one: no group may be judged by weights of before."""
    width = 240 // pattern[1] * pattern[1]
    weight, gram = drawn(6, width, 3, tokens=600)
    problem = Problem(weight, gram, 1 - pattern[0] / pattern[1], pattern)
    wanted, kept = printed(problem, 1)
    found = METHOD.solve(problem)
    assert torch.equal(found.kept, kept)
    torch.testing.assert_close(found.weight, wanted, rtol=1e-6, atol=1e-9)

"""What stays of one matrix: exactly so many, of equals the first go, rows within one, more never revives."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.reconstruct.choosing import lowest, stays

amounts = st.floats(0, 1)


@st.composite
def scores(draw, whole: int = 1):
    """Few different values, so that ties are the rule; −∞ is what is zero already."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 4)) * whole
    values = st.sampled_from([-torch.inf, 0.0, 0.5, 1.0, 2.0])
    return torch.tensor(draw(st.lists(values, min_size=rows * columns, max_size=rows * columns))).view(rows, columns)


def gone(values: list[float], many: int) -> set[int]:
    """The places of the lowest, of equals the first: by sorting."""
    return set(sorted(range(len(values)), key=lambda at: (values[at], at))[:many])


@given(scores=scores(), amount=amounts)
def test_the_whole_matrix_competes(scores, amount):
    kept = stays(scores, amount, None, rows=False)
    flat = scores.flatten().tolist()
    assert set((~kept).flatten().nonzero().flatten().tolist()) == gone(flat, round(amount * len(flat)))


@given(scores=scores(), amount=amounts)
def test_rows_give_equally(scores, amount):
    """Exactly round(amount · n) go in all, every row within one of every other, and each row gives its own lowest."""
    away = ~stays(scores, amount, None, rows=True)
    assert int(away.sum()) == round(amount * scores.numel())
    counts = away.sum(1)
    assert int(counts.max() - counts.min()) <= 1
    for row, mine in zip(scores.tolist(), away, strict=True):
        assert set(mine.nonzero().flatten().tolist()) == gone(row, int(mine.sum()))


@given(scores=scores(), amounts=st.tuples(amounts, amounts).map(sorted), rows=st.booleans())
def test_more_never_revives(scores, amounts, rows):
    less, more = (stays(scores, amount, None, rows=rows) for amount in amounts)
    assert not (more & ~less).any()


@given(scores=scores(whole=4), stay=st.integers(1, 3))
def test_a_pattern_keeps_its_n_of_every_m(scores, stay):
    """P11, with ties: of equals the later stay, whatever the rows are asked."""
    kept = stays(scores, 1 - stay / 4, (stay, 4), rows=True)
    for row, mine in zip(scores.view(-1, 4).tolist(), kept.view(-1, 4), strict=True):
        assert set((~mine).nonzero().flatten().tolist()) == gone(row, 4 - stay)


@given(scores=scores(), counts=st.lists(st.integers(0, 4), min_size=6, max_size=6))
def test_each_row_its_own_number(scores, counts):
    """Any counts, none and all among them; what is asked is not written to."""
    asked = torch.tensor([min(one, scores.shape[1]) for one in counts[: len(scores)]])
    before = scores.clone()
    found = lowest(scores, asked)
    assert torch.equal(scores, before)
    for row, mine, many in zip(scores.tolist(), found, asked.tolist(), strict=True):
        assert set(mine.nonzero().flatten().tolist()) == gone(row, many)

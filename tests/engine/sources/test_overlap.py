"""Windows of one text in another: found at any offset, by half of their runs; not for a stock phrase, nor for padding."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.sources import overlap, text

LONG = 64


def drawn(count: int, seed: int, most: int = 500) -> list[int]:
    return torch.randint(1, most, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def windows(*lengths: int):
    """Windows that predict so many tokens each."""
    return text.padded([drawn(length + 1, at) for at, length in enumerate(lengths)])


def predicted(found, at: int) -> list[int]:
    return [one for one in found.labels[at].tolist() if one >= 0]


@given(st.integers(0, 3 * LONG), st.integers(0, 3 * LONG), st.integers(0, 2))
def test_a_window_is_found_wherever_it_begins(before, after, at):
    judged = windows(LONG, LONG, LONG)
    other = drawn(before, 7), drawn(after, 8)
    assert overlap.covered(judged, [*other[0], *predicted(judged, at), *other[1]]) == 1
    assert overlap.covered(judged, [*other[0], *other[1]]) == 0


def test_half_of_the_runs_is_where_it_ends():
    """64 tokens have 49 runs of 16. The first 40 hold 25 of them, the first 39 only 24; a phrase of 15 holds none."""
    judged = windows(LONG)
    found = predicted(judged, 0)
    known = [overlap.covered(judged, [*found[:many], *drawn(200, 9)]) for many in (64, 40, 39, 16, 15)]
    assert known == [1, 1, 0, 0, 0]


def test_it_is_the_order_that_counts_and_many_short_phrases_are_no_window():
    judged = windows(LONG)
    found = predicted(judged, 0)
    assert overlap.covered(judged, found[::-1]) == 0
    assert overlap.covered(judged, [one for at in range(0, LONG, 15) for one in (*found[at : at + 15], 0)]) == 0


def test_padding_is_compared_with_nothing_and_short_windows_by_all_they_have():
    """Beside windows of 64 tokens one of 9 says nothing; where 9 are all there are, the run is as long."""
    mixed, short = windows(LONG, 9), windows(9, 5)
    assert overlap.covered(mixed, [*predicted(mixed, 1), *drawn(50, 3)]) == 0
    assert overlap.covered(short, [*drawn(50, 3), *predicted(short, 0), *drawn(50, 4)]) == 1
    assert overlap.covered(short, predicted(short, 0)[:8]) == overlap.covered(short, []) == 0
    assert overlap.covered(mixed, [-100 % 2**16] * 100) == 0


def test_a_run_has_a_number_of_its_own():
    """Of all runs of two tokens out of fifty no two have the same number, whichever rows they stand in."""
    pairs = np.array([(one, other) for one in range(50) for other in range(50)], dtype=np.uint64)
    assert len(np.unique(overlap._hashes(pairs, 2))) == 2500
    row = overlap._hashes(np.arange(9, dtype=np.uint64), 2)
    assert row.shape == (8,) and row[3] == overlap._hashes(np.array([3, 4], dtype=np.uint64), 2)[0]

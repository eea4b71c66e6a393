"""Halves: exactly those who are to blame, and not many questions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.structure.halves import guilty


@given(st.integers(0, 60), st.sets(st.integers(0, 59), max_size=4))
def test_those_who_are_to_blame_are_found(count, bad):
    asked = []

    def fine(some):
        asked.append(some)
        return not bad & set(some)

    ones = list(range(count))
    assert guilty(ones, fine) == sorted(bad & set(ones))
    assert len(asked) <= 1 + 2 * 6 * len(bad)


def test_where_only_both_together_fail_both_are():
    assert guilty(["a", "b"], lambda some: len(some) < 2) == ["a", "b"]

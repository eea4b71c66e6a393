"""A table of words keeps its columns, whatever the words hold."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz import plain
from pruneviz.studio import show


def cells(line: str) -> list[str]:
    """As GitHub's tables are read: a bar ends a cell unless a backslash stands right before it."""
    return [one.strip() for one in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize("word", ["a|b", "a\\|b", plain.markdown("<|endoftext|>"), plain.markdown("\\|"), "\\\\|"])
def test_a_bar_ends_no_cell(word):
    header, _, row = show.lines([("one", "two"), (word, 3)]).splitlines()
    assert cells(header) == ["one", "two"] and len(cells(row)) == 2 and cells(row)[1] == "3"
    assert "\\\\|" not in cells(row)[0].replace("\\\\\\|", "")


@given(words=st.lists(st.text(alphabet="a|\\<` ", max_size=12), min_size=2, max_size=2))
def test_whatever_is_shown_as_it_is_stays_in_its_cell(words):
    rows = [("one", "two"), [plain.markdown(word) for word in words]]
    assert len(cells(show.lines(rows).splitlines()[2])) == 2

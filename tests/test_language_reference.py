"""The language reference is split by name, once and for all, and nothing that is held out was read in training."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from pruneviz import language_reference as reference

ROW = 8
"""So many words in a row that stand in two topics make them one."""


@pytest.fixture
def carried(monkeypatch):
    """Has the interpreter carry these topics instead of its own."""

    def carry(topics):
        monkeypatch.setitem(sys.modules, "pydoc_data.topics", topics and SimpleNamespace(topics=topics))
        reference.topics.cache_clear()
        reference.sha256.cache_clear()

    yield carry
    monkeypatch.undo()
    reference.topics.cache_clear()
    reference.sha256.cache_clear()


def rows(texts: tuple[str, ...]) -> set[tuple[str, ...]]:
    """All rows of eight words; of a shorter topic all its words."""
    found = set()
    for text in texts:
        words = text.split()
        found |= {tuple(words[at : at + ROW]) for at in range(max(1, len(words) - ROW + 1))}
    return found


def test_every_topic_is_on_one_side():
    held, watched, learned = reference.held_out(), reference.watched(), reference.learned()
    assert len(held) == len(reference.HELD_OUT) and len(watched) == len(reference.WATCHED)
    assert sorted((*held, *watched, *learned)) == sorted(reference.topics().values())
    assert sorted((*watched, *learned)) == sorted(reference.training())
    letters = sum(map(len, reference.topics().values()))
    assert 0.10 < sum(map(len, held)) / letters < 0.15


def test_nothing_held_out_stands_in_the_training_text_nor_what_is_watched_in_what_is_learned():
    """«for» is a part of «compound»: whole topics alone would have let the network learn what it is asked."""
    assert not rows(reference.held_out()) & rows(reference.training())
    assert not rows(reference.watched()) & rows(reference.learned())


def test_a_topic_of_another_python_is_training_text(carried):
    """By hand: «assert» is held out, «truth» is watched, and «soft-keywords» nobody knew when the lot was drawn."""
    carried({"truth": "t", "soft-keywords": "s", "assert": "a"})
    assert (reference.held_out(), reference.watched(), reference.learned()) == (("a",), ("t",), ("s",))
    assert reference.training() == ("s", "t")


def test_the_name_is_of_the_held_out_text_alone(carried):
    carried({"assert": "a", "truth": "t"})
    name = reference.sha256()
    carried({"assert": "a", "truth": "another"})
    assert reference.sha256() == name
    carried({"assert": "b", "truth": "t"})
    assert reference.sha256() not in ("", name)


def test_a_python_without_it_has_no_text_and_no_name(carried):
    carried(None)
    assert (reference.topics(), reference.held_out(), reference.sha256()) == ({}, (), "")

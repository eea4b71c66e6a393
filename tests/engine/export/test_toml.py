"""A card that was written says what it was told to say, read by the standard library."""

from __future__ import annotations

import math
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pruneviz.engine.export import toml

TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = TEXTS | some.booleans() | some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False)
VALUES = some.recursive(
    PLAIN, lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)


@given(some.dictionaries(TEXTS, VALUES, max_size=5))
def test_what_is_written_is_read_again(table):
    assert tomllib.loads(toml.text(table)) == table


def test_a_card_reads_as_a_person_would_write_it():
    table = {"name": "a net", "classes": ["0", "1"], "data": {"set": "digits", "mean": [0.305]}}
    assert toml.text(table) == 'name = "a net"\nclasses = ["0", "1"]\n\n[data]\nset = "digits"\nmean = [0.305]\n'


def test_numbers_that_are_none_are_numbers_of_toml():
    found = tomllib.loads(toml.text({"a": math.nan, "b": -math.inf}))
    assert math.isnan(found["a"]) and found["b"] == -math.inf


def test_what_toml_does_not_hold_is_refused():
    with pytest.raises(TypeError, match="no NoneType"):
        toml.text({"a": None})

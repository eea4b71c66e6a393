"""Amounts that fit into a link, and what cannot be searched for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.allocation import Allocation, Half, Setting, applied, short, trouble
from pruneviz.query import from_query, to_query
from pruneviz.recipe import Recipe


@given(st.data())
def test_a_short_share_is_that_count_and_no_longer_than_it_must_be(data):
    size = data.draw(st.integers(1, 10**7))
    count = data.draw(st.integers(0, size))
    share = short(count, size)
    assert round(share * size) == count and 0 <= share <= 1
    assert len(repr(share)) <= 4 + len(str(size)) or share < 1e-4


def test_the_answer_is_a_setting_with_an_amount_for_every_layer_and_survives_a_link():
    half = Half(10, 9, 0.9, (0.6, 1.0), 0.3)
    dense = Setting("dense", (), 40, choosing=half)
    best = Setting("solver", (("b", 0.25), ("a", 1.0)), 20, choosing=half)
    found = Allocation(
        (("a", "a", 10), ("b", "b", 30)), 0.02, "parameters", 40, dense, best, 0.8, "accuracy", "images", "weight"
    )
    after = applied(Recipe(spared=("c",), scope="lamp"), found)
    assert after.overrides == (("a", 1.0), ("b", 0.25)) and after.spared == ("c",) and after.scope == "layer"
    assert after.amount == round(17.5 / 40, 4) and found.saved == 0.5
    assert from_query(to_query(after)) == (after, [])


def test_what_cannot_be_shared_out_is_refused_in_a_sentence():
    assert "same share" in trouble(Recipe(granularity="2:4", amount=0.5))
    assert "save no time" in trouble(Recipe(budget="ms"))
    assert not trouble(Recipe(budget="macs")) and not trouble(Recipe(granularity="filter", budget="ms"))


def test_p_is_mcnemars_two_sided_and_a_tie_is_one():
    """Six to none is 2/64."""
    assert Setting("global", (), 1, gains=0, losses=6).p == pytest.approx(2 / 64)
    assert Setting("global", (), 1, gains=3, losses=3).p == Setting("global", (), 1).p == 1

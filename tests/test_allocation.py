"""Amounts that fit into a link, and what cannot be searched for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.allocation import CANNOT_TELL, KEEPS, KEEPS_NOT, Allocation, Half, Setting, applied, short, trouble
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


def reported(both: int, wrong: int, right: int, neither: int) -> Allocation:
    """A search that is done, from what the half that reports says: before and after, sample by sample."""
    n = both + wrong + right + neither
    halves = [Half(n, one, one / n, (0.0, 1.0), 0.3) for one in (both + wrong, both + right)]
    dense = Setting("dense", (), 40, choosing=halves[0], reporting=halves[0], gains=wrong, losses=right)
    best = Setting("solver", (("a", 0.5),), 20, choosing=halves[1], reporting=halves[1])
    layers = (("a", "a", 40),)
    return Allocation(
        layers,
        0.02,
        "parameters",
        40,
        dense,
        best,
        0.8,
        "accuracy",
        "images",
        "weight",
        complete=True,
        tried=9,
        started="erk",
    )


KEPT = {
    (980, 2, 4, 14): KEEPS,
    (240, 5, 2, 3): CANNOT_TELL,
    (200, 45, 2, 3): KEEPS_NOT,
    (0, 20, 0, 0): KEEPS_NOT,
}
"""Both, wrong, right and neither of the half that reports, and whether 98 % are kept there."""


@pytest.mark.parametrize(("counts", "word"), KEPT.items())
def test_what_was_asked_for_is_kept_or_not_or_nobody_can_tell(counts, word):
    found = reported(*counts)
    low, high = found.kept_interval
    assert found.keeps == word and low <= found.kept + 1e-9 and found.kept <= high


def test_a_lucky_answer_is_rarely_said_to_keep_what_it_does_not():
    """Of 250 images 245 were right, and the answer keeps a little less than 98 % of them: «keeps» is wrong."""
    chance = np.random.default_rng(3)
    drawn = chance.multinomial(250, (0.95, 0.03, 0.008, 0.012), size=400)
    words = [reported(*map(int, one)).keeps for one in drawn]
    assert words.count(KEEPS) / len(words) <= 0.05


def test_of_a_loss_the_intervals_of_both_decide_and_nothing_before_the_other_half_was_seen():
    """Perplexity 10 (9.9 to 10.1) and 10.05 (10 to 10.1): at worst 9.9 / 10.1 = 98.02 % is kept."""
    dense, best = (
        Setting(name, (), 1, reporting=Half(50, None, value, ends, 2.3))
        for name, value, ends in (("dense", 10.0, (9.9, 10.1)), ("solver", 10.05, (10.0, 10.1)))
    )
    found = Allocation((), 0.02, "macs", 2, dense, best, 9, "perplexity", "tokens", "weight", complete=True, higher=False)
    assert found.kept_interval == pytest.approx((9.9 / 10.1, 10.1 / 10)) and found.keeps == KEEPS
    assert replace(found, tolerance=0.01).keeps == CANNOT_TELL and replace(found, tolerance=0.0).keeps == CANNOT_TELL
    unseen = replace(found, best=replace(best, reporting=None), complete=False)
    assert unseen.kept_interval is None and unseen.keeps == ""


def test_of_a_perplexity_the_paired_losses_decide_where_they_are_known():
    """The same windows before and after: the mean loss rises by log(10.05 / 10), give or take 0.001 nats."""
    dense, best = (
        Setting(name, (), 1, reporting=Half(50, None, value, ends, 2.3), error=0.001 if name == "dense" else None)
        for name, value, ends in (("dense", 10.0, (8.0, 12.0)), ("solver", 10.05, (8.1, 12.1)))
    )
    found = Allocation((), 0.02, "macs", 2, dense, best, 9, "perplexity", "tokens", "weight", complete=True, higher=False)
    assert found.kept_interval == pytest.approx(
        (10 / 10.05 * np.exp(-0.00195996), 10 / 10.05 * np.exp(0.00195996)), rel=1e-6
    )
    assert found.keeps == KEEPS and replace(found, tolerance=0.004).keeps == CANNOT_TELL


def test_p_is_mcnemars_two_sided_and_a_tie_is_one():
    """Six to none is 2/64."""
    assert Setting("global", (), 1, gains=0, losses=6).p == pytest.approx(2 / 64)
    assert Setting("global", (), 1, gains=3, losses=3).p == Setting("global", (), 1).p == 1

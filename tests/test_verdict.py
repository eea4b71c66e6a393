"""The verdict: the interval of a paired difference is Newcombe's, and a limit that it crosses is not decided."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pruneviz import verdict
from pruneviz.report import wilson
from pruneviz.truths import Spread
from pruneviz.verdict import CANNOT_TELL, MEETS, MISSES, judge, paired
from tests.cases import breakage, report, score, units

COUNTS = some.tuples(*[some.integers(0, 200)] * 4).filter(sum)


def test_the_interval_is_the_published_one():
    """Airway hyper-responsiveness of 21 children before and after a transplantation, the example of Fagerland, Lydersen &
    Laake 2014 (Statistics in Medicine): −0.507 to −0.026."""
    assert [round(end, 3) for end in paired(1, 1, 7, 12)] == [-0.507, -0.026]


def test_without_correlation_it_is_the_two_wilson_intervals_squared_and_added():
    """30, 30, 20, 20: ad − bc = 0, so φ = 0, and L = θ − √((p₁ − l₁)² + (u₂ − p₂)²) by hand."""
    (low_1, up_1), (low_2, up_2) = wilson(60, 100), wilson(50, 100)
    low = 0.1 - ((0.6 - low_1) ** 2 + (up_2 - 0.5) ** 2) ** 0.5
    high = 0.1 + ((up_1 - 0.6) ** 2 + (0.5 - low_2) ** 2) ** 0.5
    assert paired(30, 30, 20, 20) == pytest.approx((low, high))


@given(COUNTS)
def test_it_holds_the_difference_and_turns_with_the_two_networks(counts):
    both, wrong, right, neither = counts
    low, high = paired(*counts)
    assert -1 <= low <= (wrong - right) / sum(counts) <= high <= 1
    turned = paired(both, right, wrong, neither)
    assert (-turned[1], -turned[0]) == pytest.approx((low, high))


def test_it_holds_the_truth_about_as_often_as_it_says():
    chance, truth = np.random.default_rng(5), (0.85, 0.06, 0.02, 0.07)
    drawn = chance.multinomial(300, truth, size=2000)
    held = [low <= 0.04 <= high for low, high in (paired(*map(int, one)) for one in drawn)]
    assert 0.93 <= np.mean(held) <= 0.98


def test_the_dense_network_lost_nothing_for_sure():
    same = report(score(480, 0, 0, 20), removed=0)
    assert verdict.lost(same) == (0.0, (0.0, 0.0))
    assert judge((("points", 0.0),), same, None, None, None).word == MEETS


@given(COUNTS, some.floats(0, 100))
def test_a_limit_is_decided_by_the_interval(counts, allowed):
    made = report(score(*counts))
    (row,) = judge((("points", allowed),), made, None, None, None).rows
    low, high = row.interval
    assert row.value == pytest.approx(100 * (counts[1] - counts[2]) / sum(counts))
    assert row.verdict == (MEETS if high <= allowed else MISSES if low > allowed else CANNOT_TELL)


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        ((), ""),
        ((("points", 50),), MEETS),
        ((("points", 50), ("ms", 1)), CANNOT_TELL),
        ((("points", 50), ("ms", 1), ("mb", 0.001)), MISSES),
        ((("points", 50), ("mb", 1)), MEETS),
    ],
)
def test_one_miss_misses_and_one_doubt_is_a_doubt(limits, word):
    assert judge(limits, report(), None, 0.0044, None).word == word


def test_what_is_not_measured_cannot_be_told():
    rows = judge((("worst", 1), ("mb", 1), ("ms", 1)), report(), None, None, None).rows
    assert [(row.verdict, row.value, row.note) for row in rows] == [(CANNOT_TELL, None, "not measured")] * 3
    perplexity = report(score(correct=None, dense_correct=None, metric="perplexity"))
    for row in judge((("points", 1), ("worst", 1)), perplexity, None, None, None).rows:
        assert row.verdict == CANNOT_TELL and ("perplexity" in row.note or "no classes" in row.note)


def test_the_first_samples_decide_nothing():
    part = report(score(of=5000))
    (row,) = judge((("points", 100),), part, None, None, None).rows
    assert row.verdict == CANNOT_TELL and "500 of 5,000 held-out images so far" in row.note and row.value is not None
    few = breakage((45, 5, 0, 0), (50, 0, 0, 0), of=200)
    assert judge((("worst", 100),), report(), few, None, None).word == CANNOT_TELL


def test_the_limit_of_the_worst_class_binds_every_class():
    """The worst loses 10 of 100 points, 17.4 at most; one of five samples loses nothing, and may lose 40 for all we know."""
    found = breakage((90, 10, 0, 0), (5, 0, 0, 0))
    (row,) = judge((("worst", 20),), report(), found, None, None).rows
    assert row.value == pytest.approx(10) and "«class 0», the worst of 2 classes" in row.words
    assert row.interval[1] < 20 and row.verdict == CANNOT_TELL
    assert judge((("worst", 20),), report(), breakage((90, 10, 0, 0), (500, 0, 0, 0)), None, None).word == MEETS
    assert judge((("worst", 2),), report(), found, None, None).word == MISSES
    assert "picked after the fact" in row.note


def test_zeros_take_as_many_bytes_as_before():
    (row,) = judge((("mb", 0.001),), report(), None, 0.0044, None).rows
    assert row.verdict == MISSES and "not zero come to 0.0012 MB" in row.note
    (row,) = judge((("mb", 0.004),), units(), None, 0.0012, None).rows
    assert row.verdict == MEETS and row.note == "4 bytes each"


@pytest.mark.parametrize(("allowed", "word"), [(3.0, MEETS), (2.0, CANNOT_TELL), (1.0, MISSES)])
def test_milliseconds_are_decided_by_their_quartiles(allowed, word):
    (row,) = judge((("ms", allowed),), report(), None, None, Spread(2.0, 1.8, 2.3, 21)).rows
    assert row.verdict == word and row.value == 2.0 and "21 rounds" in row.note


@settings(max_examples=30)
@given(COUNTS)
def test_a_class_is_paired_like_the_whole(counts):
    found = breakage(counts)
    whole = verdict.lost(replace(report(score(*counts))))
    assert verdict.class_lost(found.classes[0]) == pytest.approx(whole[:1] + (pytest.approx(whole[1]),))

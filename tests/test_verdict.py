"""The verdict: a limit that an interval crosses is not decided, and the worst of many classes does not miss by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pruneviz import intervals, settling, verdict
from pruneviz.truths import Spread
from pruneviz.verdict import CANNOT_TELL, MEETS, MISSES, class_lost, judge
from tests.cases import breakage, report, score, units

COUNTS = some.tuples(*[some.integers(0, 200)] * 4).filter(sum)


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
    assert "picked after the fact" in row.note and "97.47% interval, corrected for 2 classes" in row.note


def test_the_class_that_misses_for_sure_is_the_one_that_is_shown():
    """4 of 10 lost is more than 200 of 1,000, and yet only the latter is surely beyond 10 points."""
    (row,) = judge((("worst", 10),), report(), breakage((6, 4, 0, 0), (800, 200, 0, 0)), None, None).rows
    assert row.verdict == MISSES and "«class 1»" in row.words and row.interval[0] > 10 and "for sure" in row.words


@given(COUNTS, some.integers(2, 1000))
def test_of_many_classes_the_lower_end_is_further_out_and_the_upper_end_is_its_own(counts, many):
    (row,) = breakage(counts).classes
    alone, among = class_lost(row), class_lost(row, many)
    assert among[0] == alone[0] and among[1][0] <= alone[1][0] + 1e-9 and among[1][1] == alone[1][1]


@pytest.mark.parametrize(("many", "draws"), [(10, 150), (100, 60)])
def test_the_worst_of_many_classes_rarely_misses_by_chance(many, draws):
    """Every class truly loses 3 points of 100 samples each, and 3 are allowed: whoever says «misses» is wrong. By the own
    95 % intervals of the classes more than one of twenty verdicts would be."""
    chance, truth = np.random.default_rng(7), (0.82, 0.08, 0.05, 0.05)
    made, wrong, uncorrected = report(), 0, 0
    for drawn in chance.multinomial(100, truth, size=(draws, many)):
        found = breakage(*(tuple(map(int, one)) for one in drawn))
        wrong += judge((("worst", 3.0),), made, found, None, None).word == MISSES
        uncorrected += any(class_lost(row)[1][0] > 3.0 for row in found.classes)
    assert wrong / draws <= 0.05 < uncorrected / draws


def test_a_class_that_loses_far_too_much_still_misses():
    classes = [(90, 2, 2, 6)] * 99 + [(50, 45, 0, 5)]
    assert judge((("worst", 10),), report(), breakage(*classes), None, None).word == MISSES


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


def test_how_many_images_would_settle_it_is_what_the_interval_then_says():
    """480 of 500 were right, 20 turn wrong and 10 right: 2 points lost, 3 allowed. The normal approximation of the paired
    difference wants 1.96² · (0.04 + 0.02 − 0.02²) / 0.01² = 2,290 images; the verdict's own interval a few more."""
    counts = (460, 20, 10, 10)
    found = settling.needed(counts, 0.03)
    assert 2290 < found < 1.15 * 2290
    (row,) = judge((("points", 3.0),), report(score(*counts)), None, None, None).rows
    assert row.verdict == CANNOT_TELL and f"about {settling.about(found):,} held-out images" in row.ways
    assert "500 were measured" in row.ways and "smaller amount" in row.ways
    so_many = tuple(found * count // 500 + 1 for count in counts)
    assert intervals.paired(*so_many)[1] <= 0.0301


def test_no_number_of_images_settles_a_difference_that_is_the_limit():
    counts = (460, 20, 10, 10)
    assert settling.needed(counts, 0.02) is None
    (row,) = judge((("points", 2.0),), report(score(*counts)), None, None, None).rows
    assert row.verdict == CANNOT_TELL and row.ways.startswith("no number of samples")


@given(COUNTS, some.floats(0, 20))
def test_what_is_decided_needs_nothing_and_a_milder_limit_is_met(counts, allowed):
    (row,) = judge((("points", allowed),), report(score(*counts)), None, None, None).rows
    assert bool(row.ways) is (row.verdict == CANNOT_TELL)
    if row.ways:
        milder = float(row.ways.partition(" points or more")[0].rpartition(" ")[2])
        assert judge((("points", milder),), report(score(*counts)), None, None, None).word == MEETS


def test_the_class_that_cannot_be_told_says_how_many_of_its_own_it_needs():
    """Class 1 loses 4 of 50 on balance, more than the other: 8 points, and 5 are allowed."""
    found = breakage((49, 1, 0, 0), (43, 5, 1, 1))
    (row,) = judge((("worst", 5.0),), report(), found, None, None).rows
    assert row.verdict == CANNOT_TELL and "held-out images of «class 1» alone settle it, 50 were measured" in row.ways
    assert intervals.paired(43, 5, 1, 1)[1] * 100 <= float(row.ways.partition(" points or more")[0].rpartition(" ")[2])


@pytest.mark.parametrize(("n", "said"), [(7, 7), (99, 99), (101, 110), (2290, 2300), (12345, 13000)])
def test_a_promise_has_two_digits(n, said):
    assert settling.about(n) == said

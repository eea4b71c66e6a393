"""Intervals: of a paired difference Newcombe's, of a paired ratio Bonett & Price's, of many at once Šidák's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from pruneviz.intervals import Z, deviations, each_of, paired, ratio
from pruneviz.report import wilson

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


@given(COUNTS, some.floats(Z, 6))
def test_a_surer_interval_holds_the_other(counts, z):
    (low, high), (lower, higher) = paired(*counts), paired(*counts, z)
    assert lower <= low + 1e-12 and high <= higher + 1e-12


def test_the_interval_of_a_ratio_is_the_published_one():
    """32 and 10 of the 36 that were right at least once, from the manual of Bonett's R package statpsych; and complete
    responses to a therapy (Cavo et al. 2012), from the R package of Fagerland, Lydersen & Laake's book."""
    assert ratio(6, 4, 26) == pytest.approx((1.766544, 5.796628), abs=1e-6)
    assert ratio(59, 16, 6) == pytest.approx((0.7579, 0.9910), abs=5e-5)


@given(COUNTS)
def test_a_ratio_lies_in_its_interval_and_turns_with_the_two_networks(counts):
    both, wrong, right, _ = counts
    low, high = ratio(both, wrong, right)
    if both + wrong:
        kept = (both + right) / (both + wrong)
        assert low <= kept + 1e-9 and high >= kept - 1e-9
    turned = ratio(both, right, wrong)
    if both and math.isfinite(high) and math.isfinite(turned[1]):
        assert (1 / turned[1], 1 / turned[0]) == pytest.approx((low, high))


def test_a_ratio_holds_the_truth_about_as_often_as_it_says():
    chance, truth = np.random.default_rng(1), (0.84, 0.08, 0.06, 0.02)
    drawn = chance.multinomial(250, truth, size=1500)
    held = [low <= 0.90 / 0.92 <= high for low, high in (ratio(*map(int, one[:3])) for one in drawn)]
    assert 0.935 <= np.mean(held) <= 0.98


def test_many_intervals_hold_together_as_often_as_one():
    """One is 1.96 standard deviations; 0.95^(1/10) = 0.99488 is 2.80."""
    assert deviations(each_of(1)) == pytest.approx(Z) and deviations(each_of(10)) == pytest.approx(2.7996, abs=1e-4)
    assert [each_of(many) ** many for many in (2, 10, 1000)] == pytest.approx([0.95] * 3)

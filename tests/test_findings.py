"""Sentences say what the numbers say: no more, no less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from pruneviz import findings
from pruneviz.report import Curve, CurvePoint, GroupReport, Report, Score, wilson


def curve(values, n=500):
    points = tuple(
        CurvePoint(
            at / (len(values) - 1),
            at / (len(values) - 1),
            v,
            round(v * n),
            n,
            wilson(round(v * n), n),
            (round(v * n / 2), n // 2),
        )
        for at, v in enumerate(values)
    )
    return Curve("s", "c", "global", 0, "none", 0, points, values[0], 0.1)


def report(**how):
    score = {"value": 0.9, "correct": 450, "newly_wrong": 13, "newly_right": 0, "dense_value": 0.926, **how.pop("score", {})}
    flips = (score["newly_wrong"], score["newly_right"])
    one = Score("accuracy", score["value"], score["correct"], 500, (0.87, 0.92), 0.1, score["dense_value"], 463, *flips)
    whole = {"weights": 1000, "removed": 580, "energy": 0.086, **how}
    counts = (whole["weights"], whole["removed"], 0.58, 0.1, whole["energy"])
    return Report("s", "c", "weight", "global", 0.58, 0, "none", 0, *counts, (), "", "", one)


def test_the_cliff_is_the_steepest_tenth():
    found = findings.cliff(curve([0.99] * 8 + [0.9, 0.2, 0.1]))
    assert (found.start, found.stop) == (0.8, 0.9) and found.points == pytest.approx(70)


def test_what_wobbles_at_chance_is_no_cliff():
    bumps = curve([0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.12, 0.1, 0.1, 0.1, 0.1])
    assert findings.cliff(replace(bumps, dense_value=0.99)) is None


def test_a_flat_curve_has_no_cliff():
    assert findings.cliff(curve([0.99, 0.985, 0.99, 0.98, 0.99])) is None


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.58, "58%"), (0.925, "92.5%"), (0.0, "0%"), (1.0, "100%"), (0.00001, "<0.1%"), (0.99999, ">99.9%"), (0.966, "96.6%")],
)
def test_percentages_are_never_rounded_to_what_they_are_not(share, text):
    assert findings.percent(share) == text


def test_headlines_carry_their_numbers():
    assert findings.headline(report()) == "Remove 58% of the weights, and 13 of 500 images turn wrong."
    assert "3 turn right" in findings.headline(report(score={"newly_right": 3}))
    assert findings.headline(report(removed=0)).startswith("Nothing is removed: 90% of 500")
    assert "not one" in findings.headline(report(score={"newly_wrong": 0}))
    one = report(score={"newly_wrong": 0, "newly_right": 1})
    assert findings.headline(one) == "Remove 58% of the weights, and none of 500 images turns wrong, 1 turns right."
    assert findings.against_dense(report()) == "−2.6 points"
    assert findings.against_dense(report(score={"dense_value": 0.9})) == "±0.0 points"


@pytest.mark.parametrize(("how", "said"), [
    ({}, "Remove 58% of the weights, and perplexity goes from 44.51 to 45.00."),
    ({"removed": 0}, "Nothing is removed: perplexity is 45.00."),
    ({"energy": 0.0}, "Remove 58% of the weights: all were zero already, so perplexity stays at 45.00."),
])  # fmt: skip
def test_a_perplexity_that_cannot_move_goes_nowhere(how, said):
    one = report(score={"correct": None, "value": 45.0, "dense_value": 44.51}, **how)
    assert findings.headline(replace(one, score=replace(one.score, metric="perplexity"))) == said


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (10, 10), (450, 500), (1, 1), (9889, 10_000)])
def test_wilson_is_scipys_interval(correct, n):
    expected = binomtest(correct, n).proportion_ci(method="wilson")
    assert wilson(correct, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_an_interval_needs_a_sample():
    with pytest.raises(ValueError, match="at least one sample"):
        wilson(0, 0)


def test_the_cliff_of_a_perplexity_is_where_it_is_multiplied_by_most():
    """Of 10 windows; guessing gets 512. From 12 to 60 is five times; what comes after guessing is no cliff."""
    values = (10.0, 10.5, 12.0, 60.0, 200.0, 600.0, 90_000.0)

    def rising(values) -> Curve:
        points = tuple(
            CurvePoint(at / 10, at / 10, value, None, 10, (0.9 * value, 1.1 * value), (0, 0))
            for at, value in enumerate(values)
        )
        return Curve("s", "c", "global", 0, "none", 0, points, values[0], 512.0)

    found = findings.cliff(rising(values))
    assert (found.start, found.stop, found.points) == (0.2, 0.3, 0.0) and found.times == pytest.approx(5.0)
    assert findings.cliff(rising([10 + at / 10 for at in range(7)])) is None


@pytest.mark.parametrize(("heads", "said"), [(1, "attention heads"), (2, "groups of heads")])
def test_heads_that_share_keys_are_counted_as_groups(heads, said):
    ones = np.ones(4)
    group = GroupReport("attn", "attn", "head", 4, ones.astype(bool), ones, ones, heads=heads)
    one = replace(report(), granularity="head", groups=(group,), units=4, units_removed=2)
    assert findings.many(one) == said and findings.headline(one).startswith(f"Remove 50% of the {said}")

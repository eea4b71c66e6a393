"""Gains: flips and intervals of small tables by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.training.gains import flips, gain


def judged(*correct: int) -> Measurement:
    right = np.array(correct, dtype=bool)
    return Measurement(np.ones(len(right)), np.ones(len(right), dtype=np.int64), right, float(right.mean()), (0.0, 1.0))


def windows(*losses: float) -> Measurement:
    return Measurement(np.array(losses), np.full(len(losses), 2), None, 1.0, (0.0, 1.0))


def test_what_turned_is_counted_and_a_gain_has_its_sign():
    """Of 40 samples 10 were right and stay so, 1 turns wrong, 9 turn right: a gain of 8 in 40, surely above nothing; the
    other way round it is the same loss."""
    before, after = judged(*[1] * 11, *[0] * 29), judged(*[1] * 10, 0, *[1] * 9, *[0] * 20)
    assert flips(before, after) == {"newly_wrong": 1, "newly_right": 9}
    found, back = gain(before, after), gain(after, before)
    assert found["gain"] == pytest.approx(0.2) and 0 < found["gain_low"] < 0.2 < found["gain_high"]
    assert back["gain_low"] == pytest.approx(-found["gain_high"]) and back["gain"] == pytest.approx(-0.2)


def test_where_nothing_is_right_or_wrong_the_gain_is_in_nats():
    """Windows of two tokens save 2, 4 and 6 nats: 2 a token. The deviations are −2, 0, 2, so the variance of the mean is
    3/2 · 8 / 36 = 1/3, and Student's quantile with 2 degrees of freedom is 4.3027."""
    before, after = windows(10, 10, 10), windows(8, 6, 4)
    assert flips(before, after) == {}
    half = 4.302653 * (1 / 3) ** 0.5
    assert list(gain(before, after).values()) == pytest.approx([2, 2 - half, 2 + half], rel=1e-5)
    assert gain(windows(3), windows(1))["gain_low"] == -np.inf

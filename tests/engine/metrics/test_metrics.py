"""Metrics by hand, against scikit-learn's, and their intervals against samples that were really drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine import metrics
from pruneviz.engine.metrics import accuracy, confusion, macro_f1, matthews
from pruneviz.report import wilson

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


def arrays(pairs) -> tuple[np.ndarray, np.ndarray]:
    return np.array([one for one, _ in pairs]), np.array([other for _, other in pairs])


def test_five_samples_by_hand():
    """Labels 0 0 0 1 1, predictions 0 0 1 1 0. Class 0: 2 right of 3 labels and 3 predictions, F1 2/3; class 1: 1 right of
    2 and 2, F1 1/2; the mean is 7/12. φ = (1·2 − 1·1) / √(2·3·3·2) = 1/6, right counted as 1 of class 1 and 2 of class 0."""
    labels, predicted = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0])
    assert accuracy.value(labels, predicted) == 3 / 5 and accuracy.interval(labels, predicted) == wilson(3, 5)
    assert macro_f1.value(labels, predicted) == pytest.approx(7 / 12)
    assert matthews.value(labels, predicted) == pytest.approx(1 / 6)


@given(PAIRS)
def test_values_are_scikit_learns(pairs):
    from sklearn.metrics import f1_score

    labels, predicted = arrays(pairs)
    wanted = f1_score(labels, predicted, average="macro", zero_division=0)
    assert macro_f1.value(labels, predicted) == pytest.approx(wanted)
    assert matthews.value(labels, predicted) == pytest.approx(loops(labels, predicted), abs=1e-12)


def loops(labels: np.ndarray, predicted: np.ndarray) -> float:
    """R_K as the correlation of indicator vectors, summed class by class (Gorodkin 2004, eq. 8)."""
    known = range(4)
    ones = [np.stack([side == k for k in known], axis=1).astype(float) for side in (labels, predicted)]
    x, y = (one - one.mean(0) for one in ones)
    below = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / below) if below > 1e-12 else 0.0


@given(PAIRS)
def test_an_interval_holds_its_value_and_stays_in_its_range(pairs):
    labels, predicted = arrays(pairs)
    for metric, least in ((accuracy, 0), (macro_f1, 0), (matthews, -1)):
        low, high = metric.interval(labels, predicted)
        value = metric.value(labels, predicted)
        assert least - 1e-9 <= low <= value + 1e-12 and value - 1e-12 <= high <= 1 + 1e-9
        assert (low, high) == metric.interval(labels, predicted)  # seeded: the same each time


@pytest.mark.parametrize("metric", [macro_f1, matthews])
def test_drawing_cells_is_drawing_samples(metric):
    """The plain way: draw n of n samples with replacement, one after another, and take the percentiles."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 3, 300)
    predicted = np.where(generator.random(300) < 0.7, labels, generator.integers(0, 3, 300))
    drawn = []
    for _ in range(3000):
        some = generator.integers(0, 300, 300)
        drawn.append(metric.value(labels[some], predicted[some]))
    assert np.allclose(metric.interval(labels, predicted), np.quantile(drawn, (0.025, 0.975)), atol=0.012)


def test_intervals_hold_the_truth_about_nineteen_times_in_twenty():
    """Labels half and half, predictions right with probability 0.8: the true φ is 0.6 and the true macro F1 0.8."""
    generator, held = np.random.default_rng(2), {"f1": 0, "phi": 0}
    for _ in range(200):
        labels = generator.integers(0, 2, 120)
        predicted = np.where(generator.random(120) < 0.8, labels, 1 - labels)
        low, high = macro_f1.interval(labels, predicted)
        held["f1"] += low <= 0.8 <= high
        low, high = matthews.interval(labels, predicted)
        held["phi"] += low <= 0.6 <= high
    assert all(178 <= count <= 199 for count in held.values()), held


def test_all_right_is_not_certain():
    labels = np.array([0, 1] * 10)
    low, high = wilson(20, 20)
    assert macro_f1.interval(labels, labels) == (low, high) and low < 0.9
    assert matthews.interval(labels, labels) == pytest.approx((2 * low - 1, 1.0))
    assert matthews.value(labels, labels) == 1 and matthews.value(labels, 0 * labels) == 0


def test_what_guessing_gets():
    assert (accuracy.chance(4), macro_f1.chance(4), matthews.chance(4)) == (0.25, 0.25, 0.0)
    generator = np.random.default_rng(3)
    labels, guess = generator.integers(0, 4, (2, 40_000))
    assert abs(macro_f1.value(labels, guess) - 0.25) < 0.01 and abs(matthews.value(labels, guess)) < 0.02


def test_many_classes_stay_cheap():
    """A thousand classes, five hundred samples: cells, not a table of a million, are drawn from."""
    labels = np.arange(500) * 2
    cells = confusion.cells(labels, np.where(np.arange(500) % 4 > 0, labels, labels + 1))
    assert len(cells.counts) == 500 and cells.told(cells.counts).sum() == 500
    value = macro_f1.value(labels, labels)
    assert value == 1.0


def test_the_shelf():
    assert metrics.offered() == ["accuracy", "macro_f1", "matthews"]
    with pytest.raises(ValueError, match="unknown metric 'kappa'; there are accuracy, macro_f1, matthews"):
        metrics.find("kappa")
    with pytest.raises(ValueError, match="unknown metric"):
        metrics.find("confusion")
    with pytest.raises(ValueError, match="at least one sample"):
        macro_f1.value(np.zeros(0, int), np.zeros(0, int))

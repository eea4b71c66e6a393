"""The hull and the Lagrangian against every allocation there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.engine.distortion import SHARES, Lagrangian, curve, hull


class Shop:
    """Two layers of six and four weights; the first layer's cost two each."""

    sizes = most = np.array([6, 4])
    players = tuple(type("Player", (), {"most": most})() for most in (6, 4))
    prices = np.array([2.0, 1.0])

    def left(self, counts) -> float:
        return float(16 - self.prices @ counts)


def test_a_hull_is_the_lower_one():
    """(1, 3) lies above the line from (0, 0) to (2, 2); (2, 2) below that from (0, 0) to (3, 9)."""
    assert hull(np.array([0, 1, 2, 3]), np.array([0.0, 3.0, 2.0, 9.0])).tolist() == [0, 2, 3]


def test_a_curve_goes_through_what_was_measured_and_never_falls():
    known = np.array([0.04, 0.1, 0.09, 0.5, 2.0, 4.0, 8.0])
    assert curve(np.array(SHARES), known) == pytest.approx([0.04, 0.1, 0.1, 0.5, 2.0, 4.0, 8.0])
    assert curve(np.array([0.15, 0.0]), known) == pytest.approx([0.01, 0.0])  # a parabola: a quarter at half of the share
    assert (np.diff(curve(np.linspace(0, 1, 200), known)) >= 0).all()


@settings(max_examples=40)
@given(st.lists(st.floats(1e-6, 1e3), min_size=14, max_size=14))
def test_no_allocation_of_the_same_budget_is_less_distorted(numbers):
    """At every stop of the Lagrangian: least among all 35 allocations, by the hulls that it goes by."""
    shop, measured = Shop(), np.array(numbers).reshape(2, 7)
    cost = []
    for at, most in enumerate(shop.most):
        stops = np.arange(most + 1)
        y = curve(stops / most, measured[at])
        corners = hull(stops, y)
        cost.append(np.interp(stops, stops[corners], y[corners]))
    found = Lagrangian(shop, measured)
    stops = {shop.left(counts): counts for counts in (found._after(step) for step in range(len(found._steps) + 1))}
    for left, counts in stops.items():
        best = min(cost[0][a] + cost[1][b] for a, b in product(range(7), range(5)) if shop.left(np.array([a, b])) <= left)
        assert cost[0][counts[0]] + cost[1][counts[1]] == pytest.approx(best, rel=1e-6)
        assert shop.left(found.at(left)) == left


@given(st.lists(st.floats(1e-6, 1e3), min_size=14, max_size=14), st.floats(0, 16))
def test_any_budget_is_met_and_the_last_step_is_needed(numbers, target):
    shop = Shop()
    counts = Lagrangian(shop, np.array(numbers).reshape(2, 7)).at(target)
    assert shop.left(counts) <= target
    assert not counts.any() or any(shop.left(counts - np.eye(2, dtype=int)[at]) > target for at in range(2) if counts[at])

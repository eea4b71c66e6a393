"""When a layer loses a point, and when chance explains it: by hand, and against scipy's binomial law."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pruneviz import intervals
from pruneviz.sensitivity import FIXED, FRAGILE, OPEN, POINT, ROBUST, UNTOLD, Cell, Row, Sensitivity, certain, sign_test


def cell(amount: float, value: float, wrong: int = 0, right: int = 0, **more) -> Cell:
    return Cell(amount, 1, 100, value, 0.9, (value - 0.1, value + 0.1), wrong, right, **{"rise": 0.0, "error": 0.0} | more)


def table(*rows: Row, **more) -> Sensitivity:
    usual = {"dense_value": 0.9, "chance": 0.1, "n": 100, "metric": "accuracy", "noun": "images"}
    return Sensitivity("m", "magnitude", "weight", (0.5, 0.9), rows, **(usual | more))


@given(st.integers(0, 400), st.integers(0, 400))
def test_the_sign_test_is_the_exact_one(worse, better):
    expected = binomtest(worse, worse + better, alternative="greater").pvalue if worse + better else 1.0
    assert sign_test(worse, better) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_a_point_is_lost_where_it_is_one_and_chance_does_not_explain_it():
    """Five wrong and none right: 1/32 < 5 %. Four wrong, none right: 1/16, and nothing is called lost."""
    sure, unsure = cell(0.5, 0.85, 5), cell(0.5, 0.86, 4)
    found = table(Row("a", "a", 10, (sure, cell(0.9, 0.2, 70))), Row("b", "b", 10, (unsure, cell(0.9, 0.86, 4))))
    assert found.lost(sure) == pytest.approx(0.05) and found.loses(sure) and not found.loses(unsure)
    assert [found.breaks(row) for row in found.rows] == [0.5, None]
    assert [found.state(row) for row in found.rows] == [FRAGILE, UNTOLD]


def layer(n: int, right: int, wrong: int, again: int) -> Sensitivity:
    """A layer measured at both amounts on n samples, of which so many were right, turned wrong, turned right."""
    cells = (Cell(at, 1, n, (right - wrong + again) / n, right / n, (0.0, 1.0), wrong, again, 0.0, 0.0) for at in (0.5, 0.9))
    return table(Row("a", "a", 10, tuple(cells)), n=n)


def test_a_layer_is_robust_only_where_it_keeps_within_a_point_for_sure():
    """12 wrong and 5 right of 500 are no certain loss (p = .07), and far from none: nobody can tell. Of 20,000 one can."""
    unsure = layer(500, 480, 12, 5)
    assert not unsure.loses(unsure.rows[0].cells[0]) and unsure.state(unsure.rows[0]) == UNTOLD
    assert unsure.between(unsure.rows[0].cells[0])[1] > 2.5 * POINT
    few, many = layer(100, 95, 0, 0), layer(20_000, 19_000, 30, 20)
    assert few.state(few.rows[0]) == UNTOLD and many.state(many.rows[0]) == ROBUST


@given(st.integers(0, 200), st.integers(0, 60), st.integers(0, 60), st.integers(0, 100))
def test_what_is_called_robust_may_lose_no_more_than_a_point(both, wrong, again, neither):
    n = both + wrong + again + neither
    if not n:
        return
    found = layer(n, both + wrong, wrong, again)
    low, high = found.between(found.rows[0].cells[0])
    assert (low, high) == intervals.paired(both, wrong, again, neither)
    if found.state(found.rows[0]) == ROBUST:
        assert high <= POINT + 1e-9 and wrong - again <= POINT * n


def test_less_than_a_point_is_never_lost_however_sure():
    assert not table().loses(cell(0.5, 0.895, 50, 10))


def test_what_is_missing_or_cannot_go_has_a_state_of_its_own():
    found = table(Row("a", "a", 10, (cell(0.5, 0.9),)), Row("b", "b", 10, reason="you keep it whole"))
    assert [found.state(row) for row in found.rows] == [OPEN, FIXED]
    assert (found.measured, found.wanted, found.complete) == (1, 2, False)
    few = table(Row("a", "a", 10, (cell(0.5, 0.9), cell(0.9, 0.9))), n=500)
    assert few.fewest == 100 and few.measured == few.wanted and not few.complete


def test_a_loss_like_metric_loses_by_its_paired_losses():
    """Perplexity 10 → 10.2 is 2 % more; two standard errors above nothing are more than 1.645, one and a half are not."""
    worse = Cell(0.5, 1, 100, 10.2, 10.0, (9.0, 11.0), 0, 0, rise=0.02, error=0.01)
    found = table(higher=False, dense_value=10.0, metric="perplexity")
    assert found.lost(worse) == pytest.approx(0.02) and found.loses(worse)
    assert certain(worse) and not certain(Cell(0.5, 1, 100, 10.2, 10.0, (9, 11), 0, 0, rise=0.015, error=0.01))
    assert found.between(worse) == pytest.approx((1.02 * 0.98059 - 1, 1.02 * 1.01979 - 1), abs=1e-4)
    sure = Cell(0.5, 1, 100, 10.01, 10.0, (9.0, 11.0), 0, 0, rise=0.001, error=0.001)
    assert found.holds(sure) and not found.holds(replace(sure, error=0.01))


def test_of_a_score_without_right_and_wrong_only_what_lies_far_off_is_sure():
    """0.5 points lost, and an interval of 2 points: from 1.5 gained to 2.5 lost."""
    found, one = table(shares=False), Cell(0.5, 1, 100, 0.895, 0.9, (0.885, 0.905), 0, 0, 0.0, 0.001)
    assert found.between(one) == pytest.approx((-0.015, 0.025)) and not found.holds(one)

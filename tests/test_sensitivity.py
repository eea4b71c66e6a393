"""When a layer loses a point, and when chance explains it: by hand, and against scipy's binomial law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from pruneviz.sensitivity import FIXED, FRAGILE, OPEN, ROBUST, Cell, Row, Sensitivity, certain, sign_test


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
    assert [found.state(row) for row in found.rows] == [FRAGILE, ROBUST]


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

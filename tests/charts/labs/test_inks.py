"""Ways of one shot can be told apart, and each looks the same everywhere."""

from __future__ import annotations

from itertools import combinations

from pruneviz.charts import theme
from pruneviz.charts.labs import inks
from pruneviz.charts.labs.oneshot import CHOOSES, CRITERIA, METHODS
from pruneviz.engine.reconstruct.closeup import LINES
from pruneviz.studio.labs import all_ways


def test_no_two_look_alike():
    """In colour; SparseGPT's own refit has its colour, and another dash and marker."""
    for one, other in combinations(inks.OWN, 2):
        (colour, *rest), (others, *more) = inks.OWN[one], inks.OWN[other]
        assert colour != others or {one[1], other[1]} == set(CHOOSES) and not set(rest) & set(more), (one, other)
    assert all(dash in theme.DASHES for _, dash, _ in inks.OWN.values())


def test_all_that_is_usually_drawn_has_a_look_of_its_own():
    usual = [(key, "keep") for key in CRITERIA] + [("wanda", method) for method in all_ways.METHODS]
    drawn = {*LINES, *(("" if method in CHOOSES else criterion, method) for criterion, method in usual)}
    assert drawn <= set(inks.OWN) and all(one in CRITERIA or not one for one, _ in inks.OWN)
    assert all(method in METHODS for _, method in inks.OWN)
    assert inks.look("gradient", "keep", 2) == theme.ink(2)

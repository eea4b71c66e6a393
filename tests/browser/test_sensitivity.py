"""A person clicks a square of the map, and that layer has this amount of its own; the search is asked for and answers."""

from __future__ import annotations

import re

import pytest

from tests.browser.server import PATIENCE

pytestmark = pytest.mark.browser
SQUARES = ".st-key-sensitivity .scatterlayer .trace:first-of-type path.point"


def test_a_click_on_a_square_is_an_amount_and_a_search_is_answered_by_the_worker(visit, axe):
    page = visit("/sensitivity?m=digits_mlp")
    page.wait_for_selector(SQUARES, state="attached", timeout=PATIENCE)
    said = page.locator("h1", has_text="Pruned alone, fc1 is the first to lose a point")  # once the last row is measured
    said.wait_for(timeout=PATIENCE)
    page.locator(SQUARES).nth(4).click(force=True)
    page.wait_for_url(re.compile("own=fc1.weight"), timeout=PATIENCE)
    page.get_by_text("the layer's own amount").first.wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_selector(".st-key-equal-budget .js-plotly-plot", timeout=2 * PATIENCE)
    assert axe(page) == []
    page.set_viewport_size({"width": 400, "height": 900})
    assert axe(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="Use this setting").click()
    page.wait_for_url(re.compile("own=.*fc3.weight"), timeout=PATIENCE)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(lambda url: "fc3.weight" not in url, timeout=PATIENCE)

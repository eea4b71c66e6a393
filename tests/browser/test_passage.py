"""A language model's passage in a browser: axe finds nothing, nothing sticks out, and a long line wraps."""

from __future__ import annotations

import pytest

from tests.browser.server import PATIENCE, settle
from tests.browser.test_axe import STICKING_OUT

pytestmark = pytest.mark.browser
ASKED = ".st-key-ask-continuation button:visible"
WRITTEN = "() => document.querySelectorAll('.pv-passage').length === 4"
WRAPPED = """() => [...document.querySelectorAll('.pv-passage')].map(one => one.scrollWidth - one.clientWidth)"""


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 400)], ids=["light", "dark"])
def test_a_passage_and_its_continuations(visit, axe, scheme, width):
    page = visit("/damage?m=reference_lm&s=70", width, scheme)
    settle(page)
    # Under another Python's text nothing of this model is shipped: where the machine is slow, networks write when asked to.
    if page.locator(ASKED).count():
        page.locator(ASKED).click()
    page.wait_for_function(WRITTEN, timeout=PATIENCE)
    settle(page)
    assert axe(page, ".pv-passage") == [] and axe(page) == []
    assert page.evaluate(STICKING_OUT) <= 0
    found = page.evaluate(WRAPPED)
    assert len(found) == 4 and max(found) <= 1, "the passage, the text itself, and what two networks write"
    grounds = page.locator(".pv-passage[aria-label] span").count()
    assert grounds == 128, "a ground for every token that is predicted"

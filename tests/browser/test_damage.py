"""What breaks, in a real browser: a click on a class filters the examples, a click on an example looks closer."""

from __future__ import annotations

import re

import pytest

from pruneviz.recipe import Recipe
from pruneviz.studio import breakage
from tests.browser.server import settle, slider

pytestmark = pytest.mark.browser

RECIPE = Recipe(subject="digits_mlp", amount=0.85)
CLICK = """([selector, at]) => {
    const box = document.querySelectorAll(selector)[at].getBoundingClientRect()
    return [box.x + box.width / 2, box.y + box.height / 2] }"""
MARKS = "document.querySelectorAll('{}').length === {}"


def click(page, selector: str, at: int, many: int) -> None:
    """A click on one mark of a chart, once all of them are drawn and stand still on the screen."""
    page.wait_for_function(f"() => {MARKS.format(selector, many)}")
    page.locator(selector).nth(at).scroll_into_view_if_needed()
    page.mouse.click(*page.evaluate(CLICK, [selector, at]))


def chosen(page, group: int) -> None:
    """Waits until the address names a class and the page stands."""
    page.wait_for_function(f"() => new URLSearchParams(location.search).get('cls') === '{group}'")
    settle(page)


def test_a_click_on_a_class_filters_and_a_click_on_an_example_looks_closer(visit):
    found = breakage.found(RECIPE)
    page = visit("/damage?m=digits_mlp&s=85")
    page.locator(".st-key-classes .js-plotly-plot").wait_for()
    # Rings are one trace, dots the next: the dot of the second row.
    click(page, ".st-key-classes .scatterlayer .points path", len(found.classes) + 1, 2 * len(found.classes))
    second = found.classes[1]
    chosen(page, second.index)
    shown = page.locator("[class*='st-key-tile-']").count()
    assert shown == min(12, second.newly_wrong + second.newly_right) > 0
    page.get_by_text(re.compile(f"of the class «{second.name}» turn")).wait_for()
    page.evaluate(
        """selector => { const input = document.querySelector(selector); input.value = 80
        for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true })) }""",
        slider(),
    )
    page.get_by_role("heading", level=1).filter(has_text="80% of the weights go").wait_for()
    chosen(page, second.index)
    first = page.locator("[class*='st-key-tile-'] button").first
    name = first.inner_text().split()[-1]
    first.click()
    page.wait_for_function(f"() => new URLSearchParams(location.search).get('x') === '{name}'")
    page.get_by_role("heading").filter(has_text="pruned network").first.wait_for()


def test_the_same_pixels_are_drawn(visit):
    found = breakage.found(RECIPE)
    page = visit("/damage?m=digits_mlp&s=85", width=400)
    image = page.locator(".pv-tile img").first
    image.scroll_into_view_if_needed()
    size = image.evaluate("one => one.decode().then(() => [one.naturalWidth, one.naturalHeight])")
    assert size == [8, 8] and image.get_attribute("alt") == f"held out, {found.flips[0].label}"
    assert page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth") <= 400

"""Pins in a real browser: the ring on the curve leads back, a click on any picture selects in all, a link shows the same."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from pruneviz.query import to_pin, to_query
from pruneviz.recipe import Recipe
from tests.browser.server import settle

pytestmark = pytest.mark.browser

LIVE = Recipe(subject="digits_mlp", criterion="gradient", amount=0.8)
A, B = Recipe(subject="digits_mlp", amount=0.6), Recipe(subject="digits_mlp", criterion="random", amount=0.4)
LINK = urlencode(to_query(Recipe(**{**{name: getattr(LIVE, name) for name in ("subject", "criterion", "amount")},
                                    "pins": (to_pin(A), to_pin(B))})))  # fmt: skip
FIGURES = """() => ['pareto', 'lineage', 'by-layer'].map(key => {
    const drawn = document.querySelector(`.st-key-${key} .js-plotly-plot`)
    return drawn?.data.map(trace => [[...(trace.x ?? [])], [...(trace.y ?? [])]]) })"""


def hit(page, figure: str, at: int) -> None:
    """Clicks on a mark: Plotly's own layer lies over all of them, so it is the place that counts."""
    mark = page.locator(f".st-key-{figure} .scatterlayer .trace:last-child .points path").nth(at)
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def selected(page, *letters: str) -> None:
    """Waits until just these boxes are ticked, and the address says so."""
    page.wait_for_function(
        """letters => new URLSearchParams(location.search).get('sel') === (letters.join('~') || null)
            && ['A', 'B', 'live'].every(one => document.querySelector(`.st-key-mark-${one} input`)?.checked
                === letters.includes(one))""",
        arg=[*letters],
    )
    settle(page)


def test_a_ring_leads_back_and_a_click_selects_everywhere(visit):
    page = visit(f"/?{LINK}")
    page.locator(".pv-pin circle").wait_for()
    assert page.locator(".pv-pin text").text_content() == "A" and page.locator(".pv-series .pv-pinned").count() == 1
    page.locator(".pv-pin circle").click()
    page.wait_for_function("() => !location.search.includes('c=gradient&') && location.search.includes('s=60')")
    page.get_by_text("This is A", exact=True).wait_for()
    page.locator(".st-key-undo button").click()
    page.locator(".st-key-back button").first.wait_for()
    settle(page)
    page.locator(".st-key-menu").get_by_role("link", name="Compare", exact=True).click()
    page.locator(".st-key-by-layer .js-plotly-plot .main-svg").first.wait_for()
    settle(page)
    hit(page, "pareto", 1)
    selected(page, "B")
    hit(page, "lineage", 2)
    selected(page, "B", "live")
    assert "B keeps" in page.locator(".st-key-by-layer .legend").text_content()
    hit(page, "pareto", 1)
    selected(page, "live")
    page.locator(".st-key-mark-A label").click()
    selected(page, "live", "A")
    other = visit(f"/compare?{page.url.partition('?')[2]}")
    selected(other, "live", "A")
    other.wait_for_function(
        f"wanted => JSON.stringify(({FIGURES})()) === wanted", arg=page.evaluate(f"JSON.stringify(({FIGURES})())")
    )
    assert None not in page.evaluate(FIGURES)


def test_a_toolbar_comes_with_the_pointer_and_covers_neither_title_nor_marks(visit):
    page = visit("/scale?m=digits_mlp")
    chart, bar = page.locator(".st-key-published .js-plotly-plot"), page.locator(".st-key-published .modebar")
    chart.scroll_into_view_if_needed()
    assert bar.evaluate("one => getComputedStyle(one).opacity") == "0"
    chart.hover()
    page.wait_for_function("() => getComputedStyle(document.querySelector('.st-key-published .modebar')).opacity === '1'")
    tools = bar.bounding_box()
    plot = page.locator(".st-key-published .nsewdrag").first.bounding_box()
    title = page.locator("h3").first.evaluate(
        "one => { const all = document.createRange(); all.selectNodeContents(one); return all.getBoundingClientRect().bottom"
        " }"
    )
    assert title <= tools["y"] + 1 and tools["y"] + tools["height"] <= plot["y"] + 1

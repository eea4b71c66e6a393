"""Every page, wide and narrow, light and dark: axe finds nothing, nothing sticks out, no words lie on others."""

from __future__ import annotations

import pytest

from tests.browser.server import PAGES, PATIENCE, settle
from tests.browser.test_app import LIGHT

pytestmark = pytest.mark.browser

STICKING_OUT = """() => Math.max(...["html", "[data-testid=stMain]"].map((selector) => {
    const box = document.querySelector(selector)
    return box.scrollWidth - box.clientWidth }))"""
# Every piece of text in the strip, the menus and the controls: all of them, those that lie on another, those cut off.
TEXTS = """() => {
    const places = [".st-key-menu", ".st-key-strip", ".st-key-choices", ".st-key-picking", "h1", "h2", "h3", ".pv-facts",
        ".pv-linked", ".pv-buttons", ".pv-rowhead", ".pv-rowfoot", ".pv-legend"]
    const texts = []
    for (const place of document.querySelectorAll(places.join())) {
        const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT)
        for (let node; (node = walker.nextNode()); ) {
            const element = node.parentElement
            if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue
            if (getComputedStyle(element).clipPath !== "none" || element.closest(".pv-offscreen, style, script")) continue
            const range = document.createRange()
            range.selectNodeContents(node)
            for (const box of range.getClientRects()) if (box.width > 2 && box.height > 2) texts.push([node, box])
        }
    }
    const overlaps = []
    for (const [i, [one, a]] of texts.entries())
        for (const [other, b] of texts.slice(i + 1)) {
            const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left)
            const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
            if (one !== other && wide > 1.5 && high > 4) overlaps.push([one.data, other.data])
        }
    const cut = texts.filter(([, box]) => box.right > innerWidth + 1 || box.left < -1)
    return [texts.map(([node]) => node.data), overlaps, cut.map(([node]) => node.data)]
}"""


def drawn(page) -> tuple[list[str], list, list[str]]:
    """The texts of a page, its overlaps and what is cut, once the strip stands: a page that measures draws itself anew."""
    for _ in range(40):
        texts, overlaps, cut = page.evaluate(TEXTS)
        if len(texts) > 20 and any("accuracy" in text for text in texts):
            break
        page.wait_for_timeout(250)
    return texts, overlaps, cut


VIEWS = {name: f"{path}?{LIGHT}&s=80" for name, path in PAGES.items()} | {
    "filters": "/?m=digits_cnn&g=filter&s=30&pin=m%3Ddigits_cnn%26g%3Dfilter%26s%3D20",
    "compare": f"/compare?{LIGHT}&s=80&pin=m%3Ddigits_mlp%26s%3D60&sel=A",
    "patterns": f"/?{LIGHT}&g=2:4",
    "heads": "/anatomy?m=digits_vit&g=head&s=25",
    "layers": "/criteria?m=digits_vit&g=layer&s=25",
}
"""Every page, and pages at other granularities."""


FITTING = """() => [...document.querySelectorAll('.stPlotlyChart')].every(one => {
  const drawn = one.querySelector('.main-svg');
  return drawn && drawn.getBoundingClientRect().width <= one.getBoundingClientRect().width + 1;
})"""
"""Every chart stands, and is no wider than its place: it answers a new width in its own time."""


# A page is opened wide in the light and narrow in the dark, and then drawn to the other width.
@pytest.mark.parametrize(("scheme", "widths"), [("light", (1440, 400)), ("dark", (400, 1440))], ids=["light", "dark"])
@pytest.mark.parametrize("name", VIEWS)
def test_axe_finds_nothing_and_nothing_sticks_out_or_overlaps(visit, axe, name, scheme, widths):
    page = visit(VIEWS[name], widths[0], scheme)
    # While curves grow the page draws itself anew and fades what is old: axe would judge the fading.
    page.get_by_text("Measuring in the background").wait_for(state="detached", timeout=PATIENCE)
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        page.wait_for_function(FITTING)
        page.evaluate("() => document.querySelectorAll('details.pv-table').forEach(one => { one.open = true })")
        assert axe(page) == [], width
        assert page.evaluate(STICKING_OUT) <= 0, width
        texts, overlaps, cut = drawn(page)
        assert len(texts) > 20 and any("accuracy" in text for text in texts), texts
        assert overlaps == [] and cut == [], width

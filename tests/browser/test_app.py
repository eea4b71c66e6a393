"""The app itself in a real browser, from a cold server to two visitors at once; every number is checked with the engine."""

from __future__ import annotations

import re
from functools import cache

import pytest

from pruneviz import findings
from pruneviz.engine import evaluate
from pruneviz.engine.criterion import shelf
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from tests.browser.server import PAGES, PATIENCE, drag, serving, slider, visits

pytestmark = pytest.mark.browser

NODES = [percent / 100 for percent in range(101)]
STOPS = [53, 57, 60, 64, 68, 71, 74, 77, 80, 83, 86, 88]
LIGHT = "m=digits_mlp&k=20"
"""The quickest model and few deletions: what a test of the page's frame needs."""
LABEL = "() => document.activeElement?.getAttribute('aria-label') || document.activeElement?.innerText || ''"


@cache
def measured(subject: str, criterion: str):
    """A subject, where its weights stand and a bench to measure on: the engine, without any of the app."""
    model = card.load(subject)
    standing = evaluate.stand(model, Recipe(subject=subject, criterion=criterion))
    return model, standing, Workspace(model, standing.split.measured)


def truth(percent: float, criterion: str = "magnitude", subject: str = "digits_cnn", **how) -> float:
    """The accuracy that the engine measures, as the strip writes it."""
    model, standing, workspace = measured(subject, criterion)
    recipe = Recipe(subject=subject, criterion=criterion, amount=percent / 100, **how)
    return round(100 * evaluate.evaluate(model, recipe, standing, workspace).score.value, 1)


@cache
def true_curve(criterion: str = "magnitude", subject: str = "digits_cnn"):
    model, standing, workspace = measured(subject, criterion)
    return evaluate.curve(model, Recipe(subject=subject, criterion=criterion), standing, workspace, NODES)


def percents(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"(\d+(?:\.\d+)?)\s*%", text)]


def only_percent(page, selector: str) -> float:
    """The one number followed by % that an element shows."""
    text = page.locator(selector).inner_text()
    (number,) = percents(text)
    return number


def strip(page) -> list[str]:
    keys = ("strip-sparsity", "accuracy", "strip-against", "strip-energy")
    return [page.locator(f".st-key-{key}").inner_text() for key in keys]


def await_percent(page, selector: str, expected: float) -> None:
    """Waits until the one number followed by % in an element is the expected one, however it is written."""
    page.wait_for_function(
        """([selector, wanted]) => {
            const found = [...(document.querySelector(selector)?.innerText ?? "").matchAll(/(\\d+(?:\\.\\d+)?)\\s*%/g)]
            return found.length === 1 && Number(found[0][1]) === wanted }""",
        arg=[selector, expected],
    )


def await_exact(page, percent: float, criterion: str = "magnitude", subject: str = "digits_cnn") -> None:
    """Waits until the strip stands at a setting and shows the accuracy that the engine measures there."""
    await_percent(page, ".st-key-strip-sparsity", percent)
    await_percent(page, ".st-key-accuracy", truth(percent, criterion, subject))


def put(page, selector: str, percent: float) -> None:
    """Moves a slider as a script would: the value, then the two events that a hand causes."""
    page.evaluate(
        """([selector, value]) => { const input = document.querySelector(selector); input.value = value
            for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true })) }""",
        [selector, percent],
    )


def tab_to(page, wanted: str, key: str = "Tab") -> None:
    """Tabs until what has the focus says `wanted`."""
    seen = []
    for _ in range(60):
        page.keyboard.press(key)
        seen.append(page.evaluate(LABEL))
        if re.search(wanted, seen[-1]):
            return
    raise AssertionError(f"the keyboard does not reach {wanted!r}; it reached {seen}")


@pytest.mark.parametrize(("page_name", "sign"), [("weights", ".st-key-layer"), ("criteria", ".st-key-against")])
def test_a_deep_link_is_right_as_the_very_first_request(browser, page_name, sign):
    with serving() as server, visits(browser, server.address) as visit:
        page = visit(f"/{page_name}?{LIGHT}&s=80")
        assert page.locator(sign).count() == 1
        assert page.get_by_text("Page not found").count() == 0
        assert page.locator(".st-key-model, .st-key-subject").inner_text().count("300") == 1
        await_exact(page, 80, subject="digits_mlp")
        assert page.locator("[data-testid=stAlert]").count() == 0
        assert "Traceback" not in server.said()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 400])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_nothing_sticks_out_or_overlaps(visit, axe, name, width, scheme):
    page = visit(f"{PAGES[name]}?{LIGHT}&s=80", width, scheme)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.stPlotlyChart')].every(one => one.querySelector('.main-svg'))"
    )
    for summary in page.locator(".pv-table summary").all():
        summary.click()
    assert axe(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0
    assert (
        page.evaluate(
            "() => { const main = document.querySelector('[data-testid=stMain]'); return main.scrollWidth - main.clientWidth }"
        )
        <= 0
    )
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(CUT) == []


TEXTS = """
    const places = ".st-key-menu, .st-key-strip, .st-key-choices, .st-key-picking, h1, h2, h3, .pv-facts, .pv-linked, .pv-buttons, .pv-rowhead, .pv-rowfoot, .pv-legend"
    const texts = []
    for (const place of document.querySelectorAll(places)) {
        const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT)
        for (let node; (node = walker.nextNode()); ) {
            const element = node.parentElement, style = getComputedStyle(element)
            if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue
            if (style.clipPath !== "none" || element.closest(".pv-offscreen, style, script")) continue
            const range = document.createRange()
            range.selectNodeContents(node)
            for (const box of range.getClientRects()) if (box.width > 2 && box.height > 2) texts.push([node, box])
        }
    }
"""
OVERLAPS = f"""() => {{ {TEXTS}
    const found = []
    for (const [i, [one, a]] of texts.entries()) for (const [other, b] of texts.slice(i + 1))
        if (one !== other && Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5
            && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4) found.push([one.data, other.data])
    return found }}"""
CUT = f"""() => {{ {TEXTS}
    return texts.filter(([node, box]) => box.right > innerWidth + 1 || box.left < -1).map(([node]) => node.data) }}"""


def test_the_hero_redraws_at_every_move_and_measures_on_release(visit):
    page = visit()
    await_exact(page, 50)
    live = '[data-pv="scrubber"] [data-pv="live-accuracy"]'
    sent = len(page.frames_sent)
    states = drag(page, slider(), 50, STOPS, lambda: (page.locator(live).inner_text(), page.locator(slider()).input_value()))
    assert len(set(states)) >= 10 and all(len(percents(text)) == 1 for text, _ in states)
    assert len(page.frames_sent) == sent, "a drag must not talk to the server"
    assert percents(page.locator(".st-key-accuracy").inner_text()) == [truth(50)]
    page.mouse.up()
    await_exact(page, STOPS[-1])
    await_percent(page, live, truth(STOPS[-1]))
    assert page.locator(".pv-how").inner_text() == "measured"
    assert f"s={STOPS[-1]}" in page.url


@pytest.fixture(scope="module")
def compared(browser, app):
    """One visit to the page that compares criteria, on the default model: opening it is the slow part."""
    with visits(browser, app.address) as open_page:
        yield open_page("/criteria?k=20")


@pytest.mark.parametrize("criterion", sorted(shelf()))
def test_each_criterion_has_a_live_slider_linked_and_alone(compared, criterion):
    page, others = compared, [one for one in shelf() if one != criterion]
    read = {key: f'[data-pv="scrubber-{key}"] [data-pv="live-accuracy"]' for key in shelf()}
    how = f'[data-pv="scrubber-{criterion}"] .pv-how'
    page.locator('[data-pv="linked"]').check()
    start = float(page.locator(slider(criterion)).input_value())

    def state():
        return page.locator(read[criterion]).inner_text(), *(page.locator(slider(key)).input_value() for key in shelf())

    page.locator(slider(criterion)).scroll_into_view_if_needed()
    sent = len(page.frames_sent)
    stops = [stop - 3 * sorted(shelf()).index(criterion) for stop in STOPS]
    states = drag(page, slider(criterion), start, stops, state)
    assert len(set(states)) >= 10 and len(page.frames_sent) == sent
    assert all(len(set(values)) == 1 for _, *values in states), "linked sliders move together"
    page.mouse.up()
    await_exact(page, stops[-1])
    for key in shelf():
        await_percent(page, read[key], truth(stops[-1], key))

    page.locator('[data-pv="linked"]').uncheck()
    before = strip(page)
    sent = len(page.frames_sent)
    drag(page, slider(criterion), stops[-1], [40, 33, 25], state)
    assert page.locator(slider(others[0])).input_value() == str(stops[-1])
    page.mouse.up()
    page.wait_for_function(f"() => document.querySelector('{how}').innerText === 'measured'")
    await_percent(page, read[criterion], truth(25, criterion))
    page.wait_for_url(re.compile(rf"each=.*{criterion}(%3A|:)25"))
    assert strip(page) == before and page.locator(slider(others[0])).input_value() == str(stops[-1])

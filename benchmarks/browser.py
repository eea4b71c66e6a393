"""What a visitor waits for, in a headless Chromium: a redraw while dragging, the exact number on release, the first chart.

Each row compares with the promise that the page makes, so its ratio is target / measured: above 1 the promise is kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

import numpy as np

from pruneviz.engine import evaluate
from pruneviz.engine.criterion import offered
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from tests.browser.server import PATIENCE, chromium, serving, settle, slider, thumb

FRAME, RELEASE, RELEASE_P95, FIRST, CANCEL = 16.0, 200.0, 400.0, 3000.0, 2000.0
MOVES, RELEASES, RELEASES_EACH = 120, 36, 10

# A drag's events reach the page at the start of a frame. The clock runs from the event, before anybody answers it, to the
# first task after that frame was laid out and painted.
WATCH_REDRAWS = """() => {
    window.pvRedraws = []
    const after = new MessageChannel(), waiting = []
    after.port1.onmessage = () => {
        const now = performance.now()
        while (waiting.length) pvRedraws.push(now - waiting.shift())
    }
    window.addEventListener("input", () => {
        waiting.push(performance.now())
        if (waiting.length === 1) requestAnimationFrame(() => after.port2.postMessage(0))
    }, true)
}"""
# The clock runs from the release of the pointer to the change of the page that brings the measured accuracy.
AWAIT_EXACT = """([amount, accuracy]) => {
    const shown = (key) => Number(document.querySelector(`.st-key-${key}`)?.innerText.match(/(\\d+(?:\\.\\d+)?)\\s*%/)?.[1])
    window.pvExact = new Promise((found) => {
        let released = null
        window.addEventListener("pointerup", () => (released = performance.now()), { capture: true, once: true })
        const observer = new MutationObserver(() => {
            if (released === null || shown("strip-sparsity") !== amount || shown("accuracy") !== accuracy) return
            observer.disconnect()
            found(performance.now() - released)
        })
        observer.observe(document.body, { childList: true, characterData: true, subtree: true })
    })
}"""


@dataclass(frozen=True)
class Found:
    """What one slider made its visitor wait for, in milliseconds."""

    redraws: list[float]
    releases: list[float]


def rows() -> list[dict]:
    """A row for each promise: redraws of the hero and of every criterion's slider, exact numbers, the first chart."""
    right = _accuracies()
    with chromium() as browser:
        first = [_first_chart(browser) for _ in range(3)]
        with serving() as server:
            # The first visitor of a fresh server shares it with what warms up in the background; the second does not.
            early = _measured(_open(browser, server.address + "/"), "", right, RELEASES_EACH)
            page = _open(browser, server.address + "/criteria?k=20")
            each = {key: _measured(page, key, right, RELEASES_EACH) for key in offered("weight")}
            page.context.close()
            hero = _measured(_open(browser, server.address + "/"), "", right, RELEASES)
            beside, cancelled = _beside_a_run(browser, server.address, right)
    together = [value for found in each.values() for value in found.releases]
    return [
        *(_redraw(name, found.redraws) for name, found in {"the hero": hero, **each}.items()),
        *_released("the hero", hero.releases),
        *_released("the hero, while a fresh server warms up", early.releases),
        *_released("the hero, while another visitor's run goes", beside.releases),
        _row("Cancel of that run → it has ended", cancelled, CANCEL, "one press"),
        *_released("the criteria's sliders, all linked", together),
        _row("server healthy → first real chart, no click", median(first), FIRST, f"slowest {max(first):.0f} ms"),
    ]


def _beside_a_run(browser, address: str, right: dict[int, float]) -> tuple[Found, float]:
    """What the hero makes one visitor wait for while a lab trains for another; and milliseconds until Cancel ended that."""
    lab = _open(browser, f"{address}/schedule?m=digits_cnn&s=90&seed=77&run=schedule~steps:60000~every:500")
    lab.locator(".st-key-run-live button").click()
    lab.locator(".st-key-cancel-run button").wait_for()
    lab.get_by_text("training steps, about").wait_for()  # its first steps are stored: it trains
    hero = _measured(_open(browser, address + "/"), "", right, RELEASES)
    assert lab.locator(".st-key-cancel-run button").is_visible(), "the run was over before the measurement was"
    began = time.perf_counter()
    lab.locator(".st-key-cancel-run button").click()
    lab.locator(".st-key-run-live button").wait_for()
    return hero, 1000 * (time.perf_counter() - began)


def _accuracies() -> dict[int, float]:
    """What the engine measures for the default Recipe at each percent, as the strip writes it."""
    subject = card.load(Recipe().subject)
    standing = evaluate.stand(subject, Recipe())
    workspace = Workspace(subject, standing.split.measured)
    curve = evaluate.curve(subject, Recipe(), standing, workspace, [percent / 100 for percent in range(101)])
    return {percent: round(100 * point.value, 1) for percent, point in enumerate(curve.points)}


def _first_chart(browser) -> float:
    """Milliseconds from a fresh server's first sign of health to the curve, drawn from real numbers."""
    with serving() as server:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto(server.address + "/")
        page.wait_for_selector('[data-pv="curve"] path.pv-oneshot[d^="M"]', state="attached", timeout=PATIENCE)
        took = 1000 * (time.perf_counter() - server.healthy)
        context.close()
    return took


def _open(browser, address: str):
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    settle(page)
    page.evaluate(WATCH_REDRAWS)
    return page


def _measured(page, panel: str, right: dict[int, float], releases: int) -> Found:
    selector = slider(panel)
    at = float(page.locator(selector).input_value())
    page.mouse.move(*thumb(page, selector, at))
    page.mouse.down()
    page.evaluate("() => (pvRedraws.length = 0)")
    for step in range(MOVES):
        page.mouse.move(*thumb(page, selector, 10 + (37 * step) % 81))
    page.wait_for_timeout(100)
    redraws = page.evaluate("() => pvRedraws.splice(0)")
    page.mouse.move(*thumb(page, selector, at))
    page.mouse.up()
    waits = []
    for step in range(releases):
        target = next(amount for amount in (20 + (29 * step) % 79, 99) if amount != at)
        page.mouse.move(*thumb(page, selector, at))
        page.mouse.down()
        for between in np.linspace(at, target, 5)[1:]:
            page.mouse.move(*thumb(page, selector, float(between)))
        page.evaluate(AWAIT_EXACT, [target, right[target]])
        page.mouse.up()
        waits.append(page.evaluate("() => pvExact"))
        at = target
        settle(page)
    return Found(redraws, waits)


def _redraw(name: str, found: list[float]) -> dict:
    slowest = float(np.percentile(found, 95))
    return _row(f"input → redraw, p95, {name}", slowest, FRAME, f"median {median(found):.1f} ms over {len(found)} moves")


def _released(name: str, found: list[float]) -> list[dict]:
    note = f"{len(found)} releases at distinct amounts" if len(found) == RELEASES else f"{len(found)} releases"
    return [
        _row(f"release → exact accuracy, median, {name}", median(found), RELEASE, note),
        _row(f"release → exact accuracy, p95, {name}", float(np.percentile(found, 95)), RELEASE_P95, note),
    ]


def _row(name: str, ours: float, target: float, note: str) -> dict:
    return {
        "name": name,
        "ours_ms": ours,
        "peer": "the target",
        "peer_ms": target,
        "ratio": target / ours,
        "unit": "× target / measured",
        "note": f"{ours:.1f} ms against {target:.0f}; {note}",
    }

"""A random walk in a real browser: whatever the order of pages, the address and the page say what a plain model says.

Few actions in CI; `PRUNEVIZ_WALK=300` walks three hundred (`make soak`). `tests.studio.test_walk` walks without a browser.
"""

from __future__ import annotations

import contextlib

import pytest

from pruneviz import findings
from pruneviz.allocation import CURRENCIES
from pruneviz.charts.chart import as_percent
from pruneviz.charts.labs import movement as movements
from pruneviz.charts.labs import oneshot
from pruneviz.charts.labs import size as sizes
from pruneviz.recipe import PINS
from pruneviz.studio import catalogue, frame, sensitivity
from pruneviz.studio.labs import lottery, regularise, schedule
from tests.browser.server import PATIENCE, settle, slider
from tests.studio.walk import LONG, PAGES, Action, Model, actions
from tests.studio.walk_labs import CHOICES

pytestmark = pytest.mark.browser

TITLES = {url: title for _, title, url in frame.PAGES if url in PAGES}
PLACES = {url: "/" if url == PAGES[0] else f"/{url}" for url in PAGES}
BUTTONS = {
    "undo": "undo",
    "redo": "redo",
    "pin": "pin",
    "return": "return-{}",
    "unpin": "unpin-{}",
    "baseline": "baseline-{}",
    "lesson": "lesson-start-{}",
    "leave": "lesson-leave",
    "mine": "own-model",
    "untrained": "to-slider",
}
SHAPES = {"signed": "w", "absolute": "|w|"}
KEYS = {"share": ".st-key-amount", "own": '[class*="st-key-own-"]'}
"""Where a field's widget does not have its name."""
STANDS = """([query, undo, redo, pin, share]) => {
    const said = Object.fromEntries(new URLSearchParams(location.search))
    delete said.mh; delete said.dh
    const sorted = (one) => JSON.stringify(Object.entries(one).sort())
    const held = (key) => document.querySelector(`.st-key-${key} button`)?.disabled
    const label = document.querySelector('.st-key-pin button')?.innerText.replace(/\\s*Alt.*/s, '') ?? ''
    const strip = document.querySelector('.st-key-strip-sparsity')?.innerText.split('\\n').map(one => one.trim()) ?? []
    return sorted(said) === sorted(query) && held('undo') === undo && held('redo') === redo && label === pin
        && (share === null || strip.includes(share)) }"""


def expected(model: Model) -> list[object]:
    """What the page should say: address, whether Undo and Redo are held, the label of the pin, the sparsity."""
    recipe, pins = model.recipe, len(model.recipe.pins)
    free = not model.pinned and pins < PINS
    label = (f"Pin as {'ABCDEFGH'[pins]}" if pins else "Pin as baseline") if free else ""
    moved = recipe.granularity in ("neuron", "filter") or recipe.own_amounts()  # the share of weights is not the amount
    share = None if moved else findings.percent(recipe.amount)
    return [model.address(), not model.past, not model.future, label, share]


def act(page, visit, action: Action, model: Model) -> None:
    """Does one action as a visitor would."""
    name, value = action.name, action.value
    if name == "go":
        page.locator(".st-key-menu").get_by_role("link", name=TITLES[value], exact=True).click()
        page.wait_for_url(lambda url: url.split("?")[0].endswith(PLACES[value]))
    elif name in BUTTONS:
        # A button with a tooltip is there twice: once for a pointer, and once, hidden, for a finger.
        page.locator(f".st-key-{BUTTONS[name].format(value)} button:visible").click()
        if name in ("lesson", "untrained"):
            page.wait_for_url(lambda url: url.split("?")[0].endswith(PLACES[model.page]))
    elif name == "title":
        page.locator(".st-key-title input").fill(value)
        page.keyboard.press("Enter")
    elif name in ("limit", "pick", "batch", "threads"):
        key, number = (f"limit-{value[0]}", value[1]) if name == "limit" else (name, value)
        page.locator(f".st-key-{key} input").fill(str(number))
        page.keyboard.press("Enter")
    elif name == "control":
        _set(page, model, *value)
    elif name == "mark":
        page.locator(f".st-key-mark-{value} label").click()
    elif name == "amount":
        page.locator(slider(model.recipe.criterion if model.page == "criteria" else "")).evaluate(
            "(input, value) => ['input', 'change'].forEach(kind => {"
            " input.value = value; input.dispatchEvent(new Event(kind, {bubbles: true})) })",
            str(round(100 * value)),
        )
    elif name == "reload":
        page.reload()
    elif name == "open":
        other = visit(f"{PLACES[model.page]}?{page.url.partition('?')[2]}")
        other.wait_for_function(STANDS, arg=[model.address(), True, True, *expected(model)[3:]])
        other.context.close()
    else:
        choose(page, name, value)


def choose(page, field: str, value: str) -> None:
    """One field of the Recipe, by its words."""
    names = {
        "criterion": lambda: catalogue.criteria()[value].name,
        "scope": lambda: catalogue.scopes()[value].name,
        "granularity": lambda: catalogue.granularity_name(value),
        "layer": lambda: value.removesuffix(".weight"),
        "shape": lambda: SHAPES[value],
        "against": lambda: catalogue.criteria()[value].name,
        "tolerance": lambda: f"{as_percent(1 - value)} of the accuracy",
        "budget": lambda: CURRENCIES[value],
        "share": lambda: f"{100 * value:g}%",
        "own": lambda: sensitivity.FOLLOWS if value is None else as_percent(value),
    }
    _click(page, KEYS.get(field, f".st-key-{field}"), names.get(field, lambda: value)())


def _set(page, model: Model, control: str, value: object) -> None:
    """One control of a lab: a thumb that a key moves by one step, a number, or a choice by its words."""
    place = f".st-key-lab-{control}"
    if isinstance(CHOICES[model.page][control], str):
        thumb = page.locator(f"{place} input[type=range]").first
        after = value[0] if isinstance(value, tuple) else value
        thumb.press("ArrowRight" if after > float(thumb.input_value()) else "ArrowLeft")
    elif control in ("times", "rounds", "rewind", "steps", "retrain"):
        page.locator(f"{place} input").fill(str(value))
        page.keyboard.press("Enter")
    else:
        _click(page, place, _words(model.page, control, value))


def _words(lab: str, control: str, value: object) -> str:
    """What a choice of a lab is called on its page."""
    methods = {"schedule": schedule.STARTS, "movement": movements.METHODS, "size": sizes.METHODS, "oneshot": oneshot.METHODS}
    if control == "amount":
        return as_percent(value)
    if control == "strength":
        return f"{value:g}"
    if control == "penalty":
        return regularise.names()[value]
    if control == "scope":
        return catalogue.scopes()[value].name
    if control == "criterion":
        return oneshot.CRITERIA[value]
    if control == "granularity":
        return value if ":" in value else catalogue.granularity_name(value)
    return {"method": methods.get(lab, {}), "schedule": schedule.SHORT, "control": lottery.CONTROLS}[control][value]


def _click(page, selector: str, words: str) -> None:
    """One of a row of choices, or one of a menu."""
    from playwright.sync_api import TimeoutError

    place = page.locator(selector)
    if place.get_by_role("radio").count():
        place.get_by_role("radio", name=words, exact=True).click()
        return
    for _ in range(6):  # a menu that opens while the page still draws is closed again: then once more
        place.locator("input").click()
        with contextlib.suppress(TimeoutError):
            page.get_by_role("option", name=words, exact=True).click(timeout=PATIENCE / 12)
            return
    raise AssertionError(f"{selector} offers no {words!r}")


def stands(page, place: str) -> None:
    """Waits until a page has been drawn; where times are measured, not until the measurement has ended."""
    if place != "reality":
        settle(page)
        return
    page.wait_for_selector(".st-key-progress, .st-key-again", timeout=PATIENCE)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE)


def test_a_random_walk_is_where_the_model_says(visit):
    page = visit("/?m=digits_mlp&s=60")
    for step, (action, model) in enumerate(actions(5691, LONG or 24, scrub=True, leave=True)):
        act(page, visit, action, model)
        try:
            page.wait_for_function(STANDS, arg=expected(model))
            stands(page, model.page)
        except Exception as problem:
            raise AssertionError(f"step {step}, {action}: {page.url} is not {expected(model)}") from problem
        assert page.locator("[data-testid=stException]").count() == 0, (step, action)

"""A random walk in a real browser: whatever the order of pages, the address and the page say what a plain model says.

Few actions in CI; `PRUNEVIZ_WALK=300` walks three hundred (`make soak`). `tests.studio.test_walk` walks without a browser.
"""

from __future__ import annotations

import pytest

from pruneviz import findings
from pruneviz.recipe import PINS
from pruneviz.studio import catalogue, frame
from tests.browser.server import settle, slider
from tests.studio.walk import LONG, PAGES, Action, Model, actions

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
}
SHAPES = {"signed": "w", "absolute": "|w|"}
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
    share = None if recipe.granularity == "neuron" else findings.percent(recipe.amount)
    return [model.address(), not model.past, not model.future, label, share]


def act(page, visit, action: Action, model: Model) -> None:
    """Does one action as a visitor would."""
    name, value = action.name, action.value
    if name == "go":
        page.locator(".st-key-menu").get_by_role("link", name=TITLES[value], exact=True).click()
        page.wait_for_url(lambda url: url.split("?")[0].endswith(PLACES[value]))
    elif name in BUTTONS:
        page.locator(f".st-key-{BUTTONS[name].format(value)} button").click()
        if name == "lesson":
            page.wait_for_url(lambda url: url.split("?")[0].endswith(PLACES[model.page]))
    elif name == "title":
        page.locator(".st-key-title input").fill(value)
        page.keyboard.press("Enter")
    elif name == "limit":
        page.locator(f".st-key-limit-{value[0]} input").fill(str(value[1]))
        page.keyboard.press("Enter")
    elif name == "mark":
        page.locator(f".st-key-mark-{value} label").click()
    elif name == "amount":
        page.locator(slider()).evaluate(
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
    """One of a row of choices, or one of a menu, by its words."""
    names = {
        "criterion": lambda: catalogue.criteria()[value].name,
        "scope": lambda: catalogue.scopes()[value].name,
        "granularity": lambda: catalogue.granularity_name(value),
        "layer": lambda: value.removesuffix(".weight"),
        "shape": lambda: SHAPES[value],
    }
    words, place = names.get(field, lambda: value)(), page.locator(f".st-key-{field}")
    if place.get_by_role("radio").count():
        place.get_by_role("radio", name=words, exact=True).click()
    else:
        place.locator("input").click()
        page.get_by_role("option", name=words, exact=True).click()


def test_a_random_walk_is_where_the_model_says(visit):
    page = visit("/?m=digits_mlp&s=60")
    for step, (action, model) in enumerate(actions(672, LONG or 20, scrub=True, leave=True)):
        act(page, visit, action, model)
        try:
            page.wait_for_function(STANDS, arg=expected(model))
            settle(page)
        except Exception as problem:
            raise AssertionError(f"step {step}, {action}: {page.url} is not {expected(model)}") from problem
        assert page.locator("[data-testid=stException]").count() == 0, (step, action)

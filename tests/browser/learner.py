"""A learner: does in the browser what a lesson's steps ask for, reading it from each step's own conditions."""

from __future__ import annotations

import contextlib
import re
import time
from urllib.parse import parse_qsl, urlsplit

from pruneviz.charts.labs import movement, oneshot, size
from pruneviz.course import Course
from pruneviz.lesson import Lesson, Step
from pruneviz.lesson_condition import APART, NUMERIC, PAGE, TIMED, Condition, Seen, number
from pruneviz.query import from_query
from pruneviz.recipe import Recipe
from pruneviz.studio import catalogue, choices, frame
from pruneviz.studio.labs import lottery, regularise, schedule
from tests.browser.server import PATIENCE

AMOUNTS = [percent / 100 for percent in range(101)]
MAIN = "input[type=range].pv-main"
ONCE = PATIENCE / 6
"""Milliseconds after which a hand tries again."""
SHOWN = {
    "pool": choices.POOLS, "floor": choices.FLOORS, "shape": {"signed": "w", "absolute": "|w|"},
    "penalty": regularise.names(), "schedule": schedule.SHORT, "method": movement.METHODS | size.METHODS | oneshot.METHODS,
}  # fmt: skip


def now(url: str) -> Recipe:
    """The Recipe of an address."""
    return from_query(dict(parse_qsl(urlsplit(url).query)))[0]


def here(url: str) -> str:
    """The page that an address opens, as a lesson names it."""
    return urlsplit(url).path.rpartition("/")[2] or frame.PAGES[0][2]


def await_step(page, lesson: Lesson, done: int) -> None:
    """Waits until the box says that so many steps are done."""
    many = len(lesson.steps)
    words = f"step {done + 1} of {many}" if done < many else "all steps done"
    page.locator(".st-key-lesson-head", has_text=words).wait_for(timeout=PATIENCE)


def do(page, step: Step) -> None:
    """Goes where the step is done, and does it."""
    if step.page and step.page != here(page.url):
        _follow(page, step.page)
    told: dict[str, list[Condition]] = {}
    for one in step.done:
        told.setdefault(one.field, []).append(one)
    told.pop(TIMED, None)  # another process measures: whoever waits for the step waits for it
    for field in [name for name in told if name in APART and name != PAGE]:
        _look(page, field, told.pop(field)[0])
    for field, conditions in sorted(told.items(), key=lambda item: item[0] != PAGE):
        _until_it_holds(page, field, conditions)


def _follow(page, address: str) -> None:
    """Follows the step's link. A click in the moment in which a setting is still being handed over leads nowhere: the page
    that is asked for gives way to the setting's own. Then once more, as anybody would."""
    from playwright.sync_api import TimeoutError

    last = time.monotonic() + PATIENCE / 1000
    while here(page.url) != address:
        assert time.monotonic() < last, f"the step's link does not lead to {address}"
        with contextlib.suppress(TimeoutError):
            page.locator(".st-key-lesson-now a").click(timeout=ONCE)
            page.wait_for_url(lambda url: here(url) == address, timeout=ONCE)


def _until_it_holds(page, field: str, conditions: list[Condition]) -> None:
    """Does it until the address says so. On a page that is being replaced by another nobody hears a key, and a menu that
    opens while a page still draws is closed again: then once more."""
    from playwright.sync_api import TimeoutError

    def holds(url: str) -> bool:
        # While one page gives way to another, the address says nothing yet of what was chosen: not even the lesson.
        return bool(now(url).lesson) and all(one.holds(now(url), Seen(here(url))) for one in conditions)

    last = time.monotonic() + PATIENCE / 1000
    while not holds(page.url):
        assert time.monotonic() < last, f"{field} does not become {conditions}"
        with contextlib.suppress(TimeoutError):
            _do_one(page, field, conditions)
            page.wait_for_url(holds, timeout=ONCE)


def _look(page, field: str, condition: Condition) -> None:
    """What stands in no address: a deed of the tickets' page, or one of its rounds."""
    if field == "deed":
        button = page.locator(".st-key-deed button").filter(has_text=lottery.DEEDS[condition.values[0]])
        button.click(timeout=PATIENCE)
        page.locator(".st-key-deed button[aria-checked=true]", has_text=button.inner_text()).wait_for(timeout=PATIENCE)
        return
    thumb = page.locator(".st-key-ticket-round input[type=range]")
    thumb.focus(timeout=PATIENCE)
    while not NUMERIC[condition.sign](float(thumb.input_value()), number(condition.values[0])):
        thumb.press("ArrowRight")


def _do_one(page, field: str, conditions: list[Condition]) -> None:
    if field == PAGE:
        _go(page, conditions[0].values[0])
    elif field == "amount":
        _amount(page, conditions)
    elif field == "pins":
        page.locator(".st-key-pin button").click()
    elif field == "guess":
        page.locator('[data-pv="guess-first"]').click()
        page.locator('[data-pv="reveal"]').click()
    elif field in ("spared", "overrides"):
        page.locator(".pv-lock[aria-pressed=false]").first.click()
    elif field in ("gone", "back"):
        page.locator(f".pv-tile[aria-pressed={'true' if field == 'back' else 'false'}]").first.click()
    else:
        _choose(page, field, conditions)


def _go(page, address: str) -> None:
    title = next(title for _, title, url in frame.PAGES if url == address)
    page.locator(".st-key-menu").get_by_role("link", name=title, exact=True).click()


def _amount(page, conditions: list[Condition]) -> None:
    """Sets the amount by keyboard; where the page offers a few amounts only, takes one that will do."""
    wanted = [one for one in AMOUNTS if all(_bears(condition, one) for condition in conditions)]
    page.locator(f"{MAIN}, .st-key-amount button, .st-key-lab-amount").first.wait_for(timeout=PATIENCE)
    if page.locator(".st-key-lab-amount").count():
        page.get_by_role("combobox", name="sparsity").click()
        offered = page.get_by_role("option").all()
        next(one for one in offered if _as_share(one.inner_text()) in [round(one, 2) for one in wanted]).click(timeout=ONCE)
        return
    if page.locator(MAIN).count():
        slider = page.locator(MAIN).first
        slider.focus()
        percent = round(100 * (wanted[-1] if wanted[-1] < 0.995 else wanted[0]))
        slider.press("Home")
        for key in ["Shift+ArrowRight"] * (percent // 10) + ["ArrowRight"] * (percent % 10):
            slider.press(key)
        # The hand rests until what it set is what the address says: a slow machine commits on the way as well.
        page.wait_for_url(lambda url: round(100 * now(url).amount) == percent, timeout=ONCE)
        return
    for button in page.locator(".st-key-amount button").all():
        if _as_share(button.inner_text()) in [round(one, 2) for one in wanted]:
            button.click()
            return
    raise AssertionError(f"no amount on this page will do for {conditions}")


def _as_share(text: str) -> float:
    return round(float(text.strip().rstrip("%")) / 100, 4)


def _bears(condition: Condition, amount: float) -> bool:
    sign, bound = condition.sign, number(condition.values[0])
    return NUMERIC[sign](amount, bound) if sign in NUMERIC else (abs(amount - bound) < 1e-9) != (sign == "not")


def _choose(page, field: str, conditions: list[Condition]) -> None:
    """Takes an entry of the menu, or of the row, that is bound to a field; of a number the one that will do."""
    place = page.locator(f".st-key-{'lab-' * hasattr(Course(), field)}{field}")
    place.wait_for(timeout=PATIENCE)
    if place.get_by_role("slider").count():
        _slide(place.get_by_role("slider"), conditions)
        return
    if place.get_by_role("spinbutton").count():
        place.get_by_role("spinbutton").fill("40")
        place.get_by_role("spinbutton").press("Enter")
        return
    values = [one.values[0] for one in conditions if one.sign in ("=", "in")]
    wanted = re.compile(rf"^\s*{re.escape(_named(field, values[0], now(page.url)))}\s*$" if values else ".")
    if place.get_by_role("combobox").count():
        place.get_by_role("combobox").click()
        page.get_by_role("option").filter(has_text=wanted).first.click(timeout=ONCE)
    elif values:
        place.locator("button").filter(has_text=wanted).click()
    else:
        place.locator("button[aria-checked=false]").first.click()


def _slide(thumb, conditions: list[Condition]) -> None:
    """Moves a slider of percent step by step, towards where all conditions hold."""
    for key in ["Home", *["ArrowRight"] * 100]:
        thumb.press(key)
        if all(_bears(one, float(thumb.input_value()) / 100) for one in conditions):
            return


def _named(field: str, value: str, recipe: Recipe) -> str:
    """What the screen calls a choice."""
    if field == "granularity":
        return catalogue.granularity_name(value)
    if field in ("criterion", "against"):
        return catalogue.criteria()[value].name
    if field == "scope":
        return catalogue.scopes(recipe.granularity)[value].name
    if field == "subject":
        return catalogue.subjects()[value]
    if field == "layer":
        return value.removesuffix(".weight")
    return SHOWN.get(field, {}).get(value, value)

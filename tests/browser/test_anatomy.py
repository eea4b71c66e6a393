"""The anatomy in a real browser: units follow the slider by themselves, a hand switches them, everybody can use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from tests.browser.server import drag, rested, serving, settle, slider
from tests.browser.visitors import visits

pytestmark = pytest.mark.browser

STOPS = [34, 38, 41, 45, 48, 52, 55, 59, 62, 66, 71, 77]
STATES = "() => [...document.querySelectorAll('.pv-unit')].map(unit => unit.dataset.unit + unit.dataset.state).sort().join()"
WIDTHS = "() => [...document.querySelectorAll('[data-pv=width]')].map(width => width.innerText).join()"
CUT = """() => [...document.querySelectorAll('.pv-anatomy *')]
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).length"""
LEFT = '[data-pv="units-left"]'
CARD = '[data-pv="card"]'


@pytest.fixture(scope="module")
def harness(browser) -> Iterator[str]:
    with serving("tests/browser/anatomy_app.py") as server:
        yield server.address


@pytest.fixture
def look(browser, harness) -> Iterator[Callable]:
    with visits(browser, harness) as open_page:

        def open_harness(kind: str = "filter", *args, **how):
            page = open_page(f"/?kind={kind}", *args, **how)
            page.get_by_text("commits:").wait_for()
            page.locator(".pv-unit").first.wait_for()
            return page

        yield open_harness


def unit(page, name: str):
    return page.locator(f'[data-unit="{name}"]')


def log(page) -> list[str]:
    return page.locator(".st-key-log").inner_text().split("\n")[1:]


def await_log(page, count: int) -> list[str]:
    page.wait_for_function(
        "n => document.querySelector('.st-key-log').innerText.trim().split('\\n').length === n + 1", arg=count
    )
    return log(page)


def test_units_turn_hatched_while_dragging_and_the_server_hears_nothing(look):
    page = look()
    sent = rested(page)

    def state():
        return page.evaluate(STATES), page.evaluate(WIDTHS), page.locator(LEFT).inner_text()

    states = drag(page, slider(), 30, STOPS, state)
    for seen in zip(*states, strict=True):
        assert len(set(seen)) >= 10
    for stop, (_, _, words) in zip(STOPS, states, strict=True):
        assert words == f"{160 - round(1.6 * stop)} of 160 filters stay"
    assert len(page.frames_sent) == sent, "a drag must not talk to the server"
    page.mouse.up()
    await_log(page, 1)
    assert page.evaluate(STATES) == states[-1][0], "what was foretold is what was done"


@pytest.mark.parametrize(("kind", "name"), [("head", "block2:0"), ("layer", "blocks1:3"), ("neuron", "fc2:7")])
def test_every_kind_of_unit_follows_the_slider_and_a_click(look, kind, name):
    page = look(kind)
    before = page.evaluate(STATES)
    drag(page, slider(), 30, [80], lambda: "")
    assert page.evaluate(STATES) != before
    page.mouse.up()
    await_log(page, 1)
    state = unit(page, name).get_attribute("data-state")
    unit(page, name).click()
    assert await_log(page, 2)[-1] == f"{name} {state != 'gone'}"
    assert unit(page, name).get_attribute("data-state") == ("kept" if state == "gone" else "gone")


def test_a_click_switches_at_once_is_told_once_and_undone_exactly(look):
    page = look()
    before, strongest = page.evaluate(STATES), page.locator(".pv-unit").first
    name = strongest.get_attribute("data-unit")
    strongest.click()
    assert strongest.get_attribute("data-state") == "gone" and strongest.get_attribute("aria-pressed") == "true"
    assert await_log(page, 1) == [f"{name} True"]
    page.wait_for_timeout(400)
    assert log(page) == [f"{name} True"] and "removed by hand" in strongest.get_attribute("aria-label")
    page.get_by_role("button", name="undo").click()
    page.wait_for_function(f"before => ({STATES})() === before", arg=before)
    strongest.click()
    await_log(page, 2)
    strongest.click()
    assert await_log(page, 3)[-1] == f"{name} None", "switched back, it follows its rank again"
    assert page.evaluate(STATES) == before


def test_a_forced_unit_stays_where_the_hand_put_it_while_dragging(look):
    page = look()
    first, last = (page.locator('[data-group="conv1"] .pv-unit').nth(at) for at in (0, -1))
    first.click()
    last.click()
    await_log(page, 2)
    states = drag(page, slider(), 30, [5, 60, 95], lambda: [one.get_attribute("data-state") for one in (first, last)])
    assert states == [["gone", "kept"]] * 3
    page.mouse.up()


def test_quick_clicks_all_arrive_in_order(look):
    page = look()
    names = [page.locator(".pv-unit").nth(at).get_attribute("data-unit") for at in range(5)]
    page.evaluate("names => names.forEach(name => document.querySelector(`[data-unit='${name}']`).click())", names)
    assert await_log(page, 5) == [f"{name} True" for name in names]


def test_the_card_shows_the_numbers_that_decide_and_what_hangs_on_it_lights_up(look):
    page = look()
    weakest = page.locator('[data-group="conv1"] .pv-unit').last
    weakest.hover()
    said = page.locator(CARD).inner_text()
    score, line = re.search(r"mean \|w\| = ([\d.]+) ≤ threshold ([\d.]+) → removed", said).groups()
    assert float(score) <= float(line) and "rank 32 of 32" in said and "Can go alone: yes." in said
    assert re.search(r"without this one alone: [−±][\d.]+ points? \(\d lost, 0 won\)", said)
    index = weakest.get_attribute("data-unit").split(":")[1]
    assert f"conv2 input {index} (576 numbers)" in said
    lit = page.locator('[data-group="conv2"].pv-reads')
    assert lit.count() == 1 and f"reads filter {index} of conv1" in lit.inner_text()
    assert page.locator(".pv-reads").count() == 1, "nothing else reads it"
    frame = page.evaluate("""() => { const face = document.querySelector('[data-group="conv2"] .pv-face')
        const box = getComputedStyle(face, '::before'); return [parseFloat(box.left), parseFloat(box.top)] }""")
    side = page.locator('[data-group="conv2"] .pv-face canvas').first.bounding_box()["width"]
    assert frame == pytest.approx([int(index) % 6 * side / 6, int(index) // 6 * side / 6], abs=1), "the very slice"
    page.locator('[data-group="conv3"] .pv-unit').first.hover()
    assert "Can go alone: no. goes together with conv3.shortcut" in page.locator(CARD).inner_text()
    assert page.locator(".pv-reads").count() == 0


def test_the_card_ticks_along_with_the_drag(look):
    page = look()
    page.locator('[data-group="conv1"] .pv-unit').nth(20).hover()
    states = drag(page, slider(), 30, [5, 90], lambda: page.locator(CARD).inner_text())
    assert "→ kept" in states[0] and "→ removed" in states[1]
    page.mouse.up()


def test_what_cannot_go_says_why_and_does_not(look):
    page = look()
    output = page.locator('[data-group="fc"]')
    assert "Cannot be pruned: it is the output" in output.inner_text()
    output.locator(".pv-unit").first.click(force=True)
    page.wait_for_timeout(300)
    assert log(page) == [] and output.locator(".pv-unit").first.get_attribute("aria-disabled") == "true"
    assert "Can go: no. it is the output" in page.locator(CARD).inner_text()


def test_the_keyboard_roves_and_switches_and_keeps_its_place(look):
    page = look()
    assert page.locator('.pv-unit[tabindex="0"]').count() == 1, "one stop for Tab"
    order = page.evaluate("() => [...document.querySelectorAll('.pv-unit')].map(unit => unit.dataset.unit)")
    focused = "() => document.activeElement.dataset.unit"
    page.locator('.pv-unit[tabindex="0"]').focus()
    for key, place in (
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("End", 31),
        ("ArrowRight", 32),
        ("Home", 32),
    ):
        page.keyboard.press(key)
        assert page.evaluate(focused) == order[place], key
    page.keyboard.press("Control+Home")
    page.keyboard.press("ArrowDown")
    below = order.index(page.evaluate(focused))
    columns = below
    assert 4 <= columns < 32
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) == order[0]
    page.keyboard.press("PageDown")
    assert page.evaluate(focused) == order[32]
    page.keyboard.press("PageUp")
    page.keyboard.press("ArrowRight")
    for count, key in enumerate(("Enter", "Space"), 1):
        page.keyboard.press(key)
        await_log(page, count)
        assert page.evaluate(focused) == order[1], "the focus stays"
    assert log(page) == [f"{order[1]} True", f"{order[1]} None"]
    assert re.search(
        r"conv1, filter \d+: importance [\d.]+, rank 2 of 32, kept", unit(page, order[1]).get_attribute("aria-label")
    )
    assert "follows its rank again" in page.locator('.pv-anatomy [data-pv="announcer"]').inner_text()


def test_a_wide_network_shows_a_page_of_units_at_a_time(look):
    page = look("wide")
    assert page.locator(".pv-unit").count() < 700
    wide = page.locator('[data-group="conv2"]')
    assert "1 to 256 of 2,048, strongest first, and 1,792 more" in wide.inner_text()
    first = wide.locator(".pv-unit").first.get_attribute("data-unit")
    wide.get_by_role("button", name="weaker").click()
    assert "257 to 512 of 2,048" in wide.inner_text() and wide.locator(".pv-unit").first.get_attribute("data-unit") != first
    assert page.evaluate("() => document.activeElement.innerText") == "weaker"
    last = page.locator('[data-group="conv4"]')
    assert last.locator(".pv-unit").count() == 0
    last.get_by_role("button", name="show 512 filters").click()
    assert last.locator(".pv-unit").count() == 256
    sent = rested(page)
    states = drag(page, slider(), 30, STOPS, lambda: page.locator(LEFT).inner_text())
    assert len(set(states)) == 12 and len(page.frames_sent) == sent
    page.mouse.up()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 400])
@pytest.mark.parametrize("kind", ["filter", "head", "layer", "wide"])
def test_axe_finds_nothing_and_nothing_sticks_out(look, axe, kind, width, scheme):
    page = look(kind, width, scheme)
    page.locator(".pv-unit").nth(2).click()
    await_log(page, 1)
    assert axe(page, ".pv-anatomy") == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CUT) == 0


@cache
def bench(subject: str, kind: str):
    model = card.load(subject)
    standing = evaluate.stand(model, Recipe(subject=subject, granularity=kind))
    return model, standing, Workspace(model, standing.split.measured)


def truth(subject: str, kind: str, percent: float, **how) -> str:
    """The accuracy that the engine measures, as the strip writes it."""
    model, standing, workspace = bench(subject, kind)
    recipe = Recipe(subject=subject, granularity=kind, amount=percent / 100, **how)
    return f"{100 * evaluate.evaluate(model, recipe, standing, workspace).score.value:.1f}".removesuffix(".0") + "%"


def await_accuracy(page, wanted: str) -> None:
    page.wait_for_function(
        "wanted => document.querySelector('.st-key-accuracy [data-testid=stMetricValue]')?.innerText.trim() === wanted",
        arg=wanted,
    )


def opened(visit, subject: str, kind: str, percent: int, *args):
    page = visit(f"/anatomy?m={subject}&g={kind}&s={percent}", *args)
    page.locator(".pv-unit").first.wait_for()
    await_accuracy(page, truth(subject, kind, percent))
    return page


def await_quiet(page) -> None:
    """Waits until the curves are complete: while they grow the page runs again and again, and fades what it redraws."""
    page.wait_for_function("() => !document.body.innerText.includes('Measuring in the background')", polling=100)
    settle(page)
    page.wait_for_timeout(500)


def test_on_the_page_a_drag_is_live_and_its_release_is_measured(visit):
    page = opened(visit, "digits_cnn", "filter", 30)
    await_quiet(page)
    sent = rested(page)
    states = drag(page, slider(), 30, STOPS, lambda: page.evaluate(STATES))
    assert len(set(states)) >= 10
    assert len(page.frames_sent) == sent, "a drag must not talk to the server"
    page.mouse.up()
    page.wait_for_url(re.compile(f"s={STOPS[-1]}"))
    await_accuracy(page, truth("digits_cnn", "filter", STOPS[-1]))
    settle(page)
    assert page.evaluate(STATES) == states[-1]


@pytest.mark.parametrize(
    ("subject", "kind", "percent", "name"),
    [
        ("digits_cnn", "filter", 20, "conv1:4"),
        ("digits_vit", "head", 20, "layers.3.attention:1"),
        ("digits_vit", "layer", 0, "layers:2"),
    ],
)
def test_a_click_changes_the_link_and_the_accuracy_and_undo_restores_the_mask(visit, subject, kind, percent, name):
    page = opened(visit, subject, kind, percent)
    before, address = page.evaluate(STATES), page.url
    gone = unit(page, name).get_attribute("data-state") == "kept"
    unit(page, name).scroll_into_view_if_needed()
    unit(page, name).click()
    page.wait_for_url(re.compile("gone=" if gone else "back="))
    changed = truth(subject, kind, percent, **{"gone" if gone else "back": (name,)})
    await_accuracy(page, changed)
    assert unit(page, name).get_attribute("data-state") == ("gone" if gone else "kept")
    after = page.evaluate(STATES)
    assert sum(one != other for one, other in zip(before.split(","), after.split(","), strict=True)) == 1
    page.locator(".st-key-undo button").click()
    page.wait_for_url(address)
    await_accuracy(page, truth(subject, kind, percent))
    page.wait_for_function(f"before => ({STATES})() === before", arg=before)
    page.locator(".st-key-redo button").click()
    await_accuracy(page, changed)
    page.wait_for_function(f"after => ({STATES})() === after", arg=after)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 400])
@pytest.mark.parametrize(("subject", "kind"), [("digits_cnn", "filter"), ("digits_vit", "head")])
def test_the_whole_page_is_clean_to_axe_and_fits(visit, axe, subject, kind, width, scheme):
    page = opened(visit, subject, kind, 30, width, scheme)
    page.locator(".st-key-remove button").click()
    page.get_by_text("Proven:").wait_for()
    await_quiet(page)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.stPlotlyChart')].every(one => one.querySelector('.main-svg'))"
    )
    assert axe(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    main = page.evaluate(
        "() => { const main = document.querySelector('[data-testid=stMain]'); return main.scrollWidth - main.clientWidth }"
    )
    assert main <= 0

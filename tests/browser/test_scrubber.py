"""The live scrubber in a real browser: it redraws alone, tells Python once, and everybody can use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.browser.server import drag, rested, serving, slider, thumb
from tests.browser.visitors import visits

pytestmark = pytest.mark.browser

MAIN = slider()
LIVE = '[data-pv="scrubber"] [data-pv="live-accuracy"]'


@pytest.fixture(scope="module")
def harness(browser) -> Iterator[str]:
    with serving("tests/browser/scrubber_app.py") as server:
        yield server.address


@pytest.fixture
def visit(browser, harness) -> Iterator[Callable]:
    with visits(browser, harness) as open_page:

        def open_harness(query: str = "/", *args, **how):
            page = open_page(query, *args, **how)
            page.get_by_text("commits:").wait_for()
            page.wait_for_timeout(200)
            return page

        yield open_harness


def log(page) -> list[str]:
    return page.locator(".st-key-log").inner_text().split("\n")[1:]


def await_log(page, count: int) -> list[str]:
    page.wait_for_function(
        "n => document.querySelector('.st-key-log').innerText.trim().split('\\n').length === n + 1", arg=count
    )
    return log(page)


def test_a_drag_redraws_at_every_move_and_tells_python_once_on_release(visit):
    page = visit()
    assert page.locator(MAIN).count() == 1
    sent = rested(page)
    picture = "() => [...document.querySelectorAll('.pv-hist path')].map(p => p.getAttribute('d')).join()"
    pictures = []

    def state() -> str:
        pictures.append(page.evaluate(picture))
        return page.locator(LIVE).inner_text()

    stops = [60, 63, 66, 68, 70, 71, 72, 73, 74, 76, 78, 80]
    states = drag(page, MAIN, 58, stops, state)
    assert len(set(states)) >= 10 and len(set(pictures)) == 12
    assert all(len(re.findall(r"\d+(?:\.\d+)?\s*%", text)) == 1 for text in states)
    assert len(page.frames_sent) == sent, "a drag must not talk to the server"
    assert page.locator(".pv-how").inner_text() == "precomputed"
    page.mouse.up()
    assert await_log(page, 1) == ["amount - - 80.0"]
    page.wait_for_timeout(500)
    assert log(page) == ["amount - - 80.0"], "one release is one commit"
    assert page.locator(".pv-how").inner_text() == "measured"


def test_the_thumb_rides_under_the_dot(visit):
    for width in (1440, 400):
        page = visit(width=width)
        for percent in (0, 37, 58, 100):
            page.locator(MAIN).fill(str(percent))
            dot = page.locator('[data-pv="curve"] .pv-dot').bounding_box()
            assert dot["x"] + dot["width"] / 2 == pytest.approx(thumb(page, MAIN, percent)[0], abs=0.6)


def test_a_run_in_between_leaves_the_hand_alone_and_an_equal_value_twice_is_delivered(visit):
    page = visit("/?slow=0.4")
    drag(page, MAIN, 58, [40], lambda: "")
    page.evaluate("() => [...document.querySelectorAll('button')].find(b => b.innerText === 'run again').click()")
    page.wait_for_timeout(900)
    assert page.locator(MAIN).input_value() == "40"
    page.mouse.up()
    await_log(page, 1)
    page.locator(MAIN).fill("55")
    page.locator(MAIN).fill("40")
    assert await_log(page, 3) == ["amount - - 40.0", "amount - - 55.0", "amount - - 40.0"]
    assert page.locator(MAIN).input_value() == "40"


def test_quick_events_survive_a_slow_server_in_order_and_once_each(visit):
    page = visit("/?slow=0.5")
    page.locator('[data-layer="conv1"] .pv-lock').click()
    page.locator('[data-layer="conv3"] .pv-lock').click()
    page.locator(MAIN).fill("30")
    page.locator('[data-layer="conv1"] .pv-lock').click()
    expected = ["lock - conv1 0.0", "lock - conv3 0.0", "amount - - 30.0", "lock - conv1 None"]
    assert await_log(page, 4) == expected
    page.wait_for_timeout(1200)
    assert log(page) == expected
    assert page.locator('[data-layer="conv3"] .pv-lock').get_attribute("aria-pressed") == "true"
    assert page.locator('[data-layer="conv1"] .pv-lock').get_attribute("aria-pressed") == "false"


def test_keys_move_by_one_and_by_ten_and_commit_when_let_go(visit):
    page = visit()
    slider = page.locator(MAIN)
    slider.focus()
    for key, value in (("ArrowRight", 59), ("Shift+ArrowRight", 69), ("PageUp", 79), ("PageDown", 69), ("ArrowLeft", 68)):
        page.keyboard.press(key)
        assert slider.input_value() == str(value)
    assert await_log(page, 1) == ["amount - - 68.0"]
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext").startswith("0 percent of the weights removed, accuracy")
    page.keyboard.press("End")
    assert await_log(page, 2)[-1] == "amount - - 100.0"
    assert "100 percent" in page.locator('[data-pv="announcer"]').inner_text()


def test_a_fractional_amount_is_shown_as_it_is(visit):
    page = visit()
    page.locator(MAIN).fill("62.5")
    assert await_log(page, 1) == ["amount - - 62.5"]
    assert page.locator(MAIN).input_value() == "62.5"
    assert "62.5%" in page.locator(".pv-facts").inner_text()


def test_a_layer_takes_an_amount_of_its_own_stays_there_and_follows_again(visit):
    page = visit()
    bar, kept = page.locator('[data-layer="conv2"] input'), page.locator('[data-layer="conv2"] .pv-rowhead .pv-keeps')
    bar.fill("25")
    assert await_log(page, 1) == ["layer - conv2 25.0"]
    page.locator(MAIN).fill("90")
    await_log(page, 2)
    assert kept.inner_text() == "keeps 75%"
    page.locator('[data-layer="conv2"] .pv-follow').click()
    assert await_log(page, 3)[-1] == "layer - conv2 None"
    assert kept.inner_text() != "keeps 75%"
    page.locator('[data-layer="fc"] .pv-lock').click()
    assert await_log(page, 4)[-1] == "lock - fc 0.0"
    assert page.locator('[data-layer="fc"] .pv-rowhead .pv-keeps').inner_text() == "keeps 100%"


def test_the_challenges_find_choose_and_compare(visit):
    page = visit(motion="no-preference")
    told = page.locator('[data-pv="told"]')
    page.locator('[data-pv="find-cliff"]').click()
    assert await_log(page, 1) == ["amount - - 70.0"]
    assert "Here is the edge" in told.inner_text()
    page.locator('[data-pv="tolerance"]').fill("50")
    page.get_by_role("button", name="Lose at most 50 points, remove the most").click()
    await_log(page, 2)
    assert re.search(r"On the 250 samples that chose this: −\d.*On the other 250", told.inner_text())
    page.locator('[data-pv="guess-first"]').click()
    assert not page.locator('[data-pv="curve"] .pv-series').is_visible()
    assert page.locator(LIVE).inner_text() == "hidden"
    page.locator(MAIN).fill("60")
    page.locator('[data-pv="reveal"]').click()
    assert await_log(page, 3)[-1] == "guess - - 60.0"
    assert "10 points too early" in told.inner_text()
    assert page.locator('[data-pv="curve"] .pv-series').is_visible()


def test_a_challenge_is_there_at_once_and_says_what_is_missing_while_the_curve_grows(visit):
    page = visit("/?growing=samples")
    told = page.locator('[data-pv="told"]')
    page.get_by_role("button", name="Lose at most 5 points, remove the most (still being measured)").click()
    assert "what keeps within 5 points is not known yet" in told.inner_text() and log(page) == []
    page = visit("/?growing=halves")
    page.get_by_role("button", name="Lose at most 5 points, remove the most (so far)").click()
    await_log(page, 1)
    assert (
        page.locator('[data-pv="told"]').inner_text().startswith("Of the 101 settings measured so far, with more to come:")
    )


def test_what_is_read_aloud_follows_another_scope(visit):
    page = visit()
    aloud = page.locator('[data-pv="announcer"]')
    page.locator('[data-pv="find-cliff"]').click()
    await_log(page, 1)
    assert "Here is the edge" in aloud.inner_text() and "Here is the edge" in page.locator('[data-pv="told"]').inner_text()
    page.get_by_text("another scope").click()
    page.wait_for_function("() => !document.querySelector('[data-pv=announcer]').innerText.includes('edge')")
    assert re.search(r"70 percent of the weights removed, accuracy \d", aloud.inner_text())
    assert page.locator('[data-pv="told"]').inner_text() == ""


def test_an_earlier_setting_is_one_click_away(visit):
    page = visit()
    page.get_by_role("button", name=re.compile("back to 20 percent")).click()
    assert await_log(page, 1) == ["amount - - 20.0"]


def test_linked_sliders_move_together_and_unlinked_ones_alone(visit):
    page = visit("/?several=1")
    first, second = (f'[data-pv="scrubber-{name}"] input[type=range]' for name in ("magnitude", "random"))
    assert page.locator(first).count() == page.locator(second).count() == 1
    both = drag(page, first, 58, [40, 30], lambda: page.locator(second).input_value())
    assert both == ["40", "30"]
    page.mouse.up()
    assert await_log(page, 1) == ["amount magnitude - 30.0"]
    page.locator('[data-pv="linked"]').uncheck()
    assert await_log(page, 2)[-1] == "linked - - 0.0"
    page.locator(first).fill("70")
    assert await_log(page, 3)[-1] == "amount magnitude - 70.0"
    assert page.locator(second).input_value() == "30"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 400])
@pytest.mark.parametrize("query", ["/", "/?several=1"])
def test_axe_finds_nothing_and_nothing_sticks_out(visit, axe, query, width, scheme):
    page = visit(query, width, scheme)
    page.locator(".pv-table summary").first.click()
    if query == "/":
        page.locator('[data-layer="conv1"] .pv-lock').click()
        page.locator('[data-layer="conv2"] input').fill("20")
        await_log(page, 2)
    assert axe(page, ".pv-scrubber") == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", [1440, 400])
def test_labels_of_the_curve_do_not_overlap(visit, width):
    page = visit(width=width)
    boxes = page.evaluate("""() => [...document.querySelectorAll('[data-pv="curve"] .pv-names text')].map(node => {
        const box = node.getBoundingClientRect(); return [node.textContent, box.left, box.right, box.top, box.bottom] })""")
    assert any("the cliff" in box[0] for box in boxes)
    overlaps = [
        (a[0], b[0])
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
        if a[1] < b[2] and b[1] < a[2] and a[3] < b[4] and b[3] < a[4]
    ]
    assert overlaps == []
    named = {box[0] for box in boxes} | set(page.locator(".pv-heart .pv-legend span").all_inner_texts())
    wanted = ["one shot, no fine-tuning", "after fine-tuning", "random pruning (baseline)", "chance"]
    assert all(any(word in name for name in named) for word in wanted)


def test_a_narrow_screen_cuts_no_word_and_no_line_runs_through_one(visit):
    """A legend wraps; the lines at a threshold begin below its words; a shape is whole or not there."""
    page = visit("/", 400)
    legend = page.locator(".pv-hist .pv-legend")
    legend.evaluate("one => one.append(Object.assign(document.createElement('span'), {textContent: 'a law '.repeat(40)}))")
    assert legend.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
    tops = page.evaluate("""() => [...document.querySelectorAll('.pv-hist .pv-threshold')].flatMap(one =>
      [...(one.getAttribute('d') || '').matchAll(/M[\\d.]+ ([\\d.]+)/g)].map(found => Number(found[1])))""")
    feet = page.evaluate("""() => [...document.querySelectorAll('.pv-hist text.pv-label')].filter(one => one.textContent)
      .map(one => { const box = one.getBBox(); return box.y + box.height })""")
    assert tops and feet and min(tops) > max(feet) - 4
    name = page.locator("[data-layer] .pv-name").first
    name.evaluate("one => { one.textContent = 'model.layers.0.self_attn.q_proj_of_a_long_name' }")
    row = page.locator("[data-layer] .pv-said").first
    inside = "one => one.lastChild.getBoundingClientRect().top < one.getBoundingClientRect().bottom - 1"
    assert not row.evaluate(inside), "the shape left the line whole"
    assert "×" in row.get_attribute("title")

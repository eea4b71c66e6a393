"""Presenting, as the room sees it: keys turn the slides, the type is large, nothing else is on the screen."""

from __future__ import annotations

import pytest

from tests.browser.server import PATIENCE, settle, slider
from tests.browser.test_app import put

pytestmark = pytest.mark.browser
SETTING = "m=digits_mlp&s=80"
LIMITS = "lim=points:1~worst:5~mb:0.1"
SIZES = """() => [...document.querySelectorAll('.st-key-slide :is(h1, h3, p, td, th)')]
    .filter(one => one.offsetParent && !one.closest('[data-testid=stExpander], .st-key-fine, .st-key-setting-True'))
    .filter(one => !one.closest('[data-testid=stMetricDelta]'))
    .map(one => [one.tagName, parseFloat(getComputedStyle(one).fontSize)])"""
CHROME = "[data-testid=stHeader], [data-testid=stSidebar], [data-testid=stToolbar], .st-key-menu, .st-key-strip"
OVER = """() => { const box = document.querySelector('[data-testid=stMain]'); return box.scrollWidth - box.clientWidth }"""


def await_slide(page, slide: int) -> None:
    """Waits until a slide is what is said, what is drawn, and what the address holds."""
    page.wait_for_function(
        """(slide) => document.querySelector('.st-key-slide p')?.innerText.startsWith(`${slide} of 5`)
            && new URLSearchParams(location.search).get('slide') === String(slide)""",
        arg=slide,
        timeout=PATIENCE,
    )
    settle(page)


def test_the_keys_of_a_presenter_turn_the_slides_and_leave_them(visit):
    page = visit(f"/present?{SETTING}")
    page.locator(".st-key-present button").click()
    await_slide(page, 1)
    assert not [one for one in page.locator(CHROME).all() if one.is_visible()]
    for key, slide in (("ArrowRight", 2), ("PageDown", 3), (" ", 4), ("ArrowLeft", 3), ("PageUp", 2)):
        page.keyboard.press(key)
        await_slide(page, slide)
    for _ in range(3):  # faster than any server
        page.keyboard.press("ArrowRight")
    await_slide(page, 5)
    page.keyboard.press("ArrowRight")
    assert page.locator(".pv-deck button", has_text="→").is_disabled()
    page.locator(".pv-deck button", has_text="←").click()
    await_slide(page, 4)
    page.keyboard.press("Escape")
    page.wait_for_selector(".st-key-present button", timeout=PATIENCE)
    settle(page)
    page.wait_for_function("() => !new URLSearchParams(location.search).has('slide')", timeout=PATIENCE)
    assert page.locator(".st-key-menu").is_visible()


def test_what_if_is_answered_in_the_room_and_forgotten_unless_it_is_kept(visit):
    page = visit(f"/present?{SETTING}&slide=1")
    page.keyboard.press("l")
    await_slide(page, 2)
    page.wait_for_selector(slider(), timeout=PATIENCE)
    number = page.locator('[data-pv="live-accuracy"]').first
    before = number.inner_text()
    put(page, slider(), 95)
    heading = page.get_by_role("heading", level=1)
    page.wait_for_function("() => document.querySelector('h1').innerText.startsWith('Removing 95% of the weights costs')")
    assert number.inner_text() != before and "s=80" in page.url
    page.keyboard.press("Escape")
    page.wait_for_selector(slider(), state="detached", timeout=PATIENCE)
    settle(page)
    assert "s=80" in page.url and heading.inner_text().startswith("Accuracy is 94% here")
    page.keyboard.press("l")
    page.wait_for_selector(slider(), timeout=PATIENCE)
    put(page, slider(), 60)
    page.wait_for_function("() => document.querySelector('h1').innerText.startsWith('Removing 60% of the weights')")
    page.locator(".st-key-keep-what-if button").click()
    page.wait_for_function("() => new URLSearchParams(location.search).get('s') === '60'", timeout=PATIENCE)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 400)])
def test_slides_are_read_from_the_last_row_and_on_a_telephone(visit, axe, scheme, width):
    page = visit(f"/present?{SETTING}&{LIMITS}&slide=1", width, scheme)
    for slide in range(1, 6):
        if slide > 1:
            page.keyboard.press("ArrowRight")
            await_slide(page, slide)
        sizes = page.evaluate(SIZES)
        least = {"H1": 44} if width > 1000 else {}
        assert all(size >= least.get(tag, 28 if width > 1000 else 16) for tag, size in sizes) and len(sizes) > 1, sizes
        assert axe(page) == [] and page.evaluate(OVER) <= 0, slide
    assert page.locator(".pv-place").text_content() == "5 of 5 · confidence and limits"

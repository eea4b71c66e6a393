"""Somebody new is offered a tour, once; and every key that Help names does what it says."""

from __future__ import annotations

import re

import pytest

from pruneviz.studio import guide
from tests.browser.server import settle, slider

pytestmark = pytest.mark.browser


def test_the_tour_is_offered_once_and_begins_where_it_says(visit):
    page = visit("/?m=digits_mlp&s=30")
    page.locator(".pv-tour").click()
    page.wait_for_url(re.compile("lesson=tour"))
    settle(page)
    assert "A tour of two minutes" in page.locator(".st-key-lesson").inner_text() and page.locator(".pv-tour").count() == 0
    again = page.context.new_page()
    again.goto(page.url.partition("?")[0])
    settle(again)
    assert not again.locator(".pv-tour").is_visible()


def test_no_is_remembered_and_the_tour_stays_in_help(visit, axe):
    page = visit("/?m=digits_mlp", width=400, scheme="dark")
    page.locator(".pv-no").click()
    page.reload()
    settle(page)
    assert not page.locator(".pv-welcome").is_visible()
    page.locator(".st-key-help button").click()
    page.get_by_text("Ctrl+Shift+Z").wait_for()
    assert axe(page) == []
    page.locator(".st-key-help-tour button").click()
    page.wait_for_url(re.compile("lesson=tour"))


def test_the_keys_of_help_do_what_it_says(visit):
    page = visit("/?m=digits_mlp&s=50")
    said = [key for key, _ in guide.KEYS]
    assert said[:3] == ["Ctrl+Z", "Ctrl+Shift+Z", "Alt+P"]
    thumb = page.locator(slider())
    for key, amount in (
        ("ArrowRight", 51),
        ("Shift+ArrowLeft", 41),
        ("PageUp", 51),
        ("PageDown", 41),
        ("End", 100),
        ("Home", 0),
    ):
        thumb.focus()
        thumb.press(key)
        page.wait_for_url(re.compile(rf"[?&]s={amount}(&|$)"))
        settle(page)
    page.keyboard.press("Control+z")
    page.wait_for_url(re.compile(r"[?&]s=100(&|$)"))
    page.locator(".st-key-redo button:enabled").wait_for()  # drawn a moment after the address has changed
    page.keyboard.press("Control+Shift+z")
    page.wait_for_url(re.compile(r"[?&]s=0(&|$)"))
    settle(page)
    page.locator("h1").click()
    page.keyboard.press("Alt+p")
    page.wait_for_url(re.compile("pin="))

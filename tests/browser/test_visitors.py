"""Visitors share the work of reading Streamlit, and nothing else."""

from __future__ import annotations

import pytest

from tests.browser.visitors import visits

pytestmark = pytest.mark.browser

LEAVE = """async () => {
    localStorage.setItem("me", "Ada"); sessionStorage.setItem("me", "Ada"); document.cookie = "me=Ada; max-age=9999"
    await new Promise((done) => { indexedDB.open("me").onsuccess = (event) => { event.target.result.close(); done() } })
}"""
FOUND = """async () => [localStorage.getItem("me"), sessionStorage.getItem("me"), document.cookie.includes("me="),
    (await indexedDB.databases()).length]"""
LEFT = ["Ada", "Ada", True, 1]


def test_a_browser_that_is_used_again_has_forgotten_who_used_it(browser, app):
    with visits(browser, app.address) as visit:
        page = visit("/lessons")
        page.evaluate(LEAVE)
        assert page.evaluate(FOUND) == LEFT
        used, known = page.context, {one["value"] for one in page.context.cookies()}
        assert len(known) > 1, "the server gives a cookie of its own, by which it knows a visitor"
    with visits(browser, app.address) as visit:
        page = visit("/lessons")
        assert page.context is used, "in another browser there is nothing to forget"
        assert page.evaluate(FOUND) == [None, None, False, 0]
        assert not known & {one["value"] for one in page.context.cookies()}


def test_visitors_at_the_same_time_have_a_browser_each(visit):
    one, other = visit("/lessons"), visit("/lessons")
    one.evaluate(LEAVE)
    assert one.context is not other.context and other.evaluate(FOUND) == [None, None, False, 0]

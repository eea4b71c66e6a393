"""The report as a person gets it: downloaded from the app, opened in a fresh browser without a network, charts alive."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from html import unescape

import pytest

from pruneviz.engine.sources import card
from pruneviz.handout import document
from pruneviz.handout.gather import gather
from pruneviz.recipe import Recipe
from tests.browser.server import PATIENCE

pytestmark = pytest.mark.browser

SETTING = Recipe(subject="digits_mlp", amount=0.9, title="A <b>plan</b>", limits=(("points", 1.0),))
QUERY = "m=digits_mlp&s=90&title=A+%3Cb%3Eplan%3C%2Fb%3E&lim=points%3A1.0"
DRAWN = "html[data-drawn]"


@pytest.fixture(scope="module")
def report(browser, app, tmp_path_factory):
    """The file that the button on the page gives."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{app.address}/present?{QUERY}")
    page.wait_for_selector(".st-key-report-html")
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Report (HTML)").click()
    path = tmp_path_factory.mktemp("report") / waiting.value.suggested_filename
    waiting.value.save_as(path)
    context.close()
    return path


@pytest.fixture(scope="module")
def opened(browser, report):
    """Opens the file, each time in a browser without a network; afterwards nothing was asked for and nothing went wrong."""
    contexts, complaints = [], []

    @cache
    def open_report(width=1440, scheme="light"):
        how = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme, "offline": True}
        context = browser.new_context(**how, reduced_motion="reduce")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda one: complaints.append(one.url) if one.url.partition(":")[0] in ("http", "https") else None
        )
        page.goto(report.as_uri())
        page.wait_for_selector(DRAWN)
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert not complaints, complaints[:5]


def test_the_button_gives_what_the_command_line_writes(report):
    """To the byte, but for the address of the app."""
    assert report.name == "digits_mlp-weight-90.html" and report.stat().st_size < document.LARGEST
    found = report.read_text("utf-8")
    link = unescape(re.search(r"behind the address of the app:</p><pre><code>(.*?)</code>", found)[1])
    assert "/present?" in link and "s=90" in link
    made = gather(card.load("digits_mlp"), SETTING)
    assert document.html(replace(made, link=link)) == found


def test_its_charts_are_alive_and_its_tables_open(opened):
    page = opened(1440, "light")
    plots = page.locator(".plot")
    assert plots.count() >= 4 and page.locator(".plot .main-svg").count() >= plots.count()
    curve = page.locator("#plot-curve")
    curve.scroll_into_view_if_needed()
    box = curve.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + 0.06 * box["height"], steps=5)
    page.wait_for_selector("#plot-curve .hoverlayer .hovertext")
    assert "removed" in page.locator("#plot-curve .hoverlayer").text_content()
    table = page.locator("figure", has=curve).locator("table")
    assert not table.is_visible()
    page.locator("figure", has=curve).locator("summary").press("Enter")
    assert table.is_visible() and table.locator("tbody tr").count() == 101
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open]):not([data-screen])").count() == 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 1
    assert page.locator("h1").text_content() == "A <b>plan</b>"


def test_with_javascript_off_all_is_there_but_the_charts(browser, report):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("table").count() > 5 and page.get_by_text("Misses the limits").is_visible()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (400, "dark")])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(opened, axe, width, scheme):
    page = opened(width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = true; }")
    assert axe(page) == []
    ink = page.evaluate("getComputedStyle(document.querySelector('#plot-curve .xtick text')).fill")
    assert ink == ("rgb(232, 235, 239)" if scheme == "dark" else "rgb(27, 31, 36)")

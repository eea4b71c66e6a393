"""Every lesson, in a real browser, from its link to its last answer; what is measured in it is what the engine measures."""

from __future__ import annotations

import re
from functools import cache
from urllib.parse import urlencode

import pytest

from pruneviz import findings, lesson_fields, lesson_figure, lesson_shelf
from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.query import to_query
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, Report
from pruneviz.studio import frame
from pruneviz.studio.lessons import found
from pruneviz.studio.lessons.places import Places
from tests.browser import learner
from tests.browser.server import PATIENCE, settle, slider
from tests.browser.test_app import put
from tests.browser.visitors import visits

pytestmark = pytest.mark.browser

SHELF = lesson_shelf.read([lesson_shelf.HERE])
AXED = ("magnitude",)
"""Lessons that axe looks at: the box is the same in all."""


def link(name: str, **other) -> str:
    """The link of a lesson, as the page's editor for teachers makes it."""
    one = SHELF.lessons[name]
    recipe = found.beginning(one, **other)
    return f"/{Places(frame.PAGES).path(one.page)}?{urlencode(to_query(recipe))}"


@cache
def measured(recipe: Recipe) -> Report:
    """What the engine measures, without any of the app."""
    model = card.load(recipe.subject)
    standing = evaluate.stand(model, recipe)
    return evaluate.evaluate(model, recipe, standing, Workspace(model, standing.split.measured))


@cache
def curve(recipe: Recipe) -> Curve:
    """The whole curve, measured the same way."""
    model = card.load(recipe.subject)
    standing = evaluate.stand(model, recipe)
    return evaluate.curve(model, recipe, standing, Workspace(model, standing.split.measured), learner.AMOUNTS)


def words(text: str) -> str:
    """What stands on the screen, without the marks of Markdown."""
    return " ".join(re.sub(r"[*`\\]", "", text).split())


def test_every_lesson_file_is_a_lesson():
    assert SHELF.troubles == () and len(SHELF.lessons) >= 1
    pages = {url for _, _, url in frame.PAGES}
    for one in SHELF.lessons.values():
        assert {one.page, *(step.page for step in one.steps if step.page)} <= pages, one.name


@pytest.fixture(scope="module")
def desk(browser, app):
    """One learner's browser for all lessons: what is slow is to open the first page in it."""
    with visits(browser, app.address) as open_page:
        yield open_page("/scale")


@pytest.mark.parametrize("name", SHELF.lessons)
def test_a_lesson_runs_from_its_link_to_its_last_answer(desk, app, axe, name):
    one, page = SHELF.lessons[name], desk
    page.goto(app.address + link(name))
    learner.await_step(page, one, 0)
    settle(page)
    for at, step in enumerate(one.steps):
        learner.do(page, step)
        learner.await_step(page, one, at + 1)
    _read(page, one)
    _answer(page, one)
    for width in (400, 1440) if name in AXED else ():
        page.set_viewport_size({"width": width, "height": 900})
        settle(page)
        assert axe(page, ".st-key-lesson") == [], width


def _read(page, one) -> None:
    """Opens the text: every claim has a source, or is what the engine measures."""
    page.locator(f".st-key-lesson-read-{one.name} summary").click()
    for at, claim in enumerate(one.claims):
        place = page.locator(f".st-key-lesson-claim-{at}")
        place.wait_for(timeout=PATIENCE)
        if claim.figures:
            said, figures = _whole(place), dict(claim.figures)
            assert words(lesson_figure.fill(claim.here, figures)) in said
            assert "3 seeds, 95% intervals" in said and "shipped with the model" in said
            continue
        if claim.recipe is None:
            assert claim.source in place.inner_text()
            assert not claim.url or place.locator("a").last.get_attribute("href") == claim.url
            continue
        said = _whole(place)
        first, other = measured(claim.recipe), measured(claim.other) if claim.other else None
        assert words(lesson_fields.fill(claim.here, first, other)) in said
        assert f"{first.score.n:,} held-out {first.score.noun}" in said
        assert "95% interval" in said


def _whole(place) -> str:
    """What a measured claim says, once it also says what that rests on: the two are drawn one after the other."""
    place.get_by_text("Measured here:").wait_for(timeout=PATIENCE)
    place.locator('[data-testid="stCaptionContainer"]').last.wait_for(timeout=PATIENCE)
    return words(place.inner_text())


def _answer(page, one) -> None:
    """Takes the first choice: the app measures, and says with numbers who is right."""
    page.locator(".st-key-lesson-question [role=radiogroup] label").first.click()
    said = page.locator(".st-key-lesson-measured")
    said.get_by_text("Measured:").wait_for(timeout=PATIENCE)
    text, asked = words(said.inner_text()), one.question
    if asked.what == "most":
        values = [measured(choice.recipe).score.value for choice in asked.choices]
        right = values.index(max(values))
    elif asked.figures:
        right = asked.right(lesson_figure.value(asked.what, asked.figures))
    elif asked.what == "cliff":
        cliff = findings.cliff(curve(asked.then))
        assert f"the steepest fall begins at {findings.percent(cliff.start)}" in text
        right = asked.right(100 * cliff.start)
    else:
        value = lesson_fields.value(asked.what, measured(asked.then), measured(asked.first) if asked.first else None)
        right = asked.right(value)
    verdict = "You are right." if right == 0 else f"but it is «{words(asked.choices[right].say)}»"
    assert verdict in text and ("95% interval" in text or asked.what == "cliff")


RINGS = '[data-pv="others"] circle'
WORDS = '[data-pv="others-words"]'


def guess(page, percent: int) -> None:
    """Guesses first, and reveals."""
    page.locator('[data-pv="guess-first"]').click()
    put(page, slider(), percent)
    page.locator('[data-pv="reveal"]').click()
    page.wait_for_url(re.compile(rf"guess={percent}"))


def test_the_visitors_of_a_lesson_see_each_others_guesses_after_their_own(visit):
    """Two browsers, one lesson: whoever has not guessed sees nothing, and no link carries anybody's guess into it."""
    first, second = visit(link("magnitude")), visit(link("magnitude"))
    guess(first, 40)
    assert first.locator(RINGS).count() == 0 and second.locator(RINGS).count() == 0
    guess(second, 90)
    second.locator(WORDS, has_text="1 other has guessed in this lesson, 40%").wait_for(timeout=PATIENCE)
    assert second.locator(RINGS).count() == 1
    guess(first, 60)  # a visitor counts once: the later guess takes the place of the first
    first.locator(WORDS, has_text="1 other has guessed in this lesson, 90%").wait_for(timeout=PATIENCE)
    guess(second, 91)
    second.locator(WORDS, has_text="1 other has guessed in this lesson, 60%").wait_for(timeout=PATIENCE)
    stranger = visit(second.url.removeprefix(second.url.partition("/?")[0]))
    stranger.locator(".pv-guess path").wait_for(state="attached")
    assert "guess=91" in stranger.url and stranger.locator(RINGS).count() == 0


@pytest.mark.parametrize("width", [1440, 400])
def test_what_is_to_be_done_next_stays_in_sight_of_the_slider(visit, width):
    page = visit(link("magnitude"), width=width)
    page.locator(slider()).evaluate("input => input.scrollIntoView({block: 'center', behavior: 'instant'})")
    page.wait_for_function("() => scrollY > 0 || document.querySelector('[data-testid=stMain]').scrollTop > 200")
    step, thumb = (page.locator(one).bounding_box() for one in (".st-key-lesson-step", slider()))
    assert step["y"] >= 0 and step["y"] + step["height"] <= 900 and 0 < thumb["y"] < 900
    assert step["y"] + step["height"] <= thumb["y"] or thumb["y"] + thumb["height"] <= step["y"], "one covers the other"

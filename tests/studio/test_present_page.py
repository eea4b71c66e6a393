"""The page «Present»: the form with its limits, the five slides, and what is asked in the room."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz import headlines
from pruneviz.case import judged
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, breakage, kitchen, reality
from pruneviz.studio.present import chrome, what_if
from pruneviz.studio.present.deck import Turn, turn_of
from pruneviz.studio.scrubber import Commit
from tests.charts.test_reality import WHOLE

ROOT = Path(__file__).resolve().parents[2]
PAGE = "pages/decide/present.py"
SETTING = {"m": "digits_mlp", "s": "80"}


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    for key, value in {**SETTING, **query}.items():
        app.query_params[key] = value
    app.run()
    app = app.switch_page(PAGE).run()
    assert not app.exception, app.exception
    return app


def said(app: AppTest) -> str:
    """Everything that is written on the page, without the marks that keep a name from being Markdown."""
    written = [*app.title, *app.subheader, *app.markdown, *app.caption, *app.info, *app.warning]
    return " ".join(one.value for one in written).replace("\\", "")


def title(app: AppTest) -> str:
    return app.title[0].value.replace("\\", "")


@pytest.fixture(scope="module")
def report():
    return kitchen.report(Recipe(subject="digits_mlp", amount=0.8))


def test_without_limits_there_is_no_verdict_and_with_them_there_is(report):
    app = opened()
    assert "limits" not in [one.value for one in app.subheader] and "Misses" not in said(app)
    lost = 100 * (report.score.dense_correct - report.score.correct) / report.score.n
    assert title(app) == f"Removing 80% of the weights costs {lost:.1f} points of accuracy."
    app.number_input(key="limit-points").set_value(1.0).run()
    assert "Misses the limits" in [one.value for one in app.subheader]
    app.number_input(key="limit-points").set_value(100.0).run()
    assert "Meets the limits" in [one.value for one in app.subheader] and app.query_params["lim"] == "points:100.0"
    app.number_input(key="limit-mb").set_value(0.1).run()
    assert "Misses the limits" in [one.value for one in app.subheader] and "those that are not zero come to" in said(app)
    app.number_input(key="limit-points").set_value(None).run()
    app.number_input(key="limit-mb").set_value(None).run()
    assert not app.exception and "lim" not in app.query_params and "Misses" not in said(app)


def test_all_five_slides_are_previewed_and_every_one_opens():
    told = {"by": "Ada", "title": "Smaller digits", "ask": "ada@example.org", "nt": "night *images*"}
    app = opened(**told)
    assert all(topic in said(app) for topic in headlines.TOPICS) and "night *images*" in said(app)
    app.button(key="present").click().run()
    for slide, topic in enumerate(headlines.TOPICS, 1):
        app = app if slide == 1 else opened(**told, slide=str(slide))
        assert app.query_params["slide"] == str(slide) and len(app.title) == 1
        assert f"{slide} of 5 · {topic} · Smaller digits, Ada" in said(app)
        charts = app.get("plotly_chart")
        assert len(charts) == (slide in (2, 3, 4)) and all(len(chart.proto.alt) > 40 for chart in charts)
        assert not any(button.key in ("undo", "redo") for button in app.button) and not app.selectbox
    assert "ada@example.org" in said(app) and "night *images*" in said(app) and "one shot, without fine-tuning" in said(app)


@pytest.mark.parametrize(
    "query",
    [
        {"g": "neuron", "s": "30"}, {"g": "2:4", "s": "50"}, {"s": "0"}, {"s": "100"},
        {"m": "digits_vit", "g": "head", "s": "25"}, {"m": "digits_vit", "g": "layer", "s": "50"},
    ],
)  # fmt: skip
def test_the_page_stands_at_every_granularity(query):
    """The preview draws all five slides."""
    app = opened(**query)
    assert (
        not app.warning
        and title(app)
        and all(f"{at} · {topic}" in said(app) for at, topic in enumerate(headlines.TOPICS, 1))
    )


def test_a_link_to_a_slide_that_is_none_is_a_word():
    app = opened(slide="6")
    assert len(app.warning) == 1 and any(button.key == "present" for button in app.button)


def test_turning_is_not_a_step_of_the_history():
    app = opened()
    app.button(key="present-3").click().run()
    assert app.query_params["slide"] == "3"
    app = opened()
    assert app.button(key="undo").disabled


def test_the_time_is_measured_where_it_is_asked_for_and_not_before(monkeypatch):
    reality._measuring.clear()
    asked = []

    def run(found):
        asked.append(found.recipe)
        found.truth = WHOLE

    monkeypatch.setattr(reality, "_run", run)
    app = opened()
    assert not asked and "not measured" in [one.value for one in app.metric]
    app.button(key="time").click().run()
    for _ in range(50):
        if any(button.key == "again" for button in app.button):
            break
        app.run()
    assert [one.amount for one in asked] == [0.8] and "no difference" in [one.value for one in app.metric]
    app.number_input(key="limit-ms").set_value(5.0).run()
    assert "Meets the limits" in [one.value for one in app.subheader] and len(asked) == 1
    reality._measuring.clear()


def test_what_is_tried_in_the_room_is_not_what_is_presented(monkeypatch):
    """The slider's own events come from a browser; here they are handed over as it hands them over."""
    notes: dict[str, object] = {}
    monkeypatch.setattr(bench, "note", lambda name, value: notes.__setitem__(name, value))
    monkeypatch.setattr(bench, "noted", notes.get)
    kept: list[tuple[Recipe, str | None]] = []
    monkeypatch.setattr(bench, "recipe_now", lambda: Recipe(amount=0.8, slide=2))
    monkeypatch.setattr(bench, "commit", lambda recipe, refused=None: kept.append((recipe, refused)))
    what_if._tried(Commit("amount", "", "", 90.0))
    assert notes[what_if.AMOUNT] == 0.9 and not kept
    what_if._tried(Commit("guess", "", "", 10.0))
    assert notes[what_if.AMOUNT] == 0.9
    what_if._keep(0.9)
    assert kept == [(Recipe(amount=0.9, slide=2), None)] and notes[what_if.AMOUNT] is None


@pytest.mark.parametrize("slide", range(6))
def test_a_turn_is_a_slide(slide):
    assert turn_of({"nonce": 1, "slide": slide, "live": False}) == Turn(slide, False)


@pytest.mark.parametrize("event", [{}, {"slide": 6, "live": False}, {"slide": True, "live": False}, {"slide": 1, "live": 1},
                                   {"slide": -1, "live": True}, {"slide": "2", "live": True}])  # fmt: skip
def test_what_is_no_turn_is_refused_in_a_sentence(event):
    with pytest.raises(ValueError, match="give "):
        turn_of(event)


def test_a_language_model_has_no_accuracy_to_limit_unless_a_link_says_so():
    fields = {one.key for one in opened(m="reference_lm", s="50").number_input}
    assert "limit-mb" in fields and not {"limit-points", "limit-worst"} & fields
    app = opened(m="reference_lm", s="50", lim="points:1")
    assert app.number_input(key="limit-points").value == 1.0 and "Cannot tell" in said(app) + str(app.subheader)


def test_the_frame_goes_only_where_slides_are():
    recipe = Recipe(slide=2)
    assert chrome.presenting("present", recipe) and not chrome.presenting("slider", recipe)
    assert not chrome.presenting("present", replace(recipe, slide=0))


def test_of_a_heavy_model_the_first_numbers_decide_nothing_and_the_last_do(weighed):
    app = opened(m=weighed, s="95", slide="1", lim="points:0.5~worst:1")
    for _ in range(200):
        shown = " ".join(one.value for one in app.subheader)
        so_far = "so far" in title(app)
        assert not app.exception and (not so_far or "Cannot tell whether it keeps the limits" in shown)
        if not so_far and "so far" not in said(app):
            break
        time.sleep(0.1)
        app.run()
    recipe = Recipe(subject=weighed, amount=0.95, limits=(("points", 0.5), ("worst", 1.0)))
    whole = kitchen.whole_report(recipe, "present")
    assert not whole.score.partial and judged(recipe, whole, breakage.found(recipe), None).word in " ".join(
        shown.lower().split()
    )

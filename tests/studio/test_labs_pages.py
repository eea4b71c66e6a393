"""The labs' pages: a story before anything is trained, controls that stand in the link, and a run that can be watched."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from pruneviz import shipped_runs
from pruneviz.query import to_query
from pruneviz.studio.labs import asked
from tests.studio.test_pages import opened

pytestmark = pytest.mark.usefixtures("store")
SCHEDULE, REGULARISE = "pages/labs/schedule.py", "pages/labs/regularise.py"
PAGES = (SCHEDULE, REGULARISE)


def page(path: str = SCHEDULE, **query):
    app = opened(path, **query)
    assert not app.exception, app.exception
    return app


def told(app) -> str:
    return " ".join(one.value for one in [*app.title, *app.caption, *app.info, *app.warning, *app.subheader, *app.markdown])


@pytest.mark.parametrize("path", PAGES)
def test_the_story_is_told_before_anything_is_trained(path, store):
    app = page(path)
    assert len(app.get("plotly_chart")) >= 3 and "shipped with the model" in told(app)
    assert "Often said" in told(app) and "The paper reports" in told(app)
    assert "training steps, about" in told(app) and app.button(key="run-live")
    assert not store.store.folder.exists(), "to look at a page makes no store"


def test_the_titles_have_their_interval_and_seeds():
    assert "over 3 seeds" in page(SCHEDULE).title[0].value
    headline = page(REGULARISE).title[0].value
    assert headline.startswith("At 90% sparsity, before retraining L1 minus L2 is") and "nobody knows" not in headline


def test_where_no_run_is_shipped_the_page_still_asks_and_plans(monkeypatch):
    monkeypatch.setattr(shipped_runs, "paths", lambda subject, lab: [])
    monkeypatch.setattr(shipped_runs, "subjects", lambda lab: [])
    app = page(SCHEDULE)
    assert app.title[0].value == "How fast should weights go?" and len(app.get("plotly_chart")) == 1
    assert "Nobody ran this setting yet" in told(app)
    assert page(REGULARISE).title[0].value == "What do penalties do to the weights?"


def test_controls_stand_in_the_link_and_undo_takes_them_back():
    app = page(SCHEDULE, m="digits_mlp", c="magnitude")
    assert "run" not in app.query_params
    app.segmented_control(key="lab-schedule").set_value("linear").run()
    assert not app.exception and "schedule:linear" in app.query_params["run"]
    app.slider(key="lab-amount").set_value(80.0).run()
    assert app.query_params["s"] == "80" and "Nobody ran this setting yet" in told(app)
    app.slider(key="lab-start-stop").set_value((20.0, 60.0)).run()
    assert "start:0.2" in app.query_params["run"] and "stop:0.6" in app.query_params["run"]
    for _ in range(3):
        app.button(key="undo").click().run()
    assert "run" not in app.query_params and app.slider(key="lab-amount").value == 95.0


def test_a_penalty_brings_its_own_strength():
    app = page(REGULARISE)
    app.segmented_control(key="lab-penalty").set_value("l2").run()
    assert "strength:0.005" in app.query_params["run"] and app.selectbox(key="lab-strength").value == 5e-3
    assert not [one for one in app.segmented_control(key="lab-penalty").options if "BatchNorm" in one]


def test_another_model_than_the_shipped_one_is_a_click_away():
    app = page(REGULARISE, m="digits_cnn")
    assert "These runs are of" in told(app)
    app.button(key="own-model").click().run()
    assert not app.exception and "m" not in app.query_params and "regularise" in app.query_params["run"]
    assert "These runs are of" not in told(app) and "Nobody ran this setting yet" in told(app)


@pytest.mark.parametrize("lack, words", [("training", "has no training data here"), ("size", "more than the")])
def test_a_model_that_cannot_be_trained_here_is_told_so(lack, words, monkeypatch):
    subject = asked.kitchen.subject("digits_mlp")
    if lack == "training":
        other = replace(subject, training=None)
        real = asked.kitchen.subject
        monkeypatch.setattr(asked.kitchen, "subject", lambda name: other if name == "digits_mlp" else real(name))
    else:
        monkeypatch.setattr(asked, "LARGEST", subject.weights - 1)
    assert words in asked.untrainable("digits_mlp")
    app = page(SCHEDULE, m="digits_mlp")
    assert words in told(app) and len(app.get("plotly_chart")) >= 3


def test_a_run_of_another_lab_leaves_this_page_as_it_opens():
    app = page(SCHEDULE, m="digits_mlp", run="lottery~rounds:2", s="20")
    assert app.slider(key="lab-amount").value == 95.0


def test_a_run_that_nobody_can_perform_is_a_sentence():
    app = page(SCHEDULE, m="digits_mlp", run="schedule~steps:0", s="80")
    app.button(key="run-live")
    app = page(SCHEDULE, m="digits_mlp", run="schedule~schedule:nonsense", s="80")
    assert "unknown schedule" in told(app)


def test_the_slider_opens_the_same_cut_without_a_course():
    app = page(SCHEDULE)
    app.button(key="to-slider").click().run()
    assert not app.exception and app.query_params["s"] == "95" and "run" not in app.query_params


def test_a_run_is_performed_watched_listed_and_shown(store):
    """Few steps, so that it is soon over; its worker is a process of its own."""
    recipe = asked.on(asked.opens_with("schedule"), "digits_mlp")
    recipe = replace(recipe, course=replace(recipe.course, steps=20, retrain=10, every=10, times=2), seed=5)
    app = page(SCHEDULE, **to_query(recipe))
    app.button(key="run-live").click().run()
    assert not app.exception and "Cancel" in [one.label for one in app.button]
    (run,) = store.past("schedule")
    last = time.monotonic() + 120
    while store.watch(run.key).run.state != "done" and time.monotonic() < last:
        time.sleep(0.1)
    assert store.watch(run.key).run.state == "done", store.watch(run.key)
    app.run()
    assert not app.exception and "30 training steps in 1 run, performed here" in told(app)
    assert "Past runs of this lab (1)" in [one.label for one in app.expander]
    assert [one for one in app.button if one.label == "Run live with seed 6"]
    other = page(SCHEDULE)
    other.button(key=f"show-{run.key[:12]}").click().run()
    assert other.query_params["seed"] == "5"


def test_a_full_queue_is_a_sentence(store, monkeypatch):
    def full(*_):
        raise RuntimeError("60 runs wait already: try again later")

    monkeypatch.setattr(store, "start", full)
    app = page(SCHEDULE)
    app.button(key="run-live").click().run()
    assert not app.exception and "60 runs wait already" in told(app)

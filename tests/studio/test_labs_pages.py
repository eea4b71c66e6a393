"""The labs' pages: a story before anything is trained, controls that stand in the link, and a run that can be watched."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from pruneviz import shipped_runs
from pruneviz.engine.training import loop
from pruneviz.moment import Moment
from pruneviz.query import to_query
from pruneviz.runs.office import Asked
from pruneviz.runs.store.naming import decides
from pruneviz.studio.labs import asked, found, office, traces
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
    assert words in asked.untrainable("digits_mlp", "schedule")
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
    past = [one.value for one in app.caption if "is done, 30 of 30" in one.value]
    assert len(past) == 1 and "pruned step by step at 95%" in past[0] and "seed 5" in past[0]
    assert [one for one in app.button if one.label == "Run live with seed 6"]
    other = page(SCHEDULE)
    other.button(key=f"show-{run.key[:12]}").click().run()
    assert other.query_params["seed"] == "5"


@pytest.mark.parametrize("ended", ["", "paused"])
def test_a_run_that_a_restart_interrupted_says_so_to_whoever_comes(store, monkeypatch, ended):
    """Its process is gone without a word, or has paused it; the store has 10 of its 30 steps."""
    recipe = asked.on(asked.opens_with("schedule"), "digits_mlp")
    recipe = replace(recipe, course=replace(recipe.course, steps=20, retrain=10, every=10, times=2), seed=5)
    subject = asked.kitchen.subject("digits_mlp")
    key = store.store.enter(recipe, subject.sha256, subject.data_sha256, "Schedule lab: digits").key
    claim = store.store.claim(key, "gone", lease=0.0)
    found = {"accuracy": 0.9, "n": 500.0, "amount": 0.1, "sparsity": 0.1}
    store.store.add(claim, [Moment(10, 30, "schedule", found, {"cuts": np.zeros((0, 5)), "alive": np.ones(3)})], {})
    if ended:
        store.store.end(claim, ended, "the disk is full")
    started = []
    monkeypatch.setattr(store, "start", lambda asked, who: started.append(asked.recipe.seed))
    app = page(SCHEDULE, **to_query(recipe))
    (bar,) = app.get("progress")
    assert bar.proto.text.startswith("Interrupted after 10 of 30 training steps") and bar.proto.value == 33
    assert ("the disk is full" in bar.proto.text) is bool(ended)
    assert "was interrupted, 10 of 30 training steps" in told(app) and "is running" not in told(app)
    assert app.button(key="run-live").label == "Resume"
    app.button(key="run-live").click().run()
    assert not app.exception and started == [5]


def test_a_full_queue_is_a_sentence(store, monkeypatch):
    def full(*_):
        raise RuntimeError("60 runs wait already: try again later")

    monkeypatch.setattr(store, "start", full)
    app = page(SCHEDULE)
    app.button(key="run-live").click().run()
    assert not app.exception and "60 runs wait already" in told(app)


def kept(store, recipe, step: int = 30, of: int = 30, done: bool = True, seconds: float = 3.0) -> str:
    """A run in the store of which so much is done, in a few numbers; its key."""
    subject = asked.kitchen.subject(recipe.subject)
    key = store.store.enter(decides(recipe), subject.sha256, subject.data_sha256, "Schedule lab: digits").key
    claim = store.store.claim(key, "gone", lease=0.0)
    values = {"accuracy": 0.9, "n": 500.0, "amount": 0.1, "sparsity": 0.1}
    moment = Moment(step, of, "schedule", values, {"cuts": np.zeros((0, 5)), "alive": np.ones(3)})
    store.store.add(claim, [moment], {}, seconds, done=done)
    return key


@pytest.fixture
def small():
    """A setting that nobody ran, on a model with runs of its own."""
    recipe = asked.on(asked.opens_with("schedule"), "digits_mlp")
    return replace(recipe, course=replace(recipe.course, steps=20, retrain=10, every=10, times=2))


def test_a_run_is_found_however_many_newer_ones_there_are(store, small):
    """The old one is of seed 0; thirty are newer. Whoever comes with its link sees it done, and another one go on."""
    old, left = kept(store, small), kept(store, replace(small, seed=99), 10, done=False)
    for seed in range(1, 31):
        kept(store, replace(small, seed=seed))
    assert found.exactly(small).key == old and found.exactly(small).done
    assert found.exactly(replace(small, seed=99)).step == 10 and found.exactly(replace(small, seed=98)) is None
    shown = [run.key for run in found.siblings(small)]
    assert len(shown) == found.MOST and left in shown, "what goes on is shown before what is newer and done"


def test_of_runs_that_a_page_does_not_show_no_moment_is_read(store, small, monkeypatch):
    one = kept(store, small)
    other = [kept(store, replace(small, amount=0.3 + at / 100)) for at in range(5)]
    read, real = [], store.store.moments
    monkeypatch.setattr(store.store, "moments", lambda key, after=0: read.append((key, after)) or real(key, after))
    for _ in range(2):
        page(SCHEDULE, **to_query(small))
    assert read == [(one, 0)] and not set(other) & {key for key, _ in read}


def test_of_a_run_that_has_grown_only_the_new_moments_are_read(store, small, monkeypatch):
    subject = asked.kitchen.subject("digits_mlp")
    key = store.store.enter(decides(small), subject.sha256, subject.data_sha256).key
    claim = store.store.claim(key, "here")
    moments = [Moment(at, 30, "schedule", {"loss": float(at)}) for at in range(6)]
    store.store.add(claim, moments[:2], {})
    read, real = [], store.store.moments
    monkeypatch.setattr(store.store, "moments", lambda key, after=0: read.append(after) or real(key, after))
    assert [one.step for one in found.exactly(small).moments] == [0, 1]
    store.store.add(claim, moments[2:], {})
    assert [one.step for one in found.exactly(small).moments] == [0, 1, 2, 3, 4, 5] and read == [0, 2]
    store.store.restart(claim)  # what it remembered was damaged: it begins anew, with other moments
    store.store.add(claim, moments[3:5], {})
    assert [one.step for one in found.exactly(small).moments] == [3, 4] and read == [0, 2, 0]


def test_what_was_read_fills_no_more_memory_than_it_may(store, small, monkeypatch):
    monkeypatch.setattr(traces, "ROOM", 3 * traces.PLAIN)
    for seed in range(5):
        kept(store, replace(small, seed=seed))
    assert len(found.siblings(small)) == 5 and len(traces._traces) < 5


def test_a_run_whose_moments_cannot_be_read_is_said_and_tried_again(store, small, monkeypatch):
    kept(store, small)
    trouble = RuntimeError("the file of the runs' store was damaged")
    monkeypatch.setattr(store, "moments", lambda *_: (_ for _ in ()).throw(trouble))
    app = page(SCHEDULE, **to_query(small))
    assert "failed" in told(app) and app.button(key="run-live").label == "Try again"


def test_to_look_at_a_page_trains_nothing_however_large_the_batch(store, small, monkeypatch):
    """What nobody ran has a bill without a time; what was run here, or is shipped, tells how long it takes."""
    monkeypatch.setattr(loop, "train", lambda *_: pytest.fail("the page trains"))
    monkeypatch.setattr(loop._Run, "ticks", lambda _: pytest.fail("the page trains"))
    large = replace(small, course=replace(small.course, batch=65_536))
    app = page(SCHEDULE, **to_query(large))
    assert "One run of this: 30 training steps. Nobody ran it" in told(app)
    assert "where the shipped runs were made" in told(page(SCHEDULE))
    kept(store, large, seconds=60.0)
    again = told(page(SCHEDULE, **to_query(replace(large, seed=3))))
    assert "One run of this: 30 training steps, about 60 s on one core here." in again


def test_what_is_known_to_take_too_long_is_not_begun(store, small, monkeypatch):
    kept(store, small, seconds=60.0)
    caps = office.house_rules.caps()
    monkeypatch.setattr(office.house_rules, "caps", lambda: replace(caps, run_seconds=90))
    longer = replace(small, course=replace(small.course, steps=40))
    app = page(SCHEDULE, **to_query(longer))
    app.button(key="run-live").click().run()
    assert "it takes about 100 seconds on this machine, and a run here may take 90" in told(app)
    assert len(store.past("schedule")) == 1


def test_cancel_says_why_a_run_goes_on(store, small, monkeypatch):
    """On a shared server, first to one who only looks at it, then to one who has asked for it, too."""
    subject = asked.kitchen.subject("digits_mlp")
    long = replace(small, course=replace(small.course, steps=5_000))
    monkeypatch.setattr(office.house_rules, "own_machine", lambda: False)
    monkeypatch.setattr(office.orders, "who", lambda: "me/tab")
    wanted = store.start(Asked(long, "digits_mlp", (subject.sha256, subject.data_sha256)), "somebody/tab")
    app = page(SCHEDULE, **to_query(long))
    app.button(key="cancel-run").click().run()
    assert not app.exception and "somebody else asked for this run, so it goes on" in told(app)
    store.start(Asked(long, "digits_mlp", (subject.sha256, subject.data_sha256)), "me/tab")
    app.button(key="cancel-run").click().run()
    assert not app.exception and "1 other still wants this run, so it goes on without you" in told(app)
    assert not store.watch(wanted.key).run.over
    assert store.cancel(wanted.key, "somebody/tab").state == "cancelled"

"""«Recover» on the slider's page: closed until it is asked for, a run like any other, its gain in words with an interval."""

from __future__ import annotations

import sys
import time
from dataclasses import replace

import pytest
from safetensors.torch import load

from pruneviz import came_of
from pruneviz.charts.chart import as_percent
from pruneviz.course import Course
from pruneviz.moment import Moment
from pruneviz.query import from_pin, from_query, to_query
from pruneviz.recipe import Recipe
from pruneviz.report import wilson
from pruneviz.runs.perform import enter, perform
from pruneviz.studio.labs import recover, recovered
from pruneviz.traced import Traced
from tests.studio.test_pages import opened

pytestmark = pytest.mark.usefixtures("store")
SLIDER, COMPARE = "pages/start/slider.py", "pages/decide/compare.py"
COURSE = Course(lab="recover", method="fine-tune", steps=20)


def run(amount: float, gain: tuple[float, float, float] = (0.3, 0.2, 0.4), course: Course = COURSE) -> Traced:
    """From 50% to 80% of 100 samples; the dense network has 90%."""
    values = {"n": 100.0, "dense": 0.9}
    end = dict(zip(("gain", "gain_low", "gain_high"), gain, strict=True)) | {"accuracy": 0.8, "correct": 80.0} | values
    moments = (Moment(0, 20, "one-shot", {"accuracy": 0.5, "correct": 50.0} | values), Moment(20, 20, "fine-tune", end))
    return Traced(Recipe(amount=amount, course=course), "", "done", 20, 20, moments)


def told(app) -> str:
    return " ".join(one.value for one in [*app.caption, *app.info, *app.warning, *app.subheader, *app.markdown])


def page(**query):
    app = opened(SLIDER, **query)
    assert not app.exception, app.exception
    return app


def test_the_gain_is_said_with_its_interval_and_an_open_one_is_none():
    said = recovered.told(run(0.9))
    assert said == (
        "At 90%, fine-tuned, 20 steps: accuracy from 50% to 80%, 30.0 points gained (20.0 to 40.0). "
        "Before pruning it was 90%."
    )
    assert "a gain that nobody can tell from none (−1.0 to 40.0)" in recovered.told(run(0.9, (0.3, -0.01, 0.4)))


def test_the_second_curve_has_the_last_way_alone_by_amount(monkeypatch):
    other = replace(COURSE, method="batchnorm")
    known = [run(0.9), run(0.5), run(0.7, course=other)]
    monkeypatch.setattr(recovered.found, "those", lambda recipe, fits: [one for one in known if fits(one.recipe)])
    line = recovered.line(Recipe(amount=0.3), share=True)
    assert list(line.percent) == [50, 90] and list(line.accuracy) == [80, 80]
    assert line.low[0] == pytest.approx(100 * wilson(80, 100)[0]) and line.high[0] == pytest.approx(100 * wilson(80, 100)[1])
    assert line.name == "after recovery (fine-tuned, 20 steps)"
    assert recovered.line(Recipe(criterion="random"), share=True) is None, "another ranking"


def test_what_is_shown_goes_by_what_is_chosen_also_where_nothing_was(monkeypatch):
    offered, other = run(0.9, course=recovered.OFFERED), run(0.9, course=replace(COURSE, method="batchnorm"))
    assert recovered.shown([other, offered], recovered.OFFERED) == [offered], "the last one is another way"
    assert recovered.shown([other, offered], replace(COURSE, steps=7)) == [other], "nobody tried this way: the last one"


def test_nothing_is_loaded_or_read_before_it_is_asked_for(store, monkeypatch):
    monkeypatch.delitem(sys.modules, "pruneviz.studio.labs.recover")
    app = page()
    assert app.button(key="recover-open") and "how much comes back?" not in told(app)
    assert "pruneviz.studio.labs.recover" not in sys.modules and not store.store.folder.exists()


def test_ways_that_this_model_or_cut_does_not_have_are_not_offered():
    app = page(m="digits_mlp", s="90")
    app.button(key="recover-open").click().run()
    assert not app.exception and "90%" in app.button(key="recover").label
    assert [*app.segmented_control(key="lab-method").options] == ["Fine-tune"]
    assert recover._ways(Recipe(subject="digits_cnn", granularity="filter"))[1] == "fine-tune-removed"
    app.button(key="recover-close").click().run()
    assert app.button(key="recover-open")


def test_a_model_without_training_data_and_a_whole_one_are_told_so(monkeypatch):
    subject = recover.kitchen.subject("digits_mlp")
    assert "Nothing is removed yet" in recover.impossible(Recipe(subject="digits_mlp", amount=0.0))
    monkeypatch.setattr(recover.kitchen, "subject", lambda name: replace(subject, training=None))
    assert "no training data here" in recover.impossible(Recipe(subject="digits_mlp", amount=0.9))


def test_a_recovery_is_performed_and_becomes_a_point_of_the_second_curve(store):
    app = page(m="digits_mlp", s="95", c="magnitude")
    app.button(key="recover-open").click().run()
    app.number_input(key="lab-steps").set_value(20).run()
    assert "One recovery: 20 steps; the whole curve: 100 steps." in told(app), "nobody knows yet how long that takes"
    app.button(key="recover").click().run()
    assert not app.exception and app.button(key="recover-cancel")
    (one,) = store.past("recover")
    last = time.monotonic() + 120
    while store.watch(one.key).run.state != "done" and time.monotonic() < last:
        time.sleep(0.1)
    assert store.watch(one.key).run.state == "done", store.watch(one.key)
    app.run()
    assert not app.exception and "At 95%, fine-tuned, 20 steps: accuracy from" in told(app)
    assert "This was recovered already" in told(app) and app.button(key="recover").disabled
    line = recovered.line(Recipe(subject="digits_mlp", criterion="magnitude", amount=0.95), share=True)
    assert list(line.percent) == [95] and "fine-tuned, 20 steps" in line.name
    link = dict(app.query_params)
    assert from_query(link)[0].course.steps == 20, "what was chosen stands in the link"
    again = page(**link)
    assert "At 95%, fine-tuned, 20 steps: accuracy from" in told(again) and again.number_input(key="lab-steps").value == 20
    app.button(key="recover-close").click().run()
    assert not app.exception and "run" not in app.query_params and app.button(key="recover-open")
    app.button(key="undo").click().run()
    assert from_query(dict(app.query_params))[0].course.steps == 20, "to close is undone like anything else"


def test_what_was_recovered_is_a_model_to_open_a_point_in_compare_and_undone(store):
    recipe = Recipe(subject="digits_mlp", amount=0.95, course=replace(recovered.OFFERED, steps=20, every=1))
    subject = recover.kitchen.subject("digits_mlp")
    run = enter(store.store, subject, recipe)
    *_, run = perform(store.store, run.key, subject)
    last = store.store.moments(run.key)[-1].values
    app = page(m="digits_mlp", s="95", run="recover~steps:20~rate:0.001~annealing:cosine~method:fine-tune")
    app.button(key="pin").click().run()
    app.button(key="pin-recovered-95").click().run()
    assert not app.exception and app.button(key="pin-recovered-95").disabled
    pins = [from_pin(one) for one in from_query(dict(app.query_params))[0].pins]
    assert [one.subject for one in pins] == ["digits_mlp", came_of.name(run.recipe)]
    app.switch_page(COMPARE).run()
    assert not app.exception, app.exception
    said = " ".join(one.value for one in app.markdown)
    assert (
        "recovered at 95%, 20 steps" in said
        and "as it is" in said
        and "each cut at once" in told(app)
        and "is not compared" not in told(app)
    )
    app.switch_page(SLIDER).run()
    tensors = load(recover.office.weights(run.key))
    assert set(tensors) == set(subject.network.state_dict()) and float((tensors["fc1.weight"] == 0).float().mean()) > 0.9
    app.button(key="open-recovered-95").click().run()
    assert not app.exception, app.exception
    name = came_of.name(run.recipe)
    assert from_query(dict(app.query_params))[0].subject == name
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["sparsity"] == "95%" and figures["accuracy, 500 held-out images"] == as_percent(last["accuracy"])
    link = dict(app.query_params)
    app.button(key="undo").click().run()
    assert app.query_params["m"] == "digits_mlp"
    again = page(**link)
    assert {metric.label: metric.value for metric in again.metric} == figures, "its link opens it"


def test_a_link_to_a_network_whose_run_is_not_here_is_a_sentence(store):
    name = came_of.name(Recipe(subject="digits_mlp", amount=0.95, course=COURSE))
    app = page(m=name, s="95")
    assert "is not stored here" in told(app) and not app.exception


def test_the_whole_curve_enters_five_runs_and_cancel_ends_them(store):
    app = page(m="digits_mlp", s="95")
    app.button(key="recover-open").click().run()
    app.number_input(key="lab-steps").set_value(20_000).run()
    app.button(key="recover-curve").click().run()
    entered = [one.recipe for one in store.past("recover")]
    assert sorted(one.amount for one in entered) == [*recover.WHOLE] and {one.course.steps for one in entered} == {20_000}
    app.button(key="recover-cancel").click().run()
    assert not app.exception and {one.state for one in store.past("recover")} == {"cancelled"}
    assert app.button(key="recover-curve") and "was cancelled" in told(app)


@pytest.mark.parametrize("ended", ["paused", ""])
def test_a_recovery_that_was_interrupted_says_so_and_how_far_it_came(store, ended):
    """A full disk paused it, or its process is gone without a word; the store has 10 of its 20 steps."""
    recipe = Recipe(subject="digits_mlp", amount=0.95, course=replace(COURSE, every=1, annealing="cosine", rate=1e-3))
    subject = recover.kitchen.subject("digits_mlp")
    key = store.store.enter(recipe, subject.sha256, subject.data_sha256, "Recover: digits").key
    claim = store.store.claim(key, "gone", lease=0.0)
    store.store.add(claim, [Moment(10, 20, "fine-tune", {"accuracy": 0.5})], {}, 1.0)
    if ended:
        store.store.end(claim, ended, "the disk is full")
    app = page(**to_query(recipe))
    assert "At 95% the recovery was interrupted after 10 of 20 steps" in told(app)
    assert ("the disk is full" in told(app)) is bool(ended)
    assert app.button(key="recover").label == "Recover 95%" and not app.button(key="recover").disabled


def test_a_full_queue_is_a_sentence(monkeypatch):
    def full(*_):
        raise RuntimeError("60 runs wait already: try again later")

    monkeypatch.setattr(recover.office, "start", full)
    app = page(m="digits_mlp", s="95")
    app.button(key="recover-open").click().run()
    app.button(key="recover").click().run()
    assert not app.exception and "60 runs wait already" in told(app)


def test_a_network_that_came_of_a_run_never_passes_for_the_model_before_it(store):
    recipe = Recipe(subject="digits_mlp", amount=0.95, course=replace(recovered.OFFERED, steps=20, every=1))
    subject = recover.kitchen.subject("digits_mlp")
    run = enter(store.store, subject, recipe)
    *_, run = perform(store.store, run.key, subject)
    name = came_of.name(run.recipe)
    app = page(m=name, s="95")
    assert app.title[0].value == "Remove 95% of the weights: all were zero already, so not one of 500 images changes sides."
    said = told(app).replace("\\", "")
    dense = as_percent(store.store.moments(run.key)[-1].values["dense"])
    assert "This network came of a run: Digits, three matrices (LeNet-300-100), recovered at 95%, 20 steps." in said
    assert f"Before it, the model's accuracy on the same 500 held-out images was {dense}." in said
    assert "Why nothing happens" in said and "Small weights do little" not in said and "without fine-tuning" not in said
    app.switch_page("pages/decide/present.py").run()
    assert not app.exception and "not trained since" in told(app) and f"was {dense}" in told(app)
    app.button(key="before-run").click().run()
    now = from_query(dict(app.query_params))[0]
    assert (now.subject, now.amount) == ("digits_mlp", 0.95) and "This network came of a run" not in told(app)


def test_on_other_pages_a_labs_setting_says_whose_it_is_and_leads_back():
    app = page(m="digits_mlp", run="lottery~rounds:3", s="20")
    assert "This is the setting of the lab «Lottery tickets»" in told(app)
    app.switch_page("pages/labs/lottery.py").run()
    assert not app.exception and "This is the setting of the lab" not in told(app)

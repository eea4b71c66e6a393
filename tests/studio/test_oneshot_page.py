"""The page One shot: its story from shipped runs, one matrix close up, and controls that stand in the link."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from pruneviz import language_reference
from pruneviz.query import to_query
from pruneviz.runs.store.naming import decides
from pruneviz.studio import kitchen, library, models, visitor
from pruneviz.studio.labs import asked, closeup, oneshot
from tests.studio import brought, heavy
from tests.studio.test_pages import opened

pytestmark = pytest.mark.usefixtures("store")
PAGE = "pages/labs/oneshot.py"


def page(**query):
    app = opened(PAGE, **query)
    assert not app.exception, app.exception
    return app


def told(app) -> str:
    return " ".join(one.value for one in [*app.title, *app.caption, *app.info, *app.warning, *app.subheader, *app.markdown])


def test_the_story_is_told_before_anything_is_run_and_controls_stand_in_the_link():
    app = page(m="reference_lm")
    assert "of the weights gone in one pass" in app.title[0].value and len(app.get("plotly_chart")) == 5
    assert "24 runs, shipped with the model" in told(app) and "The paper reports" in told(app)
    assert "One run of this: 35 matrices" in told(app) and "training step" not in " ".join(one.value for one in app.caption)
    app.segmented_control(key="lab-granularity").set_value("2:4").run()
    assert not app.exception and app.query_params["g"] == "2:4"
    assert "2 of every 4 weights gone" in app.title[0].value
    assert {"lab-amount", "lab-scope"}.isdisjoint(one.key for one in app.selectbox)
    app.selectbox(key="lab-method").set_value("keep").run()
    assert "lab-criterion" in [one.key for one in app.selectbox]
    for _ in range(2):
        app.button(key="undo").click().run()
    assert "run" not in app.query_params and not app.exception


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ({"run": "oneshot~method:magic"}, "unknown method"),
        ({"run": "oneshot~method:keep", "c": "gradient"}, "one shot sees only a matrix and its inputs"),
        ({"run": "oneshot~method:keep", "g": "neuron"}, "removes single weights"),
        ({"run": "oneshot~method:keep", "g": "2:4", "p": "owl"}, "nothing to share"),
    ],
)
def test_a_link_that_cannot_be_run_is_said_and_the_lab_opens_as_it_does(link, words):
    app = page(m="digits_mlp", **link)
    assert words in told(app) and "This is what the lab opens with" in told(app)


def labels(app) -> list[str]:
    return [one.label for one in app.button]


def test_of_a_sample_without_runs_the_page_opens_on_another_that_has_them():
    app = page(m="digits_mlp")
    assert "These runs are of Python's reference, a small Llama" in told(app) and len(app.get("plotly_chart")) == 5
    app.button(key="own-model").click().run()
    assert not app.exception and "Nobody ran it yet." in told(app) and "Nobody ran it with" not in told(app)
    assert app.button(key="run-live").label == "Run live" and len(app.get("plotly_chart")) == 3
    app.button(key="shipped-model").click().run()
    assert not app.exception and app.query_params["m"] == "reference_lm" and len(app.get("plotly_chart")) == 5


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A brought model without a training split: eighty held-out samples are all there is."""
    whole = heavy.card

    def bare(folder, samples: int) -> str:
        path = whole(folder, samples)
        with np.load(folder / "data.npz") as found:
            kept = {name: found[name] for name in ("x_test", "y_test")}
        np.savez(folder / "data.npz", **kept)
        return path

    monkeypatch.setattr(heavy, "card", bare)
    monkeypatch.setattr(visitor, "name", lambda: "ann")
    yield brought.model("ann", tmp_path)
    library.release("ann")


def test_a_brought_model_without_training_data_is_calibrated_on_a_quarter_of_what_is_held_out(mine, store):
    app = page(m=mine)
    assert app.selectbox(key="subject").value == mine and "this page shows" not in told(app)
    assert "A quarter of the held-out data, drawn by the seed, is set aside to calibrate" in told(app)
    assert app.button(key="run-live").label == "Run live" and len(app.get("plotly_chart")) == 3
    assert "Measured here on 20 calibration samples" in told(app)
    app.button(key="run-live").click().run()
    (run,) = store.past("oneshot")
    last = time.monotonic() + 120
    while store.watch(run.key).run.state != "done" and time.monotonic() < last:
        time.sleep(0.1)
    app.run()
    assert not app.exception and (run.recipe.subject, run.recipe.calibration) == (mine, "held-out")
    assert app.selectbox(key="subject").value == mine and "cal" not in app.query_params, "another model is not bound to it"
    assert len(app.get("plotly_chart")) == 4 and labels(app).count("Run live with seed 1") == 1
    assert store.moments(run.key)[-1].values["n"] == 60


def test_a_model_that_cannot_be_gone_through_says_why_and_the_button_names_the_model_that_is_run(monkeypatch):
    why = "Three layers has no matrix that one shot can go through (a stays whole: it is none): prune it on the slider"
    monkeypatch.setattr(asked, "_unwalkable", lambda subject, lab: why if subject == "digits_mlp" else "")
    app = page(m="digits_mlp")
    words = told(app).replace("\\", "")
    assert why in words and "So this page shows Python's reference" in words
    assert (
        app.button(key="run-live").label.startswith("Run live on Python's reference") and len(app.get("plotly_chart")) == 5
    )


def test_why_a_model_cannot_be_gone_through_is_the_engines_word(monkeypatch):
    subject = asked.kitchen.subject("digits_mlp")
    monkeypatch.setattr(asked.kitchen, "subject", lambda name: replace(subject, layers=()))
    asked._unwalkable.clear("digits_mlp", "oneshot")
    assert "has no matrix that one shot can go through" in asked._unwalkable("digits_mlp", "oneshot")
    asked._unwalkable.clear("digits_mlp", "oneshot")


def test_where_nobody_ran_a_setting_those_that_were_run_are_a_click_away_by_the_same_method():
    app = page(m="reference_lm", p="row", c="wanda", s="40", run="oneshot~method:least_squares")
    assert "Settings that were run:" in told(app) and told(app).count("Nobody ran") == 1
    offered = {one.label: one for one in app.button if (one.key or "").startswith("setting-")}
    assert [*offered] == ["30%", "50%", "60%", "70%", "80%", "2:4"], "by what they differ in"
    assert "Run 8 ways" in labels(app) and [one.key for one in app.get("plotly_chart")][0] == "reach"
    offered["50%"].click().run()
    assert not app.exception and "s" not in app.query_params and app.selectbox(key="lab-method").value == "least_squares"
    assert "The method chosen above is bold. A dot is the mean of 3 runs" in told(app)
    assert not [one for one in app.button if (one.key or "").startswith("setting-")]


def test_the_page_says_what_its_strip_shows():
    said = "The strip above removes {} and leaves the survivors as they are, on all held-out data"
    assert said.format("50% of the weights by magnitude") in told(page(m="reference_lm"))
    app = page(m="reference_lm", p="row", c="wanda", s="70", run="oneshot~method:sparsegpt")
    assert said.format("70% of the weights by Wanda") in told(app)


def test_a_run_that_nobody_began_was_left_before_it_began_and_draws_nothing(store):
    """A run that was cancelled as it waited has no bill; no chart of it has anything to show."""
    recipe = asked.calibrated(asked.on(asked.opens_with("oneshot"), "digits_mlp"))
    subject = asked.kitchen.subject("digits_mlp")
    key = store.store.enter(decides(recipe), subject.sha256, subject.data_sha256, "One shot: digits").key
    store.store.cancel(key)
    app = page(**to_query(recipe))
    assert "was cancelled, before it began" in told(app) and "0 of 0" not in told(app)
    assert len(app.get("plotly_chart")) == 3 and "No run has come" not in told(app)


def keys(app) -> set[str]:
    return {one.key for one in app.selectbox}


def test_a_criterion_that_shares_out_is_asked_for_and_names_the_way():
    """SparseGPT chooses itself; what each matrix gives is said by scores only where those of all matrices compete."""
    app = page(m="digits_mlp", p="row", run="oneshot~method:sparsegpt")
    assert "lab-criterion" not in keys(app)
    app.selectbox(key="lab-scope").set_value("global").run()
    assert not app.exception and "lab-criterion" in keys(app)
    app.selectbox(key="lab-criterion").set_value("magnitude").run()
    assert not app.exception and {"p", "c"}.isdisjoint(app.query_params), "both are what a link says that says nothing"
    app.selectbox(key="lab-scope").set_value("owl").run()
    assert "lab-criterion" not in keys(app)
    app.segmented_control(key="lab-granularity").set_value("2:4").run()
    assert not app.exception and keys(app).isdisjoint({"lab-criterion", "lab-scope"})


def test_titles_of_the_page_and_of_its_chart_say_who_competed():
    app = page(m="reference_lm")
    assert "in one pass, compared row by row: " in app.title[0].value
    assert any(one.value.startswith("Compared row by row, ") for one in app.subheader)


def test_the_caption_says_of_whom_it_speaks_and_why_a_pattern_is_missing():
    """The last matrix reads 100 numbers: 4:8 is drawn by no line and by no film, and both say so."""
    app = page(m="digits_mlp", g="4:8", run="oneshot~method:keep")
    app.selectbox(key="oneshot-matrix").set_value("fc3.weight").run()
    words = told(app)
    assert "row by row; only SparseGPT compares blocks of 128 columns" in words
    assert "There is no 4:8 of fc3: it has 100 inputs, no whole groups of 8." in words
    assert "4:8 does not fit this matrix, so the film removes single weights, 50% of them." in words
    app.segmented_control(key="lab-granularity").set_value("2:4").run()
    assert "does not fit" not in told(app) and "The larger open marks are 2:4." in told(app)


@pytest.fixture
def another_text(monkeypatch):
    """The language sample under a Python whose text is another: nothing that shipped was measured on it."""
    models.forget("reference_lm")
    monkeypatch.setattr(language_reference, "sha256", lambda: "0" * 64)
    yield "reference_lm"
    models.forget("reference_lm")


def test_under_another_text_the_page_says_of_which_text_the_shipped_runs_are(another_text):
    app = page(m=another_text)
    assert "24 runs, shipped with the model" in told(app) and len(app.get("plotly_chart")) == 5
    assert "The shipped runs are of their author's text" in told(app) and "Run it live" in told(app)


def test_runs_of_two_texts_never_stand_beside_each_other(another_text):
    recipe = asked.opens_with("oneshot")
    here = asked.Asked("oneshot", recipe, True)
    author = [run for group in oneshot.runs(here).values() for run in group]
    assert author and all(run.shipped for run in author)
    own = replace(author[0], shipped=False)
    assert oneshot._of_one_text(another_text, [*author, replace(own, state="running")])[-1].shipped is False
    assert oneshot._of_one_text(another_text, [*author, own]) == [own]
    assert oneshot._of_one_text("digits_mlp", [*author, own]) == [*author, own]


def test_a_matrix_whose_inputs_take_too_long_is_not_waited_for(monkeypatch):
    recipe = asked.opens_with("oneshot")
    n = len(kitchen.subject(recipe.subject).held_out)
    assert recipe.course.batch >= 2 * closeup.STEP and closeup._slow(recipe) == ""
    monkeypatch.setattr(kitchen, "heavy", lambda name: True)
    for share, wanted in (
        (0.9, ""),
        (2.0, f"choose at most {recipe.course.batch // 2}"),
        (1000.0, "choose a smaller model"),
    ):
        monkeypatch.setattr(kitchen, "pace", lambda name, share=share: share * closeup.LONGEST / recipe.course.batch * n)
        said = closeup._slow(recipe)
        assert (wanted in said) if wanted else said == ""
    app = page(m=recipe.subject)
    assert "longer than a page waits: choose a smaller model" in told(app) and len(app.get("plotly_chart")) == 2

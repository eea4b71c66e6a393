"""The page «Was the size needed?»: its story from shipped runs, and controls that stand in the link."""

from __future__ import annotations

import pytest

from pruneviz import shipped_runs
from pruneviz.studio.labs import asked
from tests.studio.test_pages import opened

pytestmark = pytest.mark.usefixtures("store")
PAGE = "pages/labs/size.py"


def page(**query):
    app = opened(PAGE, **query)
    assert not app.exception, app.exception
    return app


def linked(app, name: str) -> str:
    """What the link says of a choice; a lone value is a word, or a list of one."""
    value = app.query_params.get(name, "")
    return value if isinstance(value, str) else value[0]


def told(app) -> str:
    return " ".join(one.value for one in [*app.title, *app.caption, *app.info, *app.warning, *app.subheader, *app.markdown])


def test_the_story_is_told_before_anything_is_trained(store):
    app = page()
    assert len(app.get("plotly_chart")) == 4 and "9 runs, shipped with the model" in told(app)
    assert "means over 3 seeds, 95% intervals" in app.title[0].value and "parameters each" in app.title[0].value
    assert "The paper reports" in told(app) and "Trained weights minus fresh ones" in told(app)
    assert not store.store.folder.exists(), "to look at a page makes no store"


def test_width_and_method_stand_in_the_link_and_undo_takes_them_back():
    app = page()
    first = app.title[0].value
    app.slider(key="lab-width").set_value(200.0).run()
    assert not app.exception and "width:2.0" in linked(app, "run") and len(app.get("plotly_chart")) == 4
    assert app.title[0].value != first and "14,458 parameters each" in app.title[0].value
    app.segmented_control(key="lab-method").set_value("small").run()
    assert "method:small" in linked(app, "run") and "14,458 parameters each" in app.title[0].value
    app.slider(key="lab-width").set_value(75.0).run()
    assert "Nobody ran this setting yet" in told(app) and app.button(key="run-live").label == "Run live"
    for _ in range(3):
        app.button(key="undo").click().run()
    assert app.title[0].value == first and "run" not in app.query_params


def test_another_layer_is_another_way_of_looking_and_no_choice_of_the_run():
    app = page()
    before = {**app.query_params}
    app.segmented_control(key="alike").set_value("conv3.weight").run()
    assert not app.exception and "conv3: to the filter" in told(app) and {**app.query_params} == before


def test_where_no_run_is_shipped_the_page_still_asks(monkeypatch):
    monkeypatch.setattr(shipped_runs, "paths", lambda subject, lab: [])
    monkeypatch.setattr(shipped_runs, "subjects", lambda lab: [])
    app = page()
    assert app.title[0].value == "Was the size needed, or would a small network have done?"
    assert "Nobody ran this setting yet" in told(app) and not app.get("plotly_chart")


def test_a_model_without_training_data_is_told_so(monkeypatch):
    def lacking(name: str, _lab: str) -> str:
        return "It has no training data here." if name == "digits_mlp" else ""

    monkeypatch.setattr(asked, "untrainable", lacking)
    app = page(m="digits_mlp")
    assert "no training data here" in told(app) and len(app.get("plotly_chart")) == 4


def test_a_model_without_filters_is_set_up_for_the_units_that_it_has():
    app = page(m="digits_mlp")
    assert "These runs are of" in told(app)
    app.button(key="own-model").click().run()
    assert not app.exception and not app.warning
    assert linked(app, "g") == "neuron" and "neurons removed" in [one.label for one in app.selectbox]
    assert app.button(key="run-live").label == "Run live"


def test_the_slider_opens_the_same_cut_without_a_course():
    app = page()
    app.button(key="to-slider").click().run()
    assert not app.exception and linked(app, "s") == "75" and "run" not in app.query_params


def test_a_model_without_filters_loses_what_it_has():
    default = asked.opens_with("size")
    assert default.granularity == "filter"
    moved = asked.on(default, "digits_mlp")
    assert (moved.subject, moved.granularity) == ("digits_mlp", "neuron") and not asked.impossible(moved)
    assert asked.on(default, "digits_resnet").granularity == "filter" and asked.on(default, default.subject) is default

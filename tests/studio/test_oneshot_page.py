"""The page One shot: its story from shipped runs, one matrix close up, and controls that stand in the link."""

from __future__ import annotations

import pytest

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
    assert "of the weights gone in one pass" in app.title[0].value and len(app.get("plotly_chart")) == 4
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


def test_another_model_is_a_click_away_and_measured_in_accuracy():
    app = page(m="digits_mlp")
    assert "These runs are of" in told(app)
    app.button(key="own-model").click().run()
    assert not app.exception and "Nobody ran this setting yet" in told(app)
    assert "Run live" in [one.label for one in app.button] and len(app.get("plotly_chart")) == 3

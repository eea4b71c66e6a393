"""The page Movement: its story from shipped runs, methods beside each other, and controls that stand in the link."""

from __future__ import annotations

import pytest

from pruneviz import shipped_runs
from pruneviz.studio.labs import movement
from pruneviz.studio.labs.asked import Asked, opens_with
from tests.studio.test_pages import opened

pytestmark = pytest.mark.usefixtures("store")
PAGE = "pages/labs/movement.py"


def page(**query):
    app = opened(PAGE, **query)
    assert not app.exception, app.exception
    return app


def told(app) -> str:
    return " ".join(one.value for one in [*app.title, *app.caption, *app.info, *app.warning, *app.subheader, *app.markdown])


def test_the_story_is_told_before_anything_is_trained():
    app = page()
    assert len(app.get("plotly_chart")) == 3 and "9 runs, shipped with the model" in told(app)
    assert "soft movement ends" in told(app) and "means over 3 seeds, 95% intervals" in told(app)
    assert "The paper reports" in told(app) and "training steps" in told(app)


def test_at_another_sparsity_other_runs_are_shown():
    app = page(m="digits_mlp")
    app.selectbox(key="lab-amount").set_value(0.85).run()
    assert not app.exception and app.query_params["s"] == "85" and "6 runs, shipped with the model" in told(app)
    assert "With 83.3% of the weights gone" in app.title[0].value and len(app.get("plotly_chart")) == 3
    app.selectbox(key="lab-amount").set_value(0.7).run()
    assert "Nobody ran this setting yet" in told(app)
    for _ in range(2):
        app.button(key="undo").click().run()
    assert "run" not in app.query_params and app.selectbox(key="lab-amount").value == 0.95


def test_the_method_is_that_of_the_link_and_soft_movement_has_its_pull():
    app = page(m="digits_mlp")
    assert "lab-strength" not in [one.key for one in app.selectbox]
    app.segmented_control(key="lab-method").set_value("soft-movement").run()
    assert not app.exception and "method:soft-movement" in app.query_params["run"]
    assert "Soft movement keeps" in told(app) and "comes of it" in told(app)
    app.selectbox(key="lab-strength").set_value(100.0).run()
    assert "strength:100" in app.query_params["run"]
    # Magnitude and movement never heard of the pull: their runs are still those of this setting.
    assert "6 runs, shipped with the model" in told(app)


def test_of_one_method_and_seed_one_run_is_shown():
    recipe = opens_with("movement")
    groups = movement.runs(Asked("movement", recipe, chosen=False))
    assert {method: [run.recipe.seed for run in runs] for method, runs in groups.items()} == dict.fromkeys(
        ("magnitude", "movement", "soft-movement"), [0, 1, 2]
    )


def test_where_no_run_is_shipped_the_page_asks(monkeypatch):
    monkeypatch.setattr(shipped_runs, "paths", lambda subject, lab: [])
    monkeypatch.setattr(shipped_runs, "subjects", lambda lab: [])
    app = page()
    assert app.title[0].value.endswith("?") and not app.get("plotly_chart") and "Nobody ran this setting yet" in told(app)


def test_the_slider_opens_the_same_cut_without_a_course():
    app = page()
    app.button(key="to-slider").click().run()
    assert not app.exception and app.query_params["s"] == "95" and "run" not in app.query_params

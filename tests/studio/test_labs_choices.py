"""Choices of the labs that bring others with them: a penalty brings its cut, points of one's own their schedule, a ticket
that is carried over its controls."""

from __future__ import annotations

import pytest

from pruneviz import shipped_runs
from pruneviz.studio import kitchen
from tests.studio.test_labs_pages import REGULARISE, SCHEDULE, page, told

pytestmark = pytest.mark.usefixtures("store")
LOTTERY = "pages/labs/lottery.py"


def test_a_penalty_on_units_brings_the_cut_by_what_it_pulls_on():
    """Slimming pulls on BatchNorm scales, so filters are cut by these; group lasso on norms; and back again."""
    app = page(REGULARISE, m="digits_resnet")
    assert "whole filters are cut here" in told(app).lower() and "scale of its BatchNorm" in told(app)
    assert "6 runs, shipped with the model" in told(app)
    head = app.title[0].value
    assert head.startswith("With 30% of the filters gone") and "right after the cut" in head and "after fine-tuning" in head
    assert "no penalty has" in head and "L1 on BatchNorm scales has" in head and "3 seeds" in head
    assert "93.78% fine-tuned" in told(app)
    assert "After retraining with 30% of the filters gone, L1 on BatchNorm scales stands" in told(app)
    app.segmented_control(key="lab-penalty").set_value("group-lasso").run()
    assert not app.exception and {app.query_params["g"], app.query_params["pool"]} == {"filter", "l2"}
    assert "c" not in app.query_params and "6 runs, shipped with the model" in told(app)
    app.segmented_control(key="lab-penalty").set_value("none").run()
    assert app.query_params["g"] == "filter" and "6 runs, shipped with the model" in told(app)
    app.segmented_control(key="lab-penalty").set_value("slimming").run()
    assert app.query_params["c"] == "bn_scale" and "strength:0.01" in app.query_params["run"]
    app.segmented_control(key="lab-penalty").set_value("l1").run()
    assert not app.exception and not {"g", "c", "pool"} & {*app.query_params} and app.query_params["s"] == "90"
    assert "Nobody ran this setting yet" in told(app)


def test_what_slimming_is_run_on_is_the_criterion_and_the_units_of_the_run():
    found = [run.recipe for run in shipped_runs.read("digits_resnet", "regularise")]
    slim = {(one.granularity, one.criterion, one.scope) for one in found if one.course.penalty == "slimming"}
    assert slim == {("filter", "bn_scale", "global")}
    assert {one.seed for one in found if one.course.penalty == "group-lasso" and one.pool == "l2"} == {0, 1, 2}
    assert all(kitchen.trouble(one) is None for one in found)


def test_from_a_model_without_batchnorm_units_are_a_click_away():
    app = page(REGULARISE, m="digits_mlp")
    app.button(key="to-units").click().run()
    assert not app.exception and app.query_params["m"] == "digits_resnet"
    assert "whole filters are cut here" in told(app).lower()
    assert not [one for one in app.button if one.key == "to-units"]


def test_points_of_ones_own_are_set_moved_added_and_taken_away():
    app = page(SCHEDULE, m="digits_cnn")
    app.segmented_control(key="lab-schedule").set_value("points").run()
    assert not app.exception
    assert "points:0.25=0.475,0.5=0.76,0.75=0.855" in app.query_params["run"], "shares of the 95% that is asked for"
    assert "Own points has removed half" in told(app) and "shipped with the model" in told(app), "the others stay beside it"
    app.number_input(key="lab-point-1-2").set_value(60.0).run()
    assert "0.25=0.6," in app.query_params["run"]
    app.number_input(key="lab-point-2-1").set_value(40.0).run()
    assert "0.4=0.76" in app.query_params["run"]
    app.button(key="add-point").click().run()
    assert not app.exception and "0.875=0.9025" in app.query_params["run"]
    for _ in range(2):
        app.button(key="drop-point").click().run()
    assert app.query_params["run"].endswith("points:0.25=0.6,0.4=0.76") or "0.4=0.76~" in app.query_params["run"]
    app.segmented_control(key="lab-schedule").set_value("cubic").run()
    assert "points" not in app.query_params["run"] and not [one for one in app.button if one.key == "add-point"]


def test_a_ticket_carried_over_is_told_beside_controls_on_the_same_data():
    app = page(LOTTERY, m="digits_mlp")
    app.selectbox(key="lab-second").set_value("upper-half").run()
    assert not app.exception and "second:upper-half" in app.query_params["run"]
    assert "on the other data" in app.title[0].value and "only these are compared" in told(app)
    assert "3 runs, shipped with the model" in told(app)
    app.selectbox(key="lab-second").set_value("").run()
    assert "second" not in app.query_params.get("run", "")


def test_before_training_has_both_checks():
    said = told(page(LOTTERY, m="digits_mlp"))
    assert "To shuffle the mask within each layer" in said and "Before any training?" in said
    assert (
        "magnitude after training" in said and "a layer runs empty in" in said and "below magnitude after training" in said
    )
    assert "of the weights removed, each network trained for 600 steps" in said

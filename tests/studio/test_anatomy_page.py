"""The page Anatomy, for every kind of unit: it opens, says what goes, removes it for real, and takes a hand back."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pruneviz import plain
from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from pruneviz.studio import units
from tests.studio.test_pages import opened, strip

PAGE = "pages/see/anatomy.py"
KINDS = [("digits_cnn", "filter"), ("digits_resnet", "filter"), ("digits_mlp", "neuron"), ("digits_vit", "head")]
KINDS += [("digits_vit", "layer"), ("digits_resnet", "layer"), ("digits_vit", "neuron")]


@pytest.mark.parametrize(("subject", "kind"), KINDS)
def test_the_page_says_what_goes_of_each_kind(subject, kind):
    app = opened(PAGE, m=subject, g=kind, s="40")
    assert not app.exception, app.exception
    assert re.search(r"\d+ of \d+ ", app.title[0].value), app.title[0].value
    charts = app.get("plotly_chart")
    assert len(charts) >= 5 and all(len(chart.proto.alt) > 20 for chart in charts)
    assert 30 <= float(strip(app)["pruning ratio"].rstrip("%")) <= 50, "of a few units not every share can go"


@pytest.mark.parametrize("query", [{}, {"g": "2:4"}, {"g": "weight", "s": "100"}, {"g": "filter", "s": "0"}])
def test_the_page_opens_where_no_unit_goes(query):
    app = opened(PAGE, **query)
    assert not app.exception, app.exception
    assert ("All 160 filters stay." if query.get("g") == "filter" else "as large as before") in app.title[0].value


@pytest.mark.parametrize("gone", ["nowhere:1", "conv1:99", "conv1", "fc:0"])
def test_a_link_to_a_unit_that_is_not_there_is_a_sentence(gone):
    app = opened(PAGE, g="filter", gone=gone)
    assert not app.exception and len(app.warning) == 1 and plain.markdown(gone) in app.warning[0].value


def test_removing_for_real_keeps_the_previews_accuracy_to_the_image():
    app = opened(PAGE, g="filter", s="30")
    accuracy = strip(app)["accuracy, 500 held-out images"]
    app.button(key="remove").click().run()
    assert not app.exception, app.exception
    assert app.success[0].value.startswith("Proven:") and "as in the preview" in app.success[0].value
    table = next(one.value for one in app.markdown if "really removed" in one.value)
    assert table.count(accuracy) == 2 and "| 56,554 | 28,330 |" in table
    app.selectbox(key="pool").set_value("l1").run()
    assert not app.success, "what was proven of another setting is not shown"


def test_leaving_each_head_out_alone_is_measured_and_stays_known():
    query = {"m": "digits_vit", "g": "head", "s": "0"}
    app = opened(PAGE, **query)
    recipe = Recipe(subject="digits_vit", granularity="head", amount=0.0)
    app.button(key="alone").click().run()
    assert not app.exception, app.exception
    found = units.alone_known(recipe)["layers.0.attention"]
    model = card.load("digits_vit")
    alone = Recipe(subject="digits_vit", granularity="head", amount=0.0, gone=("layers.0.attention:2",))
    standing = evaluate.stand(model, alone)
    true = evaluate.evaluate(model, alone, standing, Workspace(model, standing.split.measured)).score
    assert (found.lost[2], found.won[2]) == (true.newly_wrong, true.newly_right)
    assert found.points[2] == pytest.approx(100 * (true.value - true.dense_value))
    assert not [one for one in opened(PAGE, **query).button if one.key == "alone"], "nothing is left to be measured"


def test_a_unit_removed_by_hand_travels_in_the_link():
    app = opened(PAGE, g="filter", s="30", gone="conv1:3", back="conv3:5")
    assert app.query_params["gone"] == "conv1:3" and app.query_params["back"] == "conv3:5" and not app.warning
    app.segmented_control(key="granularity").set_value("weight").run()
    assert "gone" not in app.query_params and "back" not in app.query_params, "weights know nothing of filters"
    app.button(key="undo").click().run()
    assert app.query_params["gone"] == "conv1:3" and app.query_params["back"] == "conv3:5"


def test_fragile_is_what_chance_does_not_explain():
    """Five lost and none won happen by chance once in 32 times: fragile. Four, once in 16: not."""
    lost, won = np.array([5.0, 4.0, 9.0, 0.0, 20.0, np.nan]), np.array([0.0, 0.0, 8.0, 9.0, 8.0, np.nan])
    assert units.fragile(lost, won).tolist() == [True, False, False, False, True, False]

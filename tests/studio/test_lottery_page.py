"""The page Lottery tickets: its story from shipped runs, its rounds and deeds, and controls that stand in the link."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pruneviz import shipped_runs
from pruneviz.engine.sources import card
from pruneviz.engine.training import private
from pruneviz.engine.training.trial import lot
from pruneviz.studio.labs import lottery
from pruneviz.studio.labs.asked import Asked
from tests.studio.test_pages import opened

pytestmark = pytest.mark.usefixtures("store")
PAGE = "pages/labs/lottery.py"


def page(**query):
    app = opened(PAGE, **query)
    assert not app.exception, app.exception
    return app


def told(app) -> str:
    return " ".join(one.value for one in [*app.title, *app.caption, *app.info, *app.warning, *app.subheader, *app.markdown])


def test_the_story_is_told_before_anything_is_trained():
    app = page()
    assert len(app.get("plotly_chart")) == 6 and "3 runs, shipped with the model" in told(app)
    assert "means over 3 seeds, 95% intervals" in told(app) and "The paper reports" in told(app)
    assert app.select_slider(key="ticket-round").value == 3 and app.button(key="run-live")


def test_a_round_and_a_deed_change_the_picture_and_nothing_else():
    app = page()
    before = {**app.query_params}
    said = {}
    for deed in lottery.DEEDS:
        app.segmented_control(key="deed").set_value(deed).run()
        assert not app.exception
        said[deed] = [one.value for one in app.subheader][1]
    assert len(set(said.values())) == 4 and "back at exactly" in said["rewind"] and "new numbers" in said["reroll"]
    app.select_slider(key="ticket-round").set_value(7).run()
    assert "Round 7, after its first 40 steps" in told(app) and {**app.query_params} == before


def test_re_rolled_numbers_are_those_that_the_control_started_with():
    run = next(one for one in shipped_runs.read("digits_mlp", "lottery") if one.recipe.seed == 0)
    network = private.fresh(card.load("digits_mlp"), lot(0, "round 4 reinit"))
    first = network.get_parameter("fc1.weight").detach().numpy().reshape(-1)
    places, found = run.array("places"), lottery._rolled(run, 4)
    assert np.array_equal(found[places < first.size], first[places[places < first.size]])
    assert not np.array_equal(found, run.array("start"))


def test_controls_stand_in_the_link_and_undo_takes_them_back():
    app = page(m="digits_mlp")
    app.number_input(key="lab-rounds").set_value(5).run()
    assert not app.exception and "rounds:5" in app.query_params["run"] and "Nobody ran this setting yet" in told(app)
    app.selectbox(key="lab-control").set_value("reinit").run()
    assert "control:reinit" in app.query_params["run"]
    for _ in range(2):
        app.button(key="undo").click().run()
    assert "run" not in app.query_params and len(app.get("plotly_chart")) == 6


def test_where_no_run_is_shipped_the_page_asks(monkeypatch):
    monkeypatch.setattr(shipped_runs, "paths", lambda subject, lab: [])
    monkeypatch.setattr(shipped_runs, "subjects", lambda lab: [])
    app = page()
    assert app.title[0].value.endswith("?") and not app.get("plotly_chart") and "Nobody ran this setting yet" in told(app)


def test_another_model_sees_these_runs_and_is_told_so():
    app = page(m="digits_cnn")
    assert "These runs are of" in told(app) and len(app.get("plotly_chart")) == 6


def test_what_the_last_round_leaves_opens_in_the_slider():
    app = page()
    app.button(key="to-slider").click().run()
    assert not app.exception and app.query_params["s"].startswith("95.2") and "run" not in app.query_params


def test_words_follow_what_is_chosen_and_an_unrun_setting_is_cut_as_its_rounds_would():
    app = page(m="digits_mlp")
    assert "to what they were at the start; again" in told(app)
    app.number_input(key="lab-rewind").set_value(40).run()
    assert not app.exception and "to what they were after step 40; again" in told(app)
    ran = next(one for one in shipped_runs.read("digits_mlp", "lottery") if one.recipe.seed == 0)
    assert lottery._asked(ran.recipe) == pytest.approx(ran.last("sparsity"), abs=1e-3), "the output layer gives half as much"


def test_a_run_that_was_given_up_hides_nothing_of_the_others(monkeypatch):
    whole = shipped_runs.read("digits_mlp", "lottery")[:3]
    given_up = replace(whole[0], state="cancelled", moments=whole[0].moments[:3], recipe=replace(whole[0].recipe, seed=9))
    monkeypatch.setattr(lottery.found, "siblings", lambda recipe, *free: [*whole, given_up])
    here = Asked("lottery", given_up.recipe, chosen=True)
    assert lottery.runs(here) == whole
    monkeypatch.setattr(lottery.found, "siblings", lambda recipe, *free: [given_up])
    assert lottery.runs(here) == [given_up], "where there is nothing else, it is shown"

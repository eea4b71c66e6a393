"""All ways of one shot at once: which are asked for, what the page says meanwhile, and that Cancel leaves none of them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from pruneviz.charts.labs import oneshot as charts
from pruneviz.query import to_query
from pruneviz.runs import shipping
from pruneviz.studio.labs import all_ways, asked, live
from tests.studio.test_oneshot_page import labels, page, told

pytestmark = pytest.mark.usefixtures("store")
BUTTON, CANCEL, PATIENCE = "run-all", "cancel-all", 120


@pytest.fixture
def small():
    """A setting that nobody ran, on a network that is gone through in a moment."""
    found = asked.on(asked.opens_with("oneshot"), "digits_mlp")
    return replace(found, amount=0.4, course=replace(found.course, batch=8))


def keys(app) -> list[str]:
    return [one.key for one in app.button]


def test_the_ways_are_those_that_ship_each_once():
    recipe = asked.opens_with("oneshot")
    shipped = {charts.named(one) for one in shipping.recipes("oneshot")}
    assert [charts.named(one) for one in all_ways.recipes(recipe)] == list(dict.fromkeys(
        charts.named(one) for one in shipping.recipes("oneshot"))) and len(shipped) == 8  # fmt: skip
    assert {one.seed for one in all_ways.recipes(replace(recipe, seed=5))} == {5}


def test_what_the_visitor_has_chosen_is_what_the_survivors_cover_for():
    recipe = asked.opens_with("oneshot")
    mine = replace(recipe, criterion="ria", course=replace(recipe.course, method="least_squares"))
    names = [charts.named(one) for one in all_ways.recipes(mine)]
    assert "RIA + least squares" in names and "RIA + one-swaps" in names and "Wanda + least squares" not in names


def test_a_way_that_cannot_be_run_is_left_out(monkeypatch):
    def planned(recipe):
        if recipe.criterion == "random":
            raise ValueError("no")
        return 3

    monkeypatch.setattr(live, "planned", planned)
    names = [charts.named(one) for one in all_ways.recipes(asked.opens_with("oneshot"))]
    assert "random" not in names and len(names) == 7


def test_where_all_of_them_were_run_another_seed_is_offered():
    """Seeds 0, 1 and 2 are shipped: another draw of calibration samples is what makes the means surer."""
    assert page(m="reference_lm").button(key=BUTTON).label == "Run all 8 ways with seed 3"


def test_all_ways_are_run_one_after_the_other_and_stand_beside_each_other(small, store):
    app = page(**to_query(small))
    assert app.button(key=BUTTON).label == "Run all 8 ways" and "8 runs, one after the other." in told(app)
    app.button(key=BUTTON).click().run()
    assert not app.exception and len(store.past("oneshot")) == 8
    last = time.monotonic() + PATIENCE
    while any(run.state != "done" for run in store.past("oneshot")) and time.monotonic() < last:
        time.sleep(0.1)
    app.run()
    assert not app.exception and CANCEL not in keys(app)
    assert app.button(key=BUTTON).label == "Run all 8 ways with seed 1"
    past = [one.value for one in app.caption if "is done, " in one.value]
    assert len(past) == len(set(past)) == 8, "each past run says what it did"
    assert "Bill:" in told(app) and "in 8 runs, performed here" in told(app)
    again = page(**to_query(replace(small, seed=1)))
    assert again.button(key=BUTTON).label == "Run all 8 ways with seed 1", "another draw of calibration samples"
    assert "on one core here" in told(again)


def test_while_they_go_on_it_says_how_many_are_done_and_all_can_be_left(small, store, monkeypatch):
    """Nothing performs them here: they wait, and every one of them is left by one click."""
    left, watched = [], {}
    monkeypatch.setattr(all_ways.office, "start", lambda recipe: left.append(recipe))
    app = page(**to_query(small))
    app.button(key=BUTTON).click().run()
    assert [charts.named(one) for one in left] == [charts.named(one) for one in all_ways.recipes(small)]
    gone = []
    monkeypatch.setattr(all_ways.office, "cancel", gone.append)
    all_ways._cancel(["first", "second", "third"])
    assert gone == ["third", "second", "first"] and not watched, "the one in hand last: none of the others may begin"


def test_what_cannot_be_begun_is_said(small, monkeypatch):
    def full(recipe):
        raise RuntimeError("60 runs wait here already")

    monkeypatch.setattr(all_ways.office, "start", full)
    app = page(**to_query(small))
    app.button(key=BUTTON).click().run()
    assert not app.exception and "60 runs wait here already" in told(app) and BUTTON in keys(app)
    assert labels(app).count("Run all 8 ways") == 1

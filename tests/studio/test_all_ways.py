"""All ways of one shot at once: which are asked for, what the page says meanwhile, and that Cancel leaves none of them."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from pruneviz.charts.labs import oneshot as charts
from pruneviz.moment import Moment
from pruneviz.query import to_query
from pruneviz.runs import shipping
from pruneviz.runs.store.naming import decides
from pruneviz.studio.labs import all_ways, asked, found, live, office
from tests.studio.test_oneshot_page import page, told

pytestmark = pytest.mark.usefixtures("store")
BUTTON, CANCEL, PATIENCE = "run-all", "cancel-all", 300


@pytest.fixture
def small():
    """A setting that nobody ran, on a network that is gone through in a moment."""
    made = asked.on(asked.opens_with("oneshot"), "digits_mlp")
    return replace(made, amount=0.4, course=replace(made.course, batch=8))


def keys(app) -> list[str]:
    return [one.key for one in app.button]


def entered(store, recipe, seconds: float = 2.0, done: bool = False) -> str:
    """A run in the store that nobody performs, or one that is done; its key."""
    subject = asked.kitchen.subject(recipe.subject)
    key = store.store.enter(decides(recipe), subject.sha256, subject.data_sha256, "One shot: digits").key
    if done:
        values = {"accuracy": 0.9, "dense": 0.95, "n": 500.0, "sparsity": 0.4, "samples": 8.0}
        claim = store.store.claim(key, "gone", lease=0.0)
        store.store.add(claim, [Moment(3, 3, "done", values, {"x": np.ones(1)})], {}, seconds, done=True)
    return key


def test_the_ways_are_those_that_ship_each_once():
    recipe = asked.opens_with("oneshot")
    shipped = list(dict.fromkeys(charts.named(one) for one in shipping.recipes("oneshot")))
    assert list(all_ways.recipes(recipe)) == shipped and len(shipped) == 8
    assert {one.seed for one in all_ways.recipes(replace(recipe, seed=5)).values()} == {5}


def test_what_the_visitor_has_chosen_is_what_the_survivors_cover_for():
    recipe = asked.opens_with("oneshot")
    mine = replace(recipe, criterion="ria", course=replace(recipe.course, method="least_squares"))
    names = all_ways.recipes(mine)
    assert "RIA + least squares" in names and "RIA + one-swaps" in names and "Wanda + least squares" not in names


def test_a_way_that_cannot_be_run_is_left_out(monkeypatch):
    monkeypatch.setattr(all_ways, "_bill", lambda recipe: 0 if recipe.criterion == "random" else 3)
    names = all_ways.recipes(asked.opens_with("oneshot"))
    assert "random" not in names and len(names) == 7


def test_what_cannot_be_planned_has_no_bill_and_is_asked_once(monkeypatch, small):
    all_ways._bill.clear(small)
    asked_for = []
    monkeypatch.setattr(live, "planned", lambda recipe: asked_for.append(recipe) or [][0])
    with pytest.raises(IndexError):
        all_ways._bill(small)  # no trouble of planning is swallowed but a sentence

    def refused(recipe):
        asked_for.append(recipe)
        raise ValueError("no")

    monkeypatch.setattr(live, "planned", refused)
    assert all_ways._bill(small) == all_ways._bill(small) == 0 and len(asked_for) == 2
    all_ways._bill.clear(small)


def test_where_all_of_them_were_run_another_seed_is_offered():
    """Seeds 0, 1 and 2 are shipped: another draw of calibration samples is what makes the means surer."""
    assert page(m="reference_lm").button(key=BUTTON).label == "Run 8 ways with seed 3"


def test_all_ways_are_run_one_after_the_other_and_stand_beside_each_other(small, store):
    app = page(**to_query(small))
    assert app.button(key=BUTTON).label == "Run 8 ways" and "8 runs, one after the other." in told(app)
    app.button(key=BUTTON).click().run()
    assert not app.exception and len(store.past("oneshot")) == 8
    last = time.monotonic() + PATIENCE
    while any(run.state != "done" for run in store.past("oneshot")) and time.monotonic() < last:
        time.sleep(0.1)
    assert {run.state for run in store.past("oneshot")} == {"done"}, f"not over after {PATIENCE} s"
    app.run()
    assert not app.exception and CANCEL not in keys(app)
    assert app.button(key=BUTTON).label == "Run 8 ways with seed 1"
    past = [one.value for one in app.caption if "is done, " in one.value]
    assert len(past) == len(set(past)) == 8, "each past run says what it did"
    assert "Bill:" in told(app) and "in 8 runs, performed here" in told(app)
    again = page(**to_query(replace(small, seed=1)))
    assert again.button(key=BUTTON).label == "Run 8 ways with seed 1", "another draw of calibration samples"
    assert "on one core here" in told(again)


def test_what_is_done_waits_or_was_left_is_counted_as_that(small, store, monkeypatch):
    """Two are done, three wait, one was cancelled; the rest nobody asked for. Those that wait are cancelled before the one
    that is performed: its end would begin the next."""
    ways = [*all_ways.recipes(small).values()]
    for one in ways[:2]:
        entered(store, one, done=True)
    waiting = [entered(store, one) for one in ways[2:5]]
    store.store.cancel(entered(store, ways[5]))
    busy = lambda key: type("Watched", (), {"idle": False, "position": None, "left": None, "run": store.store.find(key)})()  # noqa: E731
    monkeypatch.setattr(office, "watch", busy)
    stands = found.stand(ways)
    assert [stands[one] for one in ways] == ["done", "done", "waiting", "waiting", "waiting", "cancelled", "", ""]
    app = page(**to_query(small))
    assert app.button(key=BUTTON).label == "Run the 3 ways that are not done yet"
    assert any("2 of 8 ways are done, 3 wait or run" in str(one.proto) for one in app.get("progress"))
    store.store.claim(waiting[2], "somebody", lease=60.0)  # the last one is the one in hand
    gone = []
    monkeypatch.setattr(office, "cancel", gone.append)
    app.button(key=CANCEL).click().run()
    assert gone == [waiting[0], waiting[1], waiting[2]] and not app.exception


def test_one_that_is_missing_is_one_way(small, store):
    ways = [*all_ways.recipes(small).values()]
    for one in ways[1:]:
        entered(store, one, done=True)
    app = page(**to_query(ways[-1]))
    assert app.button(key=BUTTON).label == "Run the way that is not done yet" and "random: 1 run" in told(app)
    own = page(**to_query(ways[0]))
    assert BUTTON not in keys(own), "«Run live» is about that very one"


def test_however_many_runs_are_newer_what_is_done_is_known(small, store):
    ways = [*all_ways.recipes(small).values()]
    for seed in range(8):
        for one in ways:
            entered(store, replace(one, seed=seed), done=True)
    assert set(found.stand(ways).values()) == {"done"}
    assert page(**to_query(small)).button(key=BUTTON).label == "Run 8 ways with seed 8"


def test_what_cannot_be_begun_is_said_and_what_was_begun_is_counted(small, monkeypatch):
    begun = []

    def full(recipe):
        if len(begun) == 3:
            raise RuntimeError("3 jobs of yours wait or run")
        begun.append(recipe)

    monkeypatch.setattr(office, "start", full)
    app = page(**to_query(small))
    app.button(key=BUTTON).click().run()
    assert not app.exception and "3 of 8 were begun; 3 jobs of yours wait or run" in told(app) and BUTTON in keys(app)


def test_nothing_is_begun_of_a_setting_that_is_refused(small, monkeypatch):
    begun = []
    monkeypatch.setattr(office, "start", begun.append)
    monkeypatch.setattr(all_ways.bench, "why_not", lambda recipe: "no such thing")
    app = page(**to_query(small))
    app.button(key=BUTTON).click().run()
    assert not app.exception and begun == [] and "no such thing" in told(app)

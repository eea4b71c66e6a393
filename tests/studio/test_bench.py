"""The bench: what is a step and what is only pointed at; pins; the trail. A history is a record, so no screen is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.query import to_pin
from pruneviz.recipe import LOOKS, PINS, Recipe
from pruneviz.studio.bench.history import POINTED, History

OTHER = {"marked": ("A",), "example": 7, "group": 3, "slide": 2}
STEPS = {
    "layer": "conv1.weight", "shape": "absolute", "axis": "log", "apart": 1, "unlinked": (("obd", 0.3),),
    "against": "random", "pick": 4, "sampled": 200, "guess": 60, "batch": 8, "length": 4, "threads": 1,
    "pins": ("m=digits_mlp",), "held_against": "macs",
    "attribution": "occlusion", "tolerance": 0.05, "budget": "macs", "limits": (("points", 1.0),), "title": "A talk",
    "author": "Somebody", "contact": "somebody@example.org", "untested": "rain", "hidden": ("bring",),
    "lesson": "03-gradient",
}  # fmt: skip


def test_every_look_is_a_step_or_is_pointed_at():
    """Whoever adds a look decides which it is."""
    travel = {"model_sha", "data_sha", "files", "card"}
    assert {*OTHER} == {*POINTED} and {*OTHER} | {*STEPS} == {*LOOKS} - travel


@pytest.mark.parametrize("name", POINTED)
def test_what_is_pointed_at_is_no_step_and_survives_undo(name):
    history = History(Recipe()).step(Recipe(amount=0.6)).step(Recipe(amount=0.7)).undone()
    pointed = history.step(replace(history.now, **{name: OTHER[name]}))
    assert pointed.past == history.past and pointed.future == history.future
    assert getattr(pointed.undone().now, name) == OTHER[name] and pointed.undone().now.amount == 0.5
    assert getattr(pointed.redone().now, name) == OTHER[name] and pointed.redone().now.amount == 0.7


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_undone_and_redone(name):
    there = replace(Recipe(), **{name: STEPS[name]})
    history = History(Recipe()).step(there)
    assert history.past == (Recipe(),) and history.undone().now == Recipe() and history.undone().redone() == history


def test_an_example_means_nothing_for_another_model():
    history = History(Recipe()).step(Recipe(subject="digits_mlp"))
    assert history.step(replace(history.now, example=9, group=2)).undone().now == Recipe()


def test_letters_go_with_their_pins():
    """A is somebody else after A is gone: undone, the marks are those of then."""
    marked = Recipe(pins=("m=digits_mlp", "m=digits_cnn"), marked=("B",))
    history = History(marked).step(replace(marked, pins=("m=digits_cnn",), marked=()))
    assert history.undone().now.marked == ("B",) and history.undone().redone().now.marked == ()


def test_a_new_step_ends_what_could_be_redone_and_a_hundred_are_remembered():
    history = History(Recipe())
    for at in range(150):
        history = history.step(Recipe(seed=at + 1))
    assert len(history.past) == 100 and history.past[0] == Recipe(seed=50)
    assert history.undone().step(Recipe(amount=0.9)).future == ()
    assert History(Recipe()).undone() == History(Recipe()).redone() == History(Recipe())


def test_a_retreat_forgets_what_cannot_be_shown():
    history = (
        History(Recipe()).step(Recipe(subject="gone")).step(Recipe(amount=0.6)).step(Recipe(subject="gone", amount=0.6))
    )
    left = history.retreated(lambda one: one.subject != "gone")
    assert left == History(Recipe(amount=0.6), (Recipe(),), ())
    assert History(Recipe(subject="gone")).retreated(lambda one: True) == History(Recipe())


def tab() -> None:
    """A page that does what it is asked, and says how things stand."""
    import streamlit as st

    from pruneviz.studio import bench

    bench.open_bench(lambda recipe: None)
    bench.check_with(lambda recipe: "that cannot be used" if recipe.subject == "broken" else None)
    for name in ("pin", "undo", "redo"):
        st.button(name, key=name, on_click=getattr(bench, name))
    for at in range(9):
        st.button(f"unpin {at}", key=f"unpin-{at}", on_click=bench.unpin, args=(at,))
        st.button(f"return {at}", key=f"return-{at}", on_click=bench.return_to, args=(at,))
        st.button(f"first {at}", key=f"first-{at}", on_click=bench.make_baseline, args=(at,))
        st.button(f"{at}0", key=f"amount-{at}", on_click=bench.change, kwargs={"amount": at / 10})
    for letter in ("A", "B", "live"):
        st.button(letter, key=f"mark-{letter}", on_click=bench.mark, args=(letter,))
    bench.keep_link(lambda recipe: recipe)
    st.text(repr(bench.trail()))
    st.text(repr(bench.marked()))
    st.text(" ".join(bench.words()))


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_function(tab, default_timeout=30).run()


def press(app: AppTest, *keys: str) -> AppTest:
    for key in keys:
        app.button(key=key).click().run()
    assert not app.exception
    return app


def texts(app: AppTest) -> list[str]:
    return [one.value for one in app.text]


def test_the_trail_outlives_a_pin_and_a_look(app):
    press(app, "amount-6", "pin", "amount-7", "mark-A", "amount-8")
    assert texts(app)[0] == "[0.5, 0.6, 0.7]"


def test_a_pin_is_returned_to_and_taken_away(app):
    press(app, "amount-6", "pin", "amount-7", "pin", "pin")
    assert app.query_params["pin"] == "~".join(to_pin(Recipe(amount=one)) for one in (0.6, 0.7))
    press(app, "return-0")
    assert app.query_params["s"] == "60" and "70" in app.query_params["pin"]
    press(app, "first-1")
    assert app.query_params["pin"].startswith(to_pin(Recipe(amount=0.7)))
    press(app, "unpin-0", "unpin-7", "return-7", "first-7")  # there is no eighth: nothing happens
    assert app.query_params["pin"] == to_pin(Recipe(amount=0.6))
    press(app, "undo", "undo", "undo")
    assert app.query_params["s"] == "70" and app.query_params["pin"].startswith(to_pin(Recipe(amount=0.6)))


def test_no_more_than_eight_are_pinned(app):
    for at in range(8):
        press(app, f"amount-{at}", "pin")
    press(app, "amount-8", "unpin-0", "undo", "mark-live")
    assert len(app.query_params["pin"].split("~")) == PINS
    press(app, "pin")
    assert "no room for more" in texts(app)[2] and len(app.query_params["pin"].split("~")) == PINS


def test_marks_are_of_candidates_that_there_are(app):
    press(app, "mark-B", "mark-live")
    assert texts(app)[1] == "('live',)"
    press(app, "pin", "mark-A", "mark-live")
    assert texts(app)[1] == "('A',)" and app.query_params["sel"] == "A"
    press(app, "unpin-0")
    assert texts(app)[1] == "()"


def test_a_pin_that_cannot_be_used_leaves_the_old_state(app):
    broken = AppTest.from_function(tab, default_timeout=30)
    broken.query_params["pin"] = "m=broken"
    press(broken.run(), "return-0")
    assert texts(broken)[2] == "that cannot be used" and "m" not in broken.query_params

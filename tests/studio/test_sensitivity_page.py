"""The page Sensitivity: the map sets own amounts, the answer becomes the setting or a pin, refusals are sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.allocation import applied
from pruneviz.engine import allocation as engine
from pruneviz.engine import evaluate
from pruneviz.engine.sources import card
from pruneviz.query import from_query, to_pin
from pruneviz.recipe import Recipe
from pruneviz.studio import allocation, orders, sensitivity
from pruneviz.studio.order import Order
from tests.studio.test_pages import opened, strip

PAGE = "pages/analyse/sensitivity.py"
MODEL = Recipe(subject="digits_mlp", scope="layer")


@pytest.fixture(scope="module")
def found():
    subject = card.load(MODEL.subject)
    *_, last = engine.solve(subject, MODEL, evaluate.stand(subject, MODEL), engine.Effort(evaluations=30))
    return last


@pytest.fixture(autouse=True)
def worker(found, monkeypatch):
    """What a worker would have found: the engine's own answer; of maps that take long, nothing yet."""

    asked = set()

    def look(recipe, kind, nodes=(), panel=""):
        asked.add((recipe, kind, nodes))
        return Order(kind, recipe, nodes, state="done", latest=found if kind == "allocate" else None)

    monkeypatch.setattr(orders, "look", look)
    monkeypatch.setattr(orders, "found", lambda *what: found if what in asked else None)
    monkeypatch.setattr(sensitivity, "MOMENT", 1e9)
    return asked


def page(**query):
    app = opened(PAGE, m="digits_mlp", **query)
    assert not app.exception, app.exception
    return app


def test_the_map_is_there_and_a_layer_gets_an_amount_of_its_own_by_keyboard():
    app = page()
    assert app.title[0].value.startswith("Pruned alone, fc1 is the first to lose a point")
    assert any("500 held-out images" in one.value and "sign test" in one.value for one in app.markdown)
    app.selectbox(key="own-fc1.weight-None").set_value("30%").run()
    assert app.query_params["own"] == "fc1.weight:30"
    app.button(key="follow").click().run()
    assert "own" not in app.query_params
    app.button(key="undo").click().run()
    assert app.query_params["own"] == "fc1.weight:30"


def test_of_a_heavy_model_nothing_is_measured_before_somebody_asks(worker, monkeypatch):
    asked = set()
    monkeypatch.setattr(sensitivity.kitchen, "heavy", lambda name: True)
    monkeypatch.setattr(sensitivity.bench, "asked", lambda what, of=None: (what, of) in asked)
    monkeypatch.setattr(orders, "known", lambda *what: False)
    assert sensitivity.found(MODEL) == (None, "") and not worker
    asked.add((sensitivity.KIND, sensitivity.asked(MODEL)))
    moved = replace(MODEL, amount=0.9, criterion="magnitude", tolerance=0.1)  # a map depends on none of these
    assert sensitivity.found(moved) == (None, "") and len(worker) == 1
    assert sensitivity.found(replace(MODEL, criterion="random")) == (None, "") and len(worker) == 1


def test_the_answer_becomes_the_setting_and_a_pin(found, worker):
    app = page()
    assert not any("parameters" in one.value for one in app.subheader) and len(app.get("plotly_chart")) == 1
    app.button(key="search").click().run()
    assert not app.exception and any("of the parameters go" in one.value for one in app.subheader)
    after = applied(Recipe(subject="digits_mlp"), found)
    app.button(key="pin-it").click().run()
    assert from_query({"pin": app.query_params["pin"]})[0].pins == (to_pin(after),)
    app.button(key="use").click().run()
    shown, gone = strip(app), 100 * (found.whole - found.best.left) / 50_200
    assert shown["sparsity"] == f"{gone:.1f}%" and app.button(key="use").disabled
    measured = found.best.choosing.correct + found.best.reporting.correct
    accuracy = next(value for label, value in shown.items() if label.startswith("accuracy"))
    assert accuracy == f"{100 * measured / 500:.1f}%".replace(".0%", "%")
    before = len(worker)
    app.selectbox(key="tolerance").set_value(0.05).run()
    app.segmented_control(key="budget").set_value("macs").run()
    assert not app.exception and len(worker) == before, "another search starts only where somebody asks for it"
    assert any("The search gives every layer an amount of its own" in one.value for one in app.markdown)
    app.button(key="search").click().run()
    assert {(what[1], what[2]) for what in worker - {None}} >= {("allocate", (("tolerance", 0.05), ("budget", "macs")))}
    assert len(worker) == before + 1


def test_what_cannot_be_mapped_or_shared_out_is_a_sentence():
    app = page(g="2:4")
    said = " ".join(one.value for one in app.info)
    assert "one choice for all layers" in said and "same share" in said and not app.get("plotly_chart")
    app = page(bud="ms")
    assert any("save no time" in one.value for one in app.info)


def test_until_the_other_half_was_looked_at_the_words_say_so(found):
    begun = replace(found, complete=False, peers=(), best=replace(found.best, reporting=None))
    assert "Nobody has looked at the other half yet" in allocation.told(begun)
    assert allocation.headline(begun).startswith("So far")
    assert f"On the {found.best.reporting.n} others" in allocation.told(found)


def test_a_click_on_a_square_sets_and_takes_back_and_nonsense_does_nothing(monkeypatch):
    from pruneviz.sensitivity import Row, Sensitivity
    from pruneviz.studio import bench

    here = Sensitivity(
        "m", "c", "weight", (0.5,), (Row("a", "a", 9), Row("b", "b", 9, reason="x")), 0.9, 0.1, 9, "accuracy", "images"
    )
    state = {"recipe": Recipe()}
    monkeypatch.setattr(bench, "recipe_now", lambda: state["recipe"])
    monkeypatch.setattr(bench, "why_not", lambda recipe: None)
    monkeypatch.setattr(bench, "commit", lambda recipe, refused=None: state.update(recipe=recipe))
    for picked, expected in (("0.5:a", (("a", 0.5),)), ("0.5:b", (("a", 0.5),)), ("0.5:a", ())):
        sensitivity.take(here, [picked])
        assert state["recipe"].overrides == expected

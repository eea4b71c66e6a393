"""A network that came of a run is a model like any other: what its run measured of it is measured of it again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from pruneviz import came_of
from pruneviz.course import Course
from pruneviz.engine import evaluate
from pruneviz.engine.export import package
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.engine.training import labs
from pruneviz.recipe import Recipe
from pruneviz.runs import trained
from pruneviz.runs.perform import enter, perform
from pruneviz.runs.store import Store

SHORT = Course(lab="recover", method="fine-tune", steps=6, every=6, rate=1e-3)
CNN = Recipe(subject="digits_cnn", amount=0.8, course=SHORT)
FILTERS = replace(CNN, granularity="filter", amount=0.4)
RUNS = {
    "weights": CNN,
    "weights, per layer": replace(CNN, scope="layer", criterion="random", seed=2),
    "BatchNorm": replace(CNN, course=replace(SHORT, method="batchnorm")),
    "filters": FILTERS,
    "filters, cut out": replace(FILTERS, course=replace(SHORT, method="fine-tune-removed")),
    "gradually": replace(
        CNN, subject="digits_mlp", course=Course(lab="schedule", schedule="cubic", steps=8, times=2, every=8)
    ),
    "a ticket": replace(
        CNN, subject="digits_mlp", amount=0.3, scope="layer", course=Course(lab="lottery", steps=6, rounds=2, every=6)
    ),
    "tuned": replace(
        CNN, subject="digits_mlp", spared=("fc3.weight",),
        course=Course(lab="movement", method="magnitude", second="upper-half", steps=8, every=8, schedule="cubic"),
    ),
    "narrow": replace(FILTERS, scope="layer", course=Course(lab="size", method="small", steps=6, every=6)),
}  # fmt: skip


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("PRUNEVIZ_DATABASE_URL", raising=False)
    made = Store()
    yield made
    made.close()


def done(store: Store, recipe: Recipe, model=None):
    model = model or card.load(recipe.subject)
    run = enter(store, model, recipe)
    *_, run = perform(store, run.key, model)
    assert run.state == "done", run.trouble
    return run


def measured(subject, recipe):
    standing = evaluate.stand(subject, recipe)
    return evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured, recipe.device))


@pytest.mark.parametrize("named", RUNS)
def test_what_the_run_measured_in_the_end_is_measured_of_its_network_again(named, store):
    run = done(store, RUNS[named])
    last = store.moments(run.key)[-1].values
    subject = trained.load(came_of.name(run.recipe), card.load)
    opened = came_of.opened(run.recipe, last.get("sparsity", 0.0))
    assert opened.subject == subject.name
    report = measured(subject, opened)
    assert report.score.correct == round(last["accuracy"] * report.score.n), "the same network, to the sample"
    assert report.score.n == last["n"] if "n" in last else True
    kept = labs.concluded(store.memory(run))[1]
    if opened.granularity == "weight" and opened.amount:
        assert report.removed == sum(int((~stays).sum()) for stays in kept.values()), "the zeros go, and nothing else"
        whole = measured(subject, replace(opened, amount=0.0))
        assert whole.score.correct == report.score.correct
    assert [layer.name for layer in subject.layers] and subject.sha256 == run.memory


def test_a_network_of_a_network_is_one_too(store):
    first = done(store, CNN)
    name = came_of.name(first.recipe)
    again = replace(CNN, subject=name, amount=0.9)
    second = done(store, again, trained.load(name, card.load))
    subject = trained.load(came_of.name(second.recipe), card.load)
    assert subject.title == "Digits, three convolutions, recovered at 80%, 6 steps, recovered at 90%, 6 steps"
    assert came_of.root(subject.name) == "digits_cnn"
    assert float((subject.network.conv1.weight == 0).float().mean()) > 0


@pytest.mark.parametrize("named", ["weights", "filters, cut out"])
def test_it_is_exported_and_loaded_again_with_the_same_numbers(named, store, tmp_path):
    run = done(store, RUNS[named])
    subject = trained.load(came_of.name(run.recipe), card.load)
    recipe = came_of.opened(run.recipe, store.moments(run.key)[-1].values["sparsity"])
    exported = package.write(subject, recipe, evaluate.stand(subject, recipe), tmp_path / "out", convert=False)
    again = card.load(tmp_path / "out")
    assert again.title == subject.title and exported.parameters_left <= exported.parameters
    inputs = subject.held_out.inputs(slice(0, 16))
    state = subject.network.state_dict()
    assert all(torch.equal(state[key], one) for key, one in again.network.state_dict().items())
    assert torch.equal(subject.network.eval()(inputs), again.network.eval()(inputs))
    said = json.loads((tmp_path / "out" / "removal.json").read_text())
    assert len(said["steps"]) == (1 if named == "filters, cut out" else 0)


def test_a_run_that_is_not_here_or_not_done_is_a_sentence_with_a_way_out(store):
    with pytest.raises(ValueError, match="is not stored here: do that run with «Recover»"):
        trained.load(came_of.name(CNN), card.load)
    enter(store, card.load("digits_cnn"), CNN)
    with pytest.raises(ValueError, match="has not come to its end"):
        trained.load(came_of.name(CNN), card.load)
    with pytest.raises(ValueError, match="names no run"):
        trained.load("run:m=digits_cnn", card.load)

"""Pruning before training: every method takes what it was asked to, controls change just what they say, and a layer that has
nothing left is told."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from pruneviz.course import Course
from pruneviz.engine.sources import card
from pruneviz.engine.subject import Samples, Subject
from pruneviz.engine.training import cutting, labs, private
from pruneviz.engine.training import trial as trials
from pruneviz.engine.training.labs import initial
from pruneviz.engine.training.memory import Memory
from pruneviz.recipe import Recipe

COURSE = Course(lab="initial", method="snip", steps=6, batch=16, rate=2e-3, every=3)


@cache
def subject_of(name: str) -> Subject:
    whole = card.load(name)
    few = {side: getattr(whole, side) for side in ("training", "held_out")}
    return replace(whole, **{side: Samples(one.stored[:80], one.labels[:80], one.preparation) for side, one in few.items()})


def recipe_of(amount: float = 0.9, name: str = "digits_mlp", **course) -> Recipe:
    return Recipe(subject=name, amount=amount, course=replace(COURSE, **course))


def run(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> tuple[list, dict, Memory]:
    """The moments, (state, mask) that each training started from, and the memory at the end."""
    started, memory = {}, Memory()

    def noting(trial, memory):
        stage = trial.stage
        state = {name: one.clone() for name, one in stage.network.state_dict().items()}
        started[stage.name] = (state, stage.held.kept())
        yield from trials.attempt(trial, memory)

    monkeypatch.setattr(initial, "attempt", noting)
    return list(initial.run(subject_of(recipe.subject), recipe, memory)), started, memory


@pytest.mark.parametrize("method", initial.methods())
def test_every_method_takes_what_was_asked_and_trains_the_rest(method, monkeypatch):
    recipe = recipe_of(method=method)
    subject = subject_of("digits_mlp")
    moments, started, memory = run(recipe, monkeypatch)
    chosen = [moment for moment in moments if moment.stage == "choose"]
    assert len(chosen) == (10 if method == "synflow" else 1)
    assert chosen[-1].arrays["kept"].sum() == subject.weights - round(0.9 * subject.weights)
    assert moments[-1].step == moments[-1].of == (12 if method == "trained" else 6)
    _, kept = labs.concluded(memory.tensors())
    assert [int(kept[layer.name].sum()) for layer in subject.layers] == moments[-1].arrays["kept"].tolist()
    state, held = started["pruned"]
    if method != "trained":
        origin = private.fresh(subject, trials.lot(0, "start")).state_dict()
        assert all(torch.equal(state[name], origin[name].masked_fill(~stays, 0)) for name, stays in held.items())


def test_the_reference_prunes_by_magnitude_after_a_training_and_goes_on_from_there(monkeypatch):
    subject = subject_of("digits_mlp")
    moments, started, _ = run(recipe_of(method="trained", control="shuffled"), monkeypatch)
    assert list(dict.fromkeys(moment.stage for moment in moments)) == ["dense", "choose", "pruned", "shuffled"]
    state, held = started["pruned"]
    magnitudes = torch.cat([state[name][stays].abs() for name, stays in held.items()])
    network = private.fresh(subject, trials.lot(0, "start"))
    stage = trials.Stage("again", network, subject.training, COURSE, 6, trials.lot(0, "order dense"))
    list(trials.train(stage))
    kept = cutting.stays(private.around(subject, network), replace(recipe_of(), criterion="magnitude"), 0.9)
    assert all(np.array_equal(kept[name], stays.numpy()) for name, stays in held.items())
    removed = torch.cat([network.get_parameter(name).detach()[~stays].abs() for name, stays in held.items()])
    assert magnitudes.min() >= removed.max()
    shuffled, places = started["shuffled"]
    trained = network.state_dict()
    assert all(torch.equal(shuffled[name], trained[name].masked_fill(~stays, 0)) for name, stays in places.items())


def test_controls_change_just_what_they_say(monkeypatch):
    _, started, _ = run(recipe_of(name="digits_cnn", control="shuffled,reinit"), monkeypatch)
    assert list(started) == ["pruned", "shuffled", "reinit"]
    (state, kept), (shuffled, elsewhere), (reinit, same) = started.values()
    for name, stays in kept.items():
        assert torch.equal(same[name], stays) and int(elsewhere[name].sum()) == int(stays.sum())
    assert any(not torch.equal(elsewhere[name], stays) for name, stays in kept.items())
    both = {name: kept[name] & elsewhere[name] for name in kept}
    assert all(torch.equal(state[name][one], shuffled[name][one]) for name, one in both.items())
    assert any((state[name][stays] != reinit[name][stays]).any() for name, stays in kept.items())


def test_a_layer_with_nothing_left_is_told(monkeypatch):
    """20 of 50,200 weights: magnitudes of fresh weights are smallest where a layer has most inputs, so fc2 goes first."""
    moments, _, _ = run(recipe_of(1 - 20 / 50_200, method="magnitude", steps=1), monkeypatch)
    last = moments[-1]
    assert last.arrays["kept"].sum() == 20 and last.arrays["kept"][1] == 0
    assert last.values["collapsed"] == (last.arrays["kept"] == 0).sum() >= 1
    moments, _, _ = run(recipe_of(0.5, method="magnitude", steps=1), monkeypatch)
    assert moments[-1].values["collapsed"] == 0


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (recipe_of(method="snap"), "unknown method 'snap'; there are grasp, snip, synflow, magnitude, random, trained"),
        (recipe_of(method=""), "unknown method ''"),
        (recipe_of(control="random"), "unknown control 'random'; there are shuffled, reinit"),
        (recipe_of(steps=0), "0 steps"),
        (replace(recipe_of(), granularity="neuron"), "not neurons"),
        (replace(recipe_of(), calibration="nowhere"), "unknown calibration 'nowhere'"),
    ],
)
def test_what_cannot_be_chosen_is_said(recipe, words):
    with pytest.raises(ValueError, match=words):
        next(initial.run(subject_of("digits_mlp"), recipe, Memory()))

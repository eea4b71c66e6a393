"""The schedule lab: masks only grow, equal ends at equal bills, and what is shown is what is held."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from pruneviz.course import Course
from pruneviz.engine.sources import card
from pruneviz.engine.subject import Samples, Subject
from pruneviz.engine.training import cutting, labs, private, schedules
from pruneviz.engine.training.labs import schedule as lab
from pruneviz.engine.training.memory import Memory
from pruneviz.recipe import Recipe

COURSE = Course(lab="schedule", steps=24, retrain=6, batch=16, every=2, times=6, start=0.1, stop=0.9, rate=1e-3)


@cache
def subject_of(name: str) -> Subject:
    whole = card.load(name)
    few = {side: getattr(whole, side) for side in ("training", "held_out")}
    few = {side: Samples(one.stored[:80], one.labels[:80], one.preparation) for side, one in few.items()}
    return replace(whole, **few)


def run(recipe: Recipe) -> tuple[list, list[dict[str, torch.Tensor]], Memory]:
    """The moments, what stays of each parameter at each of them, and the memory at the end."""
    memory, moments, masks = Memory(), [], []
    for moment in lab.run(subject_of(recipe.subject), recipe, memory):
        moments.append(moment)
        stage = "retrain" if "retrain/step" in memory else "schedule"
        masks.append(memory.under(f"{stage}/held"))
    return moments, masks, memory


@pytest.mark.parametrize("key", list(schedules.shelf()))
def test_a_mask_only_grows_and_ends_where_it_was_asked_to(key):
    """P14: what is kept at a higher sparsity was kept at every lower one."""
    recipe = Recipe(subject="digits_mlp", amount=0.8, course=replace(COURSE, schedule=key))
    moments, masks, memory = run(recipe)
    for earlier, later in zip(masks, masks[1:], strict=False):
        assert all(not (later[name] & ~stays).any() for name, stays in earlier.items())
    sparse = [moment.values["sparsity"] for moment in moments]
    assert sparse == sorted(sparse) and sparse[0] == 0
    weights = subject_of("digits_mlp").weights
    assert round(sparse[-1] * weights) == round(0.8 * weights)
    network, kept = labs.concluded(memory.tensors())
    assert sum(int((~stays).sum()) for stays in kept.values()) == round(0.8 * weights)


def test_every_schedule_costs_the_same_and_ends_at_the_same_sparsity():
    """Only so is cubic against one-shot a fair pair."""
    recipes = [Recipe(subject="digits_mlp", amount=0.7, course=replace(COURSE, schedule=key)) for key in schedules.shelf()]
    assert {lab.planned(subject_of("digits_mlp"), recipe) for recipe in recipes} == {30}
    ends = [run(recipe)[0][-1] for recipe in recipes]
    assert {(end.step, end.values["sparsity"]) for end in ends} == {(30, ends[0].values["sparsity"])}


def test_cuts_are_told_once_with_the_accuracy_before_and_after():
    recipe = Recipe(subject="digits_mlp", amount=0.8, course=replace(COURSE, schedule="linear"))
    moments = run(recipe)[0]
    cuts = np.concatenate([moment.arrays["cuts"] for moment in moments])
    due = schedules.cuts(recipe.course, 0.8)
    assert cuts[:, 0].tolist() == list(due) and cuts[:, 1] == pytest.approx(list(due.values()))
    assert np.abs(cuts[:, 2] - cuts[:, 1]).max() <= 1 / subject_of("digits_mlp").weights
    assert ((cuts[:, 3:] >= 0) & (cuts[:, 3:] <= 1)).all()
    for moment in moments:
        assert all(moment.step - recipe.course.every <= step < moment.step for step in moment.arrays["cuts"][:, 0])


def test_units_go_with_all_that_hangs_on_them_and_stay_gone():
    """Filters of digits_cnn: a filter's BatchNorm rows and whoever reads it go with it, and their shares are told."""
    recipe = Recipe(granularity="filter", amount=0.5, course=replace(COURSE, schedule="linear", times=3))
    moments, masks, memory = run(recipe)
    network, kept = labs.concluded(memory.tensors())
    rows = ~kept["conv2.weight"].flatten(1).any(1)
    assert rows.any() and not network["bn2.weight"][rows].any() and not network["bn2.bias"][rows].any()
    assert not network["conv3.weight"][:, rows].any()
    for earlier, later in zip(masks, masks[1:], strict=False):
        assert all(not (later[name] & ~stays).any() for name, stays in earlier.items())
    layers = [layer.name for layer in subject_of("digits_cnn").layers]
    assert moments[-1].arrays["alive"] == pytest.approx([float(kept[name].double().mean()) for name in layers])


@pytest.mark.parametrize("criterion", ["gradient", "random"])
def test_another_criterion_cuts_too_and_statistics_of_batches_stay_as_training_left_them(criterion):
    recipe = Recipe(criterion=criterion, amount=0.6, course=replace(COURSE, steps=6, retrain=0, every=6, times=2))
    moments = run(recipe)[0]
    assert moments[-1].step == 6 and moments[-1].values["sparsity"] == pytest.approx(0.6, abs=1e-4)
    network = private.trained(subject_of("digits_cnn")).train()
    before = {name: one.clone() for name, one in network.named_buffers()}
    with private.measuring(network):
        assert not any(module.training for module in network.modules())
        cutting.stays(private.around(subject_of("digits_cnn"), network), recipe, 0.6)
    assert all(module.training for module in network.modules())
    assert all(torch.equal(one, before[name]) for name, one in network.named_buffers())


def test_from_scratch_starts_at_chance():
    recipe = Recipe(subject="digits_mlp", amount=0.5, course=replace(COURSE, method="scratch", schedule="cubic"))
    trained = replace(recipe, course=replace(recipe.course, method="trained"))
    subject = subject_of("digits_mlp")
    first, other = (next(lab.run(subject, one, Memory())).values["accuracy"] for one in (recipe, trained))
    assert first < 0.4 and other > 0.9


@pytest.mark.parametrize(
    "change, words",
    [
        ({"method": "warm"}, "unknown method 'warm'; there are trained, scratch"),
        ({"steps": 0}, "give steps of 1 or more"),
        ({"penalty": "l0"}, "unknown penalty 'l0'"),
        ({"schedule": "square"}, "unknown schedule 'square'"),
    ],
)
def test_what_cannot_be_run_is_said(change, words):
    recipe = Recipe(subject="digits_mlp", course=replace(COURSE, **change))
    with pytest.raises(ValueError, match=words):
        list(lab.run(subject_of("digits_mlp"), recipe, Memory()))


def test_a_pattern_goes_at_once_or_is_refused():
    """2:4 removes half of the weights of each four: there is no way to it in steps."""
    recipe = Recipe(subject="digits_mlp", granularity="2:4", scope="layer", amount=0.5, course=COURSE)
    moments = run(recipe)[0]
    assert moments[-1].values["sparsity"] == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ValueError, match="2:4 goes at once, and cubic would cut little by little: choose one-shot"):
        run(replace(recipe, course=replace(COURSE, schedule="cubic")))

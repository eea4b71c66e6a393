"""The regularise lab: the histogram counts every weight, the curves are complete, and a strong penalty shrinks weights."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pruneviz.engine.sources import card
from pruneviz.engine.subject import Samples, Subject
from pruneviz.engine.training import labs
from pruneviz.engine.training.labs import regularise as lab
from pruneviz.engine.training.memory import Memory
from pruneviz.recipe import Recipe

COURSE = replace(lab.default.course, steps=20, retrain=2, batch=16, every=10)


@cache
def subject() -> Subject:
    whole = card.load("digits_mlp")
    few = {side: getattr(whole, side) for side in ("training", "held_out")}
    return replace(whole, **{side: Samples(one.stored[:80], one.labels[:80], one.preparation) for side, one in few.items()})


def run(recipe: Recipe) -> tuple[list, Memory]:
    memory = Memory()
    return list(lab.run(subject(), recipe, memory)), memory


def test_the_histogram_counts_every_weight_at_every_moment_of_training():
    moments = [moment for moment in run(replace(lab.default, course=COURSE))[0] if moment.stage in ("start", "train")]
    assert len(moments) == 3
    for moment in moments:
        assert moment.arrays["histogram"].sum() == subject().weights
        assert len(moment.arrays["edges"]) == lab.BINS + 1
        assert np.array_equal(moment.arrays["edges"], moments[0].arrays["edges"])
    assert not np.array_equal(moments[0].arrays["histogram"], moments[-1].arrays["histogram"])


def test_curves_are_there_before_retraining_and_grow_with_it():
    recipe = replace(lab.default, amount=0.42, course=COURSE)
    moments, memory = run(recipe)
    amounts = lab.amounts(recipe)
    assert 0.42 in amounts and lab.planned(subject(), recipe) == 20 + 2 * len(amounts)
    curves = [moment.arrays for moment in moments if "before" in moment.arrays]
    assert np.isnan(curves[0]["after"]).all() and np.isfinite(curves[0]["before"]).all()
    for at, one in enumerate(curves[1:]):
        assert np.isfinite(one["after"]).tolist() == [place <= at for place in range(len(amounts))]
        assert np.array_equal(one["before"], curves[0]["before"])
    trained = next(moment for moment in moments if moment.step == 20)
    assert curves[0]["before"][0] == trained.values["accuracy"], "at 0 nothing is pruned"
    network, kept = labs.concluded(memory.tensors())
    gone = sum(int((~stays).sum()) for stays in kept.values())
    assert gone == round(0.42 * subject().weights)


def test_without_retraining_the_curve_ends_the_run():
    moments, memory = run(replace(lab.default, course=replace(COURSE, retrain=0)))
    assert moments[-1].step == 20 and np.isfinite(moments[-1].arrays["before"]).all()
    assert labs.concluded(memory.tensors())[1]


def test_a_strong_penalty_leaves_smaller_weights():
    """L1 at 0.02 takes up to rate × strength off each weight at each of 20 steps: the middle of the histogram fills."""
    middles = {}
    for penalty, strength in (("none", 0.0), ("l1", 0.02)):
        course = replace(COURSE, penalty=penalty, strength=strength, retrain=0)
        moments = run(replace(lab.default, course=course))[0]
        counts = moments[-1].arrays["histogram"]
        middles[penalty] = counts[lab.BINS // 2 - 1 : lab.BINS // 2 + 2].sum()
        assert ("penalty" in moments[-1].values) == (penalty != "none")
    assert middles["l1"] > 2 * middles["none"]


def test_slimming_shrinks_the_scales_that_it_pulls_on():
    whole = card.load("digits_cnn")
    few = {side: getattr(whole, side) for side in ("training", "held_out")}
    cnn = replace(whole, **{side: Samples(one.stored[:80], one.labels[:80], one.preparation) for side, one in few.items()})
    course = replace(COURSE, penalty="slimming", strength=0.1, retrain=0)
    recipe = Recipe(criterion="bn_scale", granularity="filter", amount=0.3, course=course)
    memory = Memory()
    moments = list(lab.run(cnn, recipe, memory))
    assert moments[-1].values["penalty"] < 0.8 * moments[0].values["penalty"]
    network, kept = labs.concluded(memory.tensors())
    rows = ~kept["conv1.weight"].flatten(1).any(1)
    assert not network["bn1.weight"][rows].any()


def test_a_penalty_that_a_network_has_nothing_for_is_said():
    with pytest.raises(ValueError, match="has no BatchNorm"):
        run(replace(lab.default, course=replace(COURSE, penalty="slimming")))


def test_a_pattern_is_refused():
    with pytest.raises(ValueError, match="2:4 has one sparsity"):
        run(replace(lab.default, granularity="2:4", scope="layer", amount=0.5, course=COURSE))

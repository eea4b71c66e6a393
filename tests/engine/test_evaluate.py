"""From a Recipe to a Report: counts add up, comparisons are paired, refusals are one sentence."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sweep import sweep
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject
from tests.engine.networks import Residual, images, randomised

SUBJECT = tiny_subject(randomised(Residual()), *images())
LAYERS = [layer.name for layer in SUBJECT.layers]
SCOPES = ("global", "layer", "std", "erk", "lamp")


def run(subject, recipe):
    standing = evaluate.stand(subject, recipe)
    return evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured)), standing


@settings(max_examples=40)
@given(
    amount=st.floats(0, 1),
    scope=st.sampled_from(SCOPES),
    criterion=st.sampled_from(["magnitude", "random", "gradient", "obd"]),
    own=st.dictionaries(st.sampled_from(LAYERS), st.floats(0, 1), max_size=2),
)
def test_layers_add_up_to_the_whole(amount, scope, criterion, own):
    recipe = Recipe(criterion=criterion, scope=scope, amount=amount, overrides=tuple(sorted(own.items())))
    report, standing = run(SUBJECT, recipe)
    free = sum(layer.size for layer in SUBJECT.layers if layer.name not in own)
    asked = round(amount * free) + sum(round(own[layer.name] * layer.size) for layer in SUBJECT.layers if layer.name in own)
    assert report.removed == asked == report.weights - sum(layer.kept for layer in report.layers)
    assert report.score.correct == report.score.dense_correct - report.score.newly_wrong + report.score.newly_right
    assert report.score.interval[0] <= report.score.value <= report.score.interval[1]
    assert 0 <= report.energy_removed <= 1 and report.zeros >= report.sparsity - 1e-12
    assert report.mask_sha256 == standing.ranking.keep(amount, own).sha256()
    assert (report.threshold is None) == (scope != "global" or round(amount * free) == 0)
    assert pickle.loads(pickle.dumps(report)) == report


@pytest.mark.parametrize("scope", SCOPES)
def test_a_sweep_says_what_the_masks_say(scope):
    recipe = Recipe(scope=scope, overrides=((LAYERS[1], 0.25),))
    standing = evaluate.stand(SUBJECT, recipe)
    found = sweep(SUBJECT, recipe, standing)
    flat = np.concatenate([tensor.reshape(-1).numpy() for tensor in SUBJECT.tensors()]).astype(np.float64)
    for percent in (0, 1, 37, 50, 99, 100):
        mask = standing.ranking.keep(percent / 100, recipe.own_amounts())
        assert found.removed[percent] == mask.removed == found.gone[percent].sum()
        assert found.kept[percent].tolist() == [int(part.sum()) for part in mask.layers().values()]
        assert found.energy[percent] == pytest.approx((flat[~mask.flat] ** 2).sum() / (flat**2).sum())
    assert (np.diff(found.gone, axis=0) >= 0).all() and found.total.sum() == flat.size


def test_one_layers_sweep_has_its_own_threshold():
    name = LAYERS[1]
    recipe = Recipe(scope="layer", spared=tuple(one for one in LAYERS if one != name))
    standing = evaluate.stand(SUBJECT, recipe)
    found = sweep(SUBJECT, recipe, standing, only=name, absolute=True)
    sizes = np.sort(np.abs(SUBJECT.tensors()[1].reshape(-1).numpy()))
    assert found.total.sum() == sizes.size and found.edges[0] == 0
    assert found.threshold[40] == pytest.approx(sizes[round(0.4 * sizes.size) - 1])


def test_a_curve_is_its_points():
    recipe = Recipe()
    standing = evaluate.stand(SUBJECT, recipe)
    workspace = Workspace(SUBJECT, standing.split.measured)
    curve = evaluate.curve(SUBJECT, recipe, standing, workspace, [0.0, 0.5, 1.0])
    for point in curve.points:
        report, _ = run(SUBJECT, Recipe(amount=point.amount))
        assert (point.correct, point.newly_wrong, point.sparsity) == (
            report.score.correct,
            report.score.newly_wrong,
            report.sparsity,
        )
        assert point.half[0] <= point.correct and point.half[1] == 12
    assert curve.chance == pytest.approx(1 / 3)


def test_zeros_that_are_there_already_are_said():
    network = randomised(nn.Sequential(nn.Flatten(), nn.Linear(36, 4), nn.ReLU(), nn.Linear(4, 3)))
    network[1].weight.data.reshape(-1)[:100] = 0
    report, _ = run(tiny_subject(network, *images()), Recipe(amount=0.5))
    assert report.removed == round(0.5 * 156) and report.energy_removed == 0 and report.threshold == 0.0
    assert report.score.newly_wrong == report.score.newly_right == 0
    assert any("zero already" in note for note in report.notes) and report.zeros == pytest.approx(100 / 156)


def test_nan_weights_are_refused_or_removed_first():
    from dataclasses import replace

    network = randomised(nn.Sequential(nn.Flatten(), nn.Linear(36, 3)))
    network[1].weight.data[0, :2] = float("nan")
    network[1].weight.data[1, 0] = float("inf")
    subject = replace(tiny_subject(network, *images()), nonfinite=(("1.weight", 3),))
    with pytest.raises(ValueError, match=r"1\.weight: 3.*--nonfinite remove"):
        evaluate.stand(subject, Recipe())
    report, standing = run(subject, Recipe(amount=3 / 108, nonfinite="remove"))
    gone = np.argwhere(~standing.ranking.keep(3 / 108).layers()["1.weight"]).tolist()
    assert gone == [[0, 0], [0, 1], [1, 0]] and np.isfinite(report.score.loss)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (Recipe(criterion="taylr"), "unknown criterion 'taylr'; there are"),
        (Recipe(scope="galaxy"), "unknown scope 'galaxy'; there are"),
        (Recipe(granularity="atom"), "unknown granularity 'atom'; there are weight"),
        (Recipe(spared=("nowhere",)), "has no layer 'nowhere'; there are"),
        (Recipe(calibration="dreams"), "unknown calibration 'dreams'; there are"),
    ],
)
def test_refusals_are_one_sentence(recipe, said):
    with pytest.raises(ValueError, match=said):
        evaluate.stand(SUBJECT, recipe)


def test_a_network_without_prunable_weights_is_refused():
    empty = tiny_subject(nn.Sequential(nn.Flatten(), nn.ReLU()), *images())
    with pytest.raises(ValueError, match="no weight that can be pruned"):
        evaluate.stand(empty, Recipe())


def test_the_subject_is_never_changed():
    before = {name: tensor.clone() for name, tensor in SUBJECT.network.state_dict().items()}
    for criterion in ("magnitude", "gradient", "obd", "random"):
        run(SUBJECT, Recipe(criterion=criterion, amount=0.6))
    assert all(torch.equal(before[name], tensor) for name, tensor in SUBJECT.network.state_dict().items())
    assert not any(parameter.grad is not None for parameter in SUBJECT.network.parameters())

"""One weight at a time: what is called true is what a forward pass says."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pruneviz.engine import criterion as criteria
from pruneviz.engine.damage import damage
from pruneviz.engine.evidence import gather, scores
from pruneviz.engine.mask import Mask
from pruneviz.engine.ranking import rank
from pruneviz.engine.truth import Probe, deletions, sample, story
from tests.engine.conftest import tiny_subject
from tests.engine.networks import Residual, images, randomised

SUBJECT = tiny_subject(randomised(Residual()), *images())
INPUTS, LABELS = SUBJECT.held_out.inputs(), SUBJECT.held_out.labels


def loss_without(layer: int, index: int) -> float:
    network = copy.deepcopy(SUBJECT.network).double()
    network.get_parameter(SUBJECT.layers[layer].name).data.reshape(-1)[index] = 0
    return float(functional.cross_entropy(network(INPUTS.double()), LABELS))


def test_a_deletion_is_a_forward_pass_without_the_weight():
    found = list(deletions(SUBJECT, INPUTS, LABELS, {}, count=30, seed=0))[-1]
    layer, index = sample(SUBJECT, 30, 0)
    whole = float(functional.cross_entropy(copy.deepcopy(SUBJECT.network).double()(INPUTS.double()), LABELS))
    expected = [loss_without(int(at), int(place)) - whole for at, place in zip(layer, index, strict=True)]
    assert found.true == pytest.approx(expected, abs=1e-12) and len(set(zip(layer, index, strict=True))) == 30


def test_a_perfect_prediction_has_rank_correlation_one():
    layer, index = sample(SUBJECT, 20, 1)
    truth = list(deletions(SUBJECT, INPUTS, LABELS, {}, count=20, seed=1))[-1].true
    parts = [torch.zeros(one.size, dtype=torch.float64) for one in SUBJECT.layers]
    for at, place, value in zip(layer, index, np.abs(truth), strict=True):
        parts[at][place] = value
    flat = {"oracle": parts, "constant": [torch.ones(one.size) for one in SUBJECT.layers]}
    found = list(deletions(SUBJECT, INPUTS, LABELS, flat, count=20, seed=1))[-1]
    assert found.spearman["oracle"] == pytest.approx(1.0) and found.spearman["constant"] == 0.0


def test_a_probe_puts_the_weight_back():
    probe = Probe(SUBJECT, INPUTS, LABELS)
    probe.moved(0, 0, 100.0)
    assert probe.moved(0, 0, float(SUBJECT.tensors()[0].reshape(-1)[0])) == pytest.approx(probe.loss, abs=1e-15)


def test_a_story_is_exact_at_the_weight_itself():
    gathered = gather(SUBJECT, ("gradient", "absolute_gradient", "hessian_diagonal"), INPUTS, LABELS, seed=0)
    told = story(SUBJECT, INPUTS, LABELS, gathered, layer=2, index=5, ranks={}, scores={})
    middle = len(told.values) // 2
    assert told.values[middle] == pytest.approx(told.value) and told.losses[middle] == pytest.approx(told.loss)
    assert told.parabola[middle] == pytest.approx(told.loss)
    assert told.true == pytest.approx(loss_without(2, 5) - told.loss, abs=1e-12)
    step = told.values[1] - told.values[0]
    near = told.losses[middle - 1 : middle + 2]
    assert (near[2] - near[0]) / (2 * step) == pytest.approx(told.gradient, abs=0.1)


def test_damage_is_zero_for_a_full_mask_and_one_for_an_empty_one():
    names, shapes = tuple(one.name for one in SUBJECT.layers), tuple(one.shape for one in SUBJECT.layers)
    full = Mask(np.ones(SUBJECT.weights, bool), names, shapes)
    none = Mask(np.zeros(SUBJECT.weights, bool), names, shapes)
    assert [(row.energy_removed, row.output_change) for row in damage(SUBJECT, full, INPUTS)] == [(0.0, 0.0)] * 3
    rows = damage(SUBJECT, none, INPUTS)
    assert [row.energy_removed for row in rows] == [1.0] * 3
    assert rows[0].output_change == pytest.approx(1.0)  # conv1 has no bias: without weights nothing is left of its output


def test_damage_of_one_layer_is_the_relative_error_of_its_output():
    ranking = rank(SUBJECT.layers, SUBJECT.tensors())
    mask = ranking.keep(0.5)
    weight, kept = SUBJECT.tensors()[0], torch.tensor(mask.layers()["conv1.weight"])
    before = functional.conv2d(INPUTS, weight, padding=1)
    after = functional.conv2d(INPUTS, weight * kept, padding=1)
    expected = float((after - before).norm() / before.norm())
    assert damage(SUBJECT, mask, INPUTS)[0].output_change == pytest.approx(expected, rel=1e-5)


def test_scores_line_up_with_layers():
    for one in (one for one in criteria.shelf().values() if not one.units):
        found, _ = scores(SUBJECT, one, INPUTS, LABELS, seed=0)
        assert [tuple(part.shape) for part in found] == [one.shape for one in SUBJECT.layers]


def test_attention_projections_answer_for_themselves():
    """in_proj and out_proj of nn.MultiheadAttention: each measured with only its own weights masked."""
    network = Attending()
    subject = tiny_subject(
        randomised(network), torch.randn(8, 5, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3
    )
    names = [layer.name for layer in subject.layers]
    masks = {name: np.ones(layer.size, bool) for name, layer in zip(names, subject.layers, strict=True)}
    masks["attention.out_proj.weight"][:] = False
    flat = np.concatenate([masks[name] for name in names])
    mask = Mask(flat, tuple(names), tuple(layer.shape for layer in subject.layers))
    rows = {row.name: row.output_change for row in damage(subject, mask, subject.held_out.inputs())}
    assert rows["attention.in_proj_weight"] == 0.0 and rows["attention.out_proj.weight"] > 0.1 and rows["fc.weight"] == 0.0


class Attending(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.fc = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(self.attention(x, x, x, need_weights=False)[0].mean(1))

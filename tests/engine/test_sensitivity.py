"""Every cell of the map is what PyTorch's own pruning of that layer alone gives, and nothing else."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn.utils import prune

from pruneviz.engine import evaluate, sensitivity
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from pruneviz.sensitivity import FIXED


@pytest.fixture(scope="module")
def subject():
    return card.load("digits_mlp")


def maps(subject, recipe, stop=lambda: False):
    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured)
    return [one for one in sensitivity.sensitivity(subject, recipe, standing, workspace, stop) if one is not None]


def test_a_cell_is_that_layer_pruned_alone(subject):
    before = {name: tensor.clone() for name, tensor in subject.network.state_dict().items()}
    found = maps(subject, Recipe(subject=subject.name))[-1]
    assert found.complete and found.n == len(subject.held_out) == 500 and len(found.rows) == 3
    for row in found.rows:
        for cell in row.cells:
            network = copy.deepcopy(subject.network)
            module, name = row.name.rsplit(".", 1)
            prune.l1_unstructured(network.get_submodule(module), name, amount=cell.removed)
            with torch.no_grad():
                right = network(subject.held_out.inputs()).argmax(1) == subject.held_out.labels
            assert cell.value == int(right.sum()) / 500 and cell.removed == round(cell.amount * row.size)
            assert round(500 * (cell.dense - cell.value)) == cell.newly_wrong - cell.newly_right
    assert all(torch.equal(tensor, before[name]) for name, tensor in subject.network.state_dict().items())


def test_coarse_amounts_of_all_layers_come_first_and_whoever_stops_keeps_them(subject):
    found = maps(subject, Recipe(subject=subject.name))
    first = next(one for one in found if all(row.cells for row in one.rows))
    assert [tuple(cell.amount for cell in row.cells) for row in first.rows] == [sensitivity.COARSE] * 3
    assert [one.measured for one in found] == sorted(one.measured for one in found)
    asked = iter([False] * 12)
    kept = maps(subject, Recipe(subject=subject.name), lambda: next(asked, True))
    assert kept and not kept[-1].complete


def test_units_that_are_coupled_share_a_row_and_those_that_cannot_go_say_why():
    subject = card.load("digits_resnet")
    filters = Recipe(subject=subject.name, granularity="filter")
    rows = list(sensitivity.rows(subject, filters, evaluate.stand(subject, filters)))
    assert any(row.others for row in rows) and not any(row.reason for row in rows)
    spared = replace(filters, spared=(rows[1].name,))
    kept = list(sensitivity.rows(subject, spared, evaluate.stand(subject, spared)))
    assert [row.reason for row in kept if row.reason] == ["you keep it whole"]
    layers = Recipe(subject=subject.name, granularity="layer")
    found = maps(subject, layers)[-1]
    stuck = [row for row in found.rows if found.state(row) == FIXED]
    assert stuck and all(row.reason and not row.cells for row in stuck)


def test_units_of_one_group_alone_leave_all_others_whole():
    """Half of a hidden layer's neurons gone alone: as the mask of an engine's Report with that group's amount says."""
    subject = card.load("digits_mlp")
    recipe = Recipe(subject=subject.name, granularity="neuron", amount=0.0)
    found = maps(subject, recipe)[-1]
    row = found.rows[0]
    cell = next(cell for cell in row.cells if cell.amount == 0.5)
    alone = replace(recipe, overrides=((row.name, 0.5),), spared=tuple(one.name for one in found.rows[1:]))
    standing = evaluate.stand(subject, alone)
    report = evaluate.evaluate(subject, alone, standing, Workspace(subject, standing.split.measured))
    assert (cell.value, cell.removed) == (report.score.value, report.units_removed)
    assert (cell.newly_wrong, cell.newly_right) == (report.score.newly_wrong, report.score.newly_right)


def test_a_pattern_has_no_map(subject):
    with pytest.raises(ValueError, match="one choice, not a scale"):
        maps(subject, Recipe(subject=subject.name, granularity="2:4", amount=0.5))

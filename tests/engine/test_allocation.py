"""The search keeps what it promises: its budget, its halves, its spared layers, and never worse than where it began."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.allocation import applied
from pruneviz.engine import allocation, clock, evaluate, starts
from pruneviz.engine.allocation import Effort, allowed
from pruneviz.engine.budget import Budget
from pruneviz.engine.halves import error
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe

RECIPE = Recipe(subject="digits_mlp", scope="layer")
FEW = Effort(evaluations=60)


@pytest.fixture(scope="module")
def subject():
    return card.load("digits_mlp")


@pytest.fixture(scope="module")
def found(subject):
    return solved(subject, RECIPE)


def solved(subject, recipe, effort=FEW):
    *_, last = allocation.solve(subject, recipe, evaluate.stand(subject, recipe), effort)
    return last


def halves(subject, recipe):
    split = evaluate.stand(subject, recipe).split
    return split.measured[split.choosing], split.measured[~split.choosing]


def measured(subject, recipe, where):
    return Workspace(subject, where).masked(evaluate.mask(recipe, evaluate.stand(subject, recipe)))


def test_the_answer_is_a_recipe_that_measures_what_was_said_on_both_halves(subject, found):
    after = applied(RECIPE, found)
    assert found.complete and [name for name, _ in after.overrides] == sorted(layer.name for layer in subject.layers)
    for half, where in zip((found.best.choosing, found.best.reporting), halves(subject, RECIPE), strict=True):
        here = measured(subject, after, where)
        assert (half.n, half.correct, half.loss) == (250, int(here.correct.sum()), pytest.approx(here.loss, rel=1e-6))
    removed = evaluate.mask(after, evaluate.stand(subject, after)).removed
    assert found.whole - found.best.left == removed > 0.5 * subject.weights


def test_it_keeps_what_was_asked_for_on_the_half_that_chose_by_a_standard_error(subject, found):
    choosing = halves(subject, RECIPE)[0]
    here, dense = measured(subject, applied(RECIPE, found), choosing), Workspace(subject, choosing).dense()
    assert found.dense.choosing.value == dense.value and found.allowed == allowed(dense.value, 0.02, higher=True)
    assert here.value - error(here, dense) >= found.allowed


def test_no_start_is_better_at_the_same_budget_on_the_half_that_chose(subject, found):
    standing = evaluate.stand(subject, RECIPE)
    budget, workspace = Budget(subject, RECIPE, standing, "parameters"), Workspace(subject, halves(subject, RECIPE)[0])
    dense = workspace.dense()
    for name, start in starts.offered(subject, budget).items():
        counts = start(found.best.left)
        here = workspace.amount(standing.ranking, 0.0, *budget.asked(counts))
        keeps = here.value - error(here, dense) >= found.allowed
        assert not keeps or here.loss >= found.best.choosing.loss, name


def test_peers_have_as_many_weights_left_and_are_what_their_scope_gives(subject, found):
    for peer in found.peers:
        recipe = replace(RECIPE, scope=peer.scope, amount=peer.amount)
        here = measured(subject, recipe, halves(subject, RECIPE)[1])
        mine = measured(subject, applied(RECIPE, found), halves(subject, RECIPE)[1])
        assert peer.left == found.best.left and peer.reporting.correct == int(here.correct.sum())
        assert peer.gains == int((here.correct & ~mine.correct).sum())
        assert peer.losses == int((~here.correct & mine.correct).sum())
    assert [peer.name for peer in found.peers] == ["uniform", "global"]


def test_nobody_looks_at_the_half_that_reports_before_the_end(subject, found):
    """With other labels there, the amounts are the same."""
    reporting = halves(subject, RECIPE)[1]
    labels = subject.held_out.labels.clone()
    labels[reporting] = (labels[reporting] + 1) % 10
    other = replace(subject, held_out=replace(subject.held_out, labels=labels))
    again = solved(other, RECIPE)
    assert again.best.amounts == found.best.amounts and again.best.choosing == found.best.choosing
    assert again.best.reporting.correct < found.best.reporting.correct


def test_it_is_repeatable_and_the_subject_is_as_before(subject, found):
    before = {name: tensor.clone() for name, tensor in subject.network.state_dict().items()}
    assert solved(subject, RECIPE) == found
    assert all(torch.equal(tensor, before[name]) for name, tensor in subject.network.state_dict().items())


def test_spared_layers_stay_and_tolerance_has_two_ends(subject):
    recipe = replace(RECIPE, spared=("fc3.weight",), tolerance=0.0, budget="macs")
    strict = solved(subject, recipe, Effort(evaluations=25))
    assert "fc3.weight" not in dict(strict.best.amounts)
    assert strict.best.choosing.value >= strict.dense.choosing.value
    layers = dict(zip([one.name for one in subject.layers], _kept(subject, applied(recipe, strict)), strict=True))
    assert layers["fc3.weight"] == 1.0 and min(layers.values()) < 1.0
    loose = solved(subject, replace(RECIPE, tolerance=1.0), Effort(evaluations=25))
    assert set(dict(loose.best.amounts).values()) == {1.0} and loose.complete


def _kept(subject, recipe):
    masks = evaluate.mask(recipe, evaluate.stand(subject, recipe)).layers()
    return [float(part.mean()) for part in masks.values()]


def test_one_layer_has_nobody_to_trade_with(tiny_subject):
    """Four inputs, the class is the largest of the first two: the weights of the other two can go, 4 of 8."""
    source = torch.Generator().manual_seed(0)
    inputs = torch.rand(200, 4, generator=source)
    network = nn.Linear(4, 2, bias=False).requires_grad_(False)
    network.weight.copy_(torch.tensor([[4.0, 0.0, 0.01, 0.02], [0.0, 4.0, 0.03, 0.04]]))
    subject = tiny_subject(network, inputs, inputs[:, :2].argmax(1))
    found = solved(subject, Recipe(subject="tiny", tolerance=0.0))
    assert found.complete and len(found.layers) == 1 and found.best.left == 2
    assert found.best.reporting.correct == 100


def test_neurons_are_timed_where_milliseconds_are_asked_for(subject, monkeypatch):
    monkeypatch.setattr(clock, "BRIEF", 0.01)
    monkeypatch.setattr(clock, "HALVINGS", 2)
    recipe = replace(RECIPE, granularity="neuron", budget="ms")
    found = solved(subject, recipe, Effort(evaluations=25))
    settings = (found.dense, found.best, *found.peers)
    assert found.complete and not found.note and all(0 < one.milliseconds[0] <= one.milliseconds[2] for one in settings)
    assert 0 < found.saved < 1


@pytest.mark.parametrize(("recipe", "word"), [
    (Recipe(granularity="2:4", amount=0.5), "same share"), (Recipe(budget="ms"), "save no time"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_in_a_sentence(subject, recipe, word):
    recipe = replace(recipe, subject=subject.name)
    with pytest.raises(ValueError, match=word):
        next(allocation.solve(subject, recipe, evaluate.stand(subject, recipe)))


def test_whoever_stops_keeps_the_best_so_far(subject):
    asked = iter([False] * 60)
    standing = evaluate.stand(subject, RECIPE)
    seen = [one for one in allocation.solve(subject, RECIPE, standing, FEW, lambda: next(asked, True)) if one]
    assert seen and not seen[-1].complete and not seen[-1].peers and seen[-1].best.reporting is None
    saved = [one.saved for one in seen]
    assert saved == sorted(saved)


def test_one_sample_cannot_be_halved(tiny_subject):
    samples = torch.eye(2)[:1]
    subject = tiny_subject(nn.Linear(2, 2).requires_grad_(False), samples, torch.zeros(1, dtype=torch.int64))
    with pytest.raises(ValueError, match="one half to choose"):
        solved(subject, Recipe(subject="tiny"))


def test_a_standard_error_is_that_of_what_changed(subject):
    """Of a hundred, nine turn wrong and one right: mean −0.08, mean square 0.1, so σ² = 0.1 − 0.0064."""

    class Said:
        def __init__(self, correct):
            self.correct, self.n, self.value = correct, len(correct), correct.mean()

    dense = np.array([True] * 99 + [False])
    after = np.array([False] * 9 + [True] * 91)
    assert error(Said(after), Said(dense)) == pytest.approx((0.1 - 0.0064) ** 0.5 / 10)

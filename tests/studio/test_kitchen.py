"""The kitchen: what the worker process finds is what would be found here, and nobody sees what is not theirs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card as cards
from pruneviz.engine.sweep import sweep as sweep_of
from pruneviz.recipe import Recipe
from pruneviz.studio import admission, curves, house_rules, kitchen, larder, library, models, orders, visitor
from tests.studio import heavy


@pytest.fixture(scope="module")
def subject(path):
    return replace(cards.load(path), name=path)


def test_samples_are_light_and_a_model_is_heavy_where_its_measurement_takes_long(path, monkeypatch):
    monkeypatch.setenv(orders.SETTING, "0")
    assert not kitchen.heavy("digits_cnn") and kitchen.heavy(path)
    assert 0 < kitchen.pace(path) < 30
    monkeypatch.setenv(orders.SETTING, "3600")
    assert not kitchen.heavy(path)
    monkeypatch.setattr(models, "MANY", 10)
    assert kitchen.heavy(path)  # so many weights would be sorted and counted


@pytest.mark.parametrize("choice", [{}, {"criterion": "gradient"}, {"granularity": "neuron", "scope": "layer"}])
def test_the_worker_reports_what_would_be_measured_here(weighed, subject, choice):
    recipe = Recipe(subject=weighed, amount=0.6, **choice)
    standing = evaluate.stand(subject, recipe)
    here = evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured))
    kitchen.report(recipe)
    there = orders.finished(kitchen.job_part(recipe), "measure")
    assert there.mask_sha256 == here.mask_sha256 and there.score == here.score and there.layers == here.layers
    assert kitchen.report(recipe) is there and kitchen.first_report(recipe) is there
    assert kitchen.trouble(recipe) is None


def test_scores_of_the_worker_rank_as_scores_found_here(weighed, subject):
    recipe = Recipe(subject=weighed, criterion="gradient")
    here, there = evaluate.stand(subject, recipe), kitchen.standing_of(recipe)
    assert all(one.equal(other) for one, other in zip(here.scores, there.scores, strict=True))
    assert np.array_equal(here.ranking.keep(0.7).flat, there.ranking.keep(0.7).flat) and there.seconds > 0
    pooled = replace(recipe, granularity="neuron")
    here, there = evaluate.stand(subject, pooled), kitchen.standing_of(pooled)
    assert np.array_equal(here.ranking.scores, there.ranking.scores)


def test_leaving_out_unit_by_unit_is_asked_of_the_worker_and_heard_of(weighed, subject):
    recipe, heard = Recipe(subject=weighed, granularity="neuron", criterion="leave_one_out"), []
    assert not kitchen.known(recipe)
    there = kitchen.standing_of(recipe, lambda done, of: heard.append((done, of)))
    # Another process may sum in another order: the last digits differ.
    assert np.allclose(there.ranking.scores, evaluate.stand(subject, recipe).ranking.scores, rtol=1e-3, atol=1e-6)
    assert kitchen.known(recipe) and (not heard or heard[-1][0] <= heard[-1][1])


def test_what_goes_at_each_percent_is_what_would_be_counted_here(weighed, subject):
    recipe = Recipe(subject=weighed)
    here, there = sweep_of(subject, recipe, evaluate.stand(subject, recipe)), curves.sweep(recipe)
    assert np.array_equal(here.removed, there.removed) and np.array_equal(here.gone, there.gone)
    assert np.array_equal(here.energy, there.energy)
    name = subject.layers[0].name
    one = curves.layer_sweep(recipe, name)
    assert one.weights == subject.layers[0].size and one.removed[100] == one.weights
    with pytest.raises(ValueError, match="read-only"):
        there.removed[0] = 1  # it is shared by all visitors


def test_all_that_is_kept_of_a_model_is_given_back(path, monkeypatch):
    with heavy.weighing(monkeypatch, "3600"):
        kitchen.report(Recipe(subject=path))
        kitchen.report(Recipe(subject=path, criterion="gradient"))
        assert larder.held()[path] > 8 * kitchen.subject(path).weights
        models.forget(path)
        assert path not in larder.held()


def test_reports_cannot_be_changed_by_whoever_reads_them():
    report = kitchen.report(Recipe(subject="digits_mlp", granularity="neuron", amount=0.3))
    with pytest.raises(ValueError, match="read-only"):
        report.groups[0].kept[0] = False


OWN = "own:" + 24 * "a"


def test_a_model_that_another_brought_is_not_here(monkeypatch):
    monkeypatch.setattr(library, "folder", lambda reference, owner: "/x" if owner == "her" else None)
    monkeypatch.setattr(visitor, "name", lambda: "him")
    said = kitchen.trouble(Recipe(subject=OWN))
    assert said and "not here" in said and "Bring your own" in said and "own:" not in said
    monkeypatch.setattr(visitor, "name", lambda: "her")
    admission.check(Recipe(subject=OWN))
    with pytest.raises(ValueError, match="not here"):
        admission.place(OWN)  # she may, but it is gone by now


def test_paths_are_opened_on_ones_own_machine_only(path, monkeypatch):
    monkeypatch.setattr(visitor, "own_machine", lambda: False)
    said = kitchen.trouble(Recipe(subject=path))
    assert said and "own machine" in said and path not in said
    monkeypatch.setenv(house_rules.CARDS, path)
    assert kitchen.trouble(Recipe(subject=path)) is None
    monkeypatch.delenv(house_rules.CARDS)
    monkeypatch.setattr(visitor, "own_machine", lambda: True)
    assert kitchen.trouble(Recipe(subject=path)) is None


@pytest.mark.parametrize("name", ["/etc/hostname", "nobody", "own:short", "/tmp/../subject.tomlx", "own:" + 24 * "z"])
def test_what_is_no_model_is_a_sentence(name):
    said = kitchen.trouble(Recipe(subject=name))
    assert said and "\n" not in said


def test_what_goes_is_named_as_the_model_has_it():
    """Heads that share keys and values go by the group; a link may ask for heads of a model that has none."""
    asked = {("reference_lm", "head"): "groups of heads", ("digits_vit", "head"): "attention heads"}
    asked |= {
        ("digits_mlp", "head"): "attention heads",
        ("reference_lm", "weight"): "weights",
        ("digits_cnn", "2:4"): "weights",
    }
    for (name, granularity), said in asked.items():
        assert kitchen.many(Recipe(subject=name, granularity=granularity)) == said
    assert kitchen.kind(Recipe(subject="reference_lm", granularity="head")).one == "group of heads"
    assert kitchen.kind(Recipe(subject="digits_vit", granularity="head")).one == "attention head"

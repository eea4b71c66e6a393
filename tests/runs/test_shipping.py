"""The runs that are shipped are those that would be made here: their keys, and the first moments of one of each lab."""

from __future__ import annotations

import itertools

import pytest
import torch

from pruneviz import shipped_runs
from pruneviz.engine.sources import card
from pruneviz.engine.training import labs
from pruneviz.engine.training.memory import Memory
from pruneviz.runs import shipping
from tests import author_text

FIRST = 3
"""So many moments of a run are made anew."""


OF_THIS_TEXT = [pytest.param(lab, marks=author_text.needed if lab == "oneshot" else ()) for lab in shipping.PLANS]


@pytest.mark.parametrize("lab", OF_THIS_TEXT)
def test_what_is_planned_is_what_is_shipped(lab):
    made, there = {}, {}
    for recipe in shipping.recipes(lab):
        made[recipe] = shipping.origin(card.load(recipe.subject), recipe).key
        there |= {run.recipe: run.key for run in shipped_runs.read(recipe.subject, lab)}
    assert there == made


@pytest.mark.parametrize("lab", shipping.PLANS)
def test_a_shipped_run_begins_as_it_does_here(lab):
    """Where the first measurement is the same to the bit, so is the rest; another processor may round otherwise, and then
    two samples at most are judged otherwise."""
    recipe = next(shipping.recipes(lab))
    shipped = next(run for run in shipped_runs.read(recipe.subject, lab) if run.recipe == recipe)
    threads = torch.get_num_threads()
    torch.set_num_threads(recipe.course.threads)
    try:
        here = [*itertools.islice(labs.find(lab).run(card.load(recipe.subject), recipe, Memory()), FIRST)]
    finally:
        torch.set_num_threads(threads)
    there = {one.step: one.values for one in shipped.moments}
    pairs = [(one.values, there[one.step]) for one in here if one.step in there]
    alike = all(pairs[0][0][name] == value for name, value in pairs[0][1].items())
    for values, kept in pairs:
        assert kept and kept.keys() <= values.keys()
        assert ("accuracy" in kept) == ("accuracy" in values), "only a cut that nobody trained has none"
        assert "accuracy" not in kept or abs(values["accuracy"] - kept["accuracy"]) <= 2.001 / values["n"]
        assert not alike or all(values[name] == value for name, value in kept.items())


def test_arrays_that_no_page_draws_are_dropped_and_some_are_kept_once():
    plan = shipping.PLANS["regularise"]
    assert set(plan.arrays).isdisjoint(plan.once)
    run = shipped_runs.read("digits_mlp", "regularise")[0]
    assert len([*run.arrays("edges")]) == 1 and len([*run.arrays("histogram")]) > 10
    assert {name for one in run.moments for name in one.arrays} == {*plan.arrays, *plan.once}

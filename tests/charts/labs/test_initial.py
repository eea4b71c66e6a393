"""The charts of pruning before training: what its controls cost, and which layers run empty, of runs made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pruneviz.charts.labs import initial
from pruneviz.course import Course
from pruneviz.engine.training.labs import initial as lab
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced


def run(method: str, seed: int, own: float, shuffled: float = 0.0, kept=(30, 20), state: str = "done") -> Traced:
    """Two trainings of ten steps; 1,000 held-out samples; of two layers so many weights are left."""
    recipe = replace(Recipe(amount=0.95, course=Course(lab="initial", method=method, control="shuffled")), seed=seed)
    said = {"n": 1000.0, "sparsity": 0.95, "collapsed": float(sum(one == 0 for one in kept))}
    moments = (
        Moment(0, 20, "choose", said, {"kept": np.array(kept)}),
        Moment(5, 20, initial.OWN, said | {"accuracy": 0.1}),
        Moment(10, 20, initial.OWN, said | {"accuracy": own}),
        Moment(20, 20, initial.SHUFFLED, said | {"accuracy": shuffled}),
    )
    return Traced(recipe, "", state, 20, 20, moments)


GROUPS = {
    "snip": [run("snip", seed, own, own + 0.001, (0, 50)) for seed, own in enumerate((0.80, 0.81, 0.82))],
    "trained": [run("trained", seed, own, own - 0.1) for seed, own in enumerate((0.90, 0.91, 0.92))],
}


def test_every_method_and_lane_of_the_lab_has_words():
    assert {*initial.METHODS} == {*lab.methods()} and {*initial.LANES} == {lab.PRUNED, *lab.CONTROLS}


def test_a_shuffle_that_costs_nothing_is_told_from_one_that_does():
    """A tenth, ± 1.96 √(0.1 · 0.9 / 1000) = 1.9 points; and one of 1,000, which is less than what one can tell."""
    chart = initial.checked(GROUPS)
    assert chart.title == (
        "To shuffle the mask within each layer costs magnitude after training (8.1 to 11.9 points); it makes no difference "
        "that one could tell for SNIP: 3 seeds, 95% intervals."
    )
    own, shuffled, fresh = chart.figure.data
    assert own.x == pytest.approx((91, 81)) and shuffled.x == pytest.approx((81, 81.1)) and not len(fresh.x)
    assert chart.figure.layout.yaxis.ticktext == (initial.METHODS["trained"], initial.METHODS["snip"])
    assert chart.table[1][0] == (initial.METHODS["trained"], initial.LANES["pruned"], "91.0%", "88.5%", "93.5%", 3)
    assert len(chart.table[1]) == 4


def test_a_run_that_goes_on_counts_nowhere_and_one_seed_is_no_claim():
    young = run("snip", 7, 0.1, 0.9, state="running")
    assert initial.checked(GROUPS | {"snip": [*GROUPS["snip"], young]}).title == initial.checked(GROUPS).title
    assert "Nobody has two seeds" in initial.checked({"snip": GROUPS["snip"][:1]}).title
    assert "Nobody has two seeds" in initial.checked({}).title and not initial.checked({}).table[1]


def test_an_empty_layer_is_counted():
    chart = initial.emptied(GROUPS)
    assert chart.title == (
        "With 5% of the weights left, a layer runs empty in 3 of 3 runs of SNIP; in none of magnitude after training."
    )
    assert [one.x for one in chart.figure.data] == [(30, 0), (20, 50)]
    assert chart.table[1][1] == (initial.METHODS["snip"], "0.0", "50.0", "3 of 3", "81.0%")
    assert initial.emptied({"trained": GROUPS["trained"]}).title.endswith("no layer has run empty.")
    assert initial.emptied({}).title.startswith("Nobody has cut so much")

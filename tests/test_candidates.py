"""Candidates: paired sample by sample, a front that a plain loop agrees with, and a tree of what tells them apart."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pruneviz import intervals
from pruneviz.candidates import (
    Candidate,
    apart,
    beside_live,
    cost,
    front,
    layers,
    paired,
    same_samples,
    shared,
    surely,
    tree,
    within_chance,
)  # fmt: skip
from pruneviz.recipe import Recipe
from pruneviz.report import Cost, LayerReport, Report, Score, wilson
from pruneviz.truths import Spread

RIGHT = (True,) * 6 + (False,) * 4


def report(right=RIGHT, left: int = 50, samples: str = "here", **how) -> Report:
    """A Report of ten samples, the first six right, on a model of a hundred weights."""
    n, correct = len(right), sum(right)
    score = Score("accuracy", correct / n, correct, n, wilson(correct, n), 0.1, 0.9, 9, 3, 0, samples=samples,
                  right=np.packbits(np.array(right)).tobytes() if samples else b"")  # fmt: skip
    layer = LayerReport("fc.weight", "fc", (10, 10), 100, left, 0, 0.1)
    found = Report(
        subject="tiny", criterion="magnitude", granularity="weight", scope="global", amount=1 - left / 100, seed=0,
        calibration="none", calibration_n=0, weights=100, removed=100 - left, zeros=0.0, threshold=None, energy_removed=0.2,
        layers=(layer,), mask_sha256="", subject_sha256="t", score=score, cost=Cost(110, 10 + left, 1000.0, 10.0 * left),
    )  # fmt: skip
    return replace(found, **how)


def candidate(letter: str, *what, **how) -> Candidate:
    return Candidate(letter, Recipe(), report(*what, **how))


def test_two_settings_are_held_against_each_other_sample_by_sample():
    """Of ten samples the second has the first two wrong and the last one right: 6 right against 5, two flips and one."""
    other = (False, False, True, True, True, True, False, False, False, True)
    found = paired(report(other), report())
    assert (found.newly_wrong, found.newly_right, found.n) == (2, 1, 10) and round(found.points, 9) == -10
    back = paired(report(), report(other))
    assert (back.newly_wrong, back.newly_right) == (1, 2)


def sides(both: int, wrong: int, right: int, neither: int) -> tuple[Report, Report]:
    """A setting and the one it is held against, from how many samples were right of both, of one, of neither."""
    before = (True,) * (both + wrong) + (False,) * (right + neither)
    after = (True,) * both + (False,) * wrong + (True,) * right + (False,) * neither
    return report(after), report(before)


@given(*[st.integers(0, 60)] * 4)
def test_a_difference_has_the_interval_of_pairs_and_is_told_only_where_it_leaves_out_none(both, wrong, right, neither):
    if not both + wrong + right + neither:
        return
    now, then = sides(both, wrong, right, neither)
    pair, (low, high) = paired(now, then), intervals.paired(both, wrong, right, neither)
    assert pair.interval == (-100 * high, -100 * low) and pair.interval[0] <= pair.points + 1e-9
    assert pair.points <= pair.interval[1] + 1e-9
    assert surely(now, then) == -surely(then, now) == (high < 0) - (low > 0)
    assert surely(now, then) in (0, np.sign(right - wrong))


def test_seven_samples_of_five_hundred_are_no_certain_difference_and_forty_are():
    """12 wrong and 5 right: an interval that holds 0. 45 and 5: one that does not."""
    assert surely(*sides(470, 12, 5, 13)) == 0 and surely(*sides(440, 45, 5, 10)) == -1
    assert surely(report(samples="there"), report()) == 0


def test_where_single_samples_are_unknown_two_are_told_apart_only_by_intervals_that_do_not_meet():
    def share(low: float, high: float) -> Report:
        found = report(samples="")
        return replace(found, score=replace(found.score, interval=(low, high)))

    assert [surely(share(*ends), share(0.5, 0.7)) for ends in ((0.71, 0.8), (0.6, 0.8), (0.2, 0.49))] == [1, 0, -1]
    lower = [replace(one, score=replace(one.score, correct=None)) for one in (share(1, 2), share(3, 4))]
    assert surely(*lower) == 1  # a perplexity is better where it is lower


def of_many(letter: str, right: int, left: int, n: int = 1000) -> Candidate:
    return Candidate(letter, Recipe(), report((True,) * right + (False,) * (n - right), left))


def test_chance_is_named_where_the_front_rests_on_it():
    """B is the smaller one, and A the better by far: no chance. By 2 of 1,000 it may be. Of equals nothing is claimed."""
    assert within_chance([of_many("A", 900, 80), of_many("B", 700, 20)], "parameters") == []
    near = [of_many("A", 902, 80), of_many("B", 900, 20)]
    assert within_chance(near, "parameters") == [(near[1], near[0])]
    behind = [of_many("A", 902, 20), of_many("B", 900, 80), of_many("C", 600, 80)]
    assert within_chance(behind, "parameters") == [(behind[0], behind[1])]
    assert within_chance([of_many("A", 900, 20), of_many("B", 900, 20)], "parameters") == []


def test_what_was_measured_on_other_samples_is_left_out_and_why_is_said():
    known = [candidate("A"), candidate("B", samples="there"), candidate("live")]
    same, others = beside_live(known)
    assert [one.letter for one in same] == ["A", "live"]
    assert others == ("The pinned setting B is not compared: it was measured on other samples than this setting.",)
    assert beside_live(known[:2]) == ((), ())


def test_other_samples_are_not_compared():
    assert paired(report(samples="there"), report()) is None and not same_samples(report(samples="there"), report())
    assert paired(report(samples=""), report()) is None
    shipped = report(samples="")
    assert same_samples(shipped, report()) and not same_samples(shipped, report(calibration="held-out"))
    assert not same_samples(shipped, report(subject="other"))
    same, others = apart([candidate("A"), candidate("B", samples="there"), candidate("live")])
    assert [one.letter for one in same] == ["A", "live"] and [one.letter for one in others] == ["B"]


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(1, 99)), min_size=1, max_size=7))
def test_the_front_is_what_a_plain_loop_finds(points):
    """Nobody on it is beaten; everybody off it is. Only a beaten candidate may be left out, equals stay together."""
    many = [candidate(str(at), (True,) * right + (False,) * (10 - right), left) for at, (right, left) in enumerate(points)]

    def beats(one, two):
        (right, left), (other_right, other_left) = one, two
        return right >= other_right and left <= other_left and (right, left) != (other_right, other_left)

    wanted = {str(at) for at, two in enumerate(points) if not any(beats(one, two) for one in points)}
    found = front(many, "parameters")
    assert {one.letter for one in found} == wanted
    assert [cost(one, "parameters") for one in found] == sorted(cost(one, "parameters") for one in found)


def test_a_perplexity_is_better_where_it_is_lower():
    score = Score("perplexity", 8.0, None, 10, (7.0, 9.0), 2.0, 6.0, None, 0, 0, samples="here")
    good, bad = (Candidate(letter, Recipe(), replace(report(), score=replace(score, value=value)))
                 for letter, value in (("A", 8.0), ("B", 9.0)))  # fmt: skip
    assert front([good, bad], "parameters") == [good] and paired(good.report, bad.report) is None


def test_costs_are_what_is_left_and_unknown_where_nobody_measured():
    one = candidate("A", left=40)
    assert [cost(one, by) for by in ("parameters", "macs", "weights", "ms")] == [50.0, 400.0, 40.0, None]
    assert cost(replace(one, milliseconds=Spread(1.5, 1.4, 1.7, 9)), "ms") == 1.5
    assert cost(replace(one, report=replace(one.report, cost=None)), "macs") is None
    assert front([one], "ms") == []


def test_only_what_differs_is_a_fork():
    ways = {"A": ("net", "weights", "50%"), "B": ("net", "weights", "80%"), "live": ("net", "filters", "50%")}
    branches = tree(ways)
    said = [(one.depth, one.words, one.letters, one.leaf) for one in branches]
    assert said == [
        (0, "dense", ("A", "B", "live"), False),
        (1, "weights", ("A", "B"), False), (2, "50%", ("A",), True), (2, "80%", ("B",), True),
        (1, "filters", ("live",), False), (2, "50%", ("live",), True),
    ]  # fmt: skip
    assert shared(ways) == ["net"]
    assert [one.parent for one in branches] == [-1, 0, 1, 1, 0, 4]


@given(st.integers(1, 4), st.integers(1, 3))
def test_every_candidate_has_one_leaf_and_a_path_of_its_own_choices(wide, deep):
    ways = {str(at): way for at, way in enumerate(product([f"w{one}" for one in range(wide)], repeat=deep))}
    branches = tree(ways)
    for letter, way in ways.items():
        (leaf,) = [one for one in branches if one.leaf and letter in one.letters] or [None]
        path = []
        while leaf is not None and leaf.parent >= 0:
            path, leaf = [leaf.words, *path], branches[leaf.parent]
        assert tuple(path) == (way if wide > 1 else ())


def test_layers_of_another_model_are_not_compared():
    assert len(layers(report(), report(left=10))) == 1 and layers(report(), report(subject_sha256="u")) == []

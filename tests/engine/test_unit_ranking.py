"""Who goes first among units: exact counts with ties, nesting, the floor, own amounts, and units moved by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.kernels import choose
from pruneviz.engine.quota import Turns, sequence
from pruneviz.engine.scope import shelf
from pruneviz.engine.structure.units import Group, Part, Structure
from pruneviz.engine.subject import Layer
from pruneviz.engine.unit_ranking import NEVER, departures, rank_units

SCOPES = sorted(shelf(units=True))
SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=5)
AMOUNTS = st.one_of(st.floats(0, 1), st.integers(0, 100).map(lambda percent: percent / 100))


def structure(sizes, patterns=()) -> Structure:
    """Groups g0, g1, …, each made by rows of one matrix g{i}.weight."""
    groups = [
        Group(
            f"g{at}",
            f"g{at}",
            "filter",
            size,
            (Part(f"g{at}.weight", 0, "makes", np.arange(size)),),
            pattern=patterns[at] if at < len(patterns) else "",
        )
        for at, size in enumerate(sizes)
    ]
    stuck = Group("stuck", "stuck", "filter", 4, reason="the outputs of the network")
    return Structure("filter", (*groups, stuck))


def layers(sizes) -> list[Layer]:
    return [Layer(f"g{at}.weight", f"g{at}", "Linear", (size, 3)) for at, size in enumerate(sizes)]


def ranked(scores, patterns=(), **how):
    sizes = [len(part) for part in scores]
    return rank_units(structure(sizes, patterns), {f"g{at}": part for at, part in enumerate(scores)}, layers(sizes), **how)


@st.composite
def rankings(draw):
    """Few different scores, so that there are ties; some patterns; any scope and floor."""
    sizes = draw(SIZES)
    scores = [draw(st.lists(st.integers(-2, 3).map(float), min_size=size, max_size=size)) for size in sizes]
    patterns = draw(st.lists(st.sampled_from(["", "wide", "thin"]), min_size=len(sizes), max_size=len(sizes)))
    return ranked(scores, patterns, scope=draw(st.sampled_from(SCOPES)), floor=draw(st.sampled_from([0, 1])))


@given(ranking=rankings(), amount=AMOUNTS)
def test_exactly_k_go_ties_or_not(ranking, amount):
    """K = min(round(a·U), U − floor per group), P12."""
    expected = min(round(amount * ranking.n), ranking.n - ranking.floor * len(ranking.names))
    assert ranking.removals(amount) == expected == ranking.counts(amount).sum()
    kept = ranking.kept(amount)
    assert sum(int((~mine).sum()) for mine in kept.values()) == expected and set(kept) == set(ranking.names)
    if ranking.floor:
        assert all(mine.any() for mine in kept.values())


@given(ranking=rankings(), one=AMOUNTS, other=AMOUNTS)
def test_more_never_revives(ranking, one, other):
    """P14."""
    low, high = sorted((one, other))
    few, many = ranking.kept(low), ranking.kept(high)
    assert all((many[name] <= few[name]).all() for name in ranking.names)


@given(ranking=rankings(), amount=AMOUNTS)
def test_a_unit_is_gone_from_the_amount_on_at_which_it_leaves(ranking, amount):
    kept = np.concatenate(list(ranking.kept(amount).values()))
    assert ((ranking.leaves() <= amount) == ~kept).all()
    assert ((ranking.leaves() <= 1) | (ranking.leaves() == NEVER)).all()


@given(scores=st.lists(st.integers(0, 3).map(float), min_size=1, max_size=20), amount=AMOUNTS)
def test_global_is_a_stable_sort(scores, amount):
    cut = len(scores) // 2
    ranking = ranked([part for part in (scores[:cut], scores[cut:]) if part], floor=0)
    gone = np.argsort(np.array(scores), kind="stable")[: round(amount * len(scores))]
    kept = np.ones(len(scores), dtype=bool)
    kept[gone] = False
    assert np.concatenate(list(ranking.kept(amount).values())).tolist() == kept.tolist()
    assert ranking.threshold(amount) == (scores[gone[-1]] if gone.size else None)


@given(sizes=SIZES, amount=AMOUNTS, seed=st.integers(0, 99))
def test_per_layer_shares_are_within_one_unit(sizes, amount, seed):
    scores = [np.random.default_rng(seed).normal(size=size) for size in sizes]
    ranking = ranked(scores, scope="layer", floor=0)
    counts = ranking.counts(amount)
    assert all(abs(count - amount * size) < 1 + 0.5 / len(sizes) for count, size in zip(counts, sizes, strict=True))
    for mine, score, count in zip(ranking.kept(amount).values(), scores, counts, strict=True):
        assert sorted(score)[:count] == sorted(score[~mine])


def test_only_units_built_alike_compete():
    """Two wide groups with small scores, one thin group with large ones: half of each kind goes, not all of the wide."""
    scores = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [70.0, 80.0]]
    ranking = ranked(scores, ["wide", "wide", "thin"], scope="isomorphic", floor=0)
    assert ranking.counts(0.5).tolist() == [3, 0, 1]
    assert ranked(scores, ["wide", "wide", "thin"], floor=0).counts(0.5).tolist() == [3, 1, 0]
    # A kind whose best units are held passes its turn on: with a floor, 6 − 2 and 2 − 1 are all that can go.
    assert ranked(scores, ["wide", "wide", "thin"], scope="isomorphic").counts(1.0).tolist() == [2, 2, 1]


def test_groups_without_a_pattern_compete_alone():
    assert ranked([[1.0, 2.0], [3.0, 4.0]], scope="isomorphic", floor=0).counts(0.5).tolist() == [1, 1]


@given(sizes=st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_the_sequence_of_turns_is_what_turns_counts(sizes):
    turns, found = Turns(tuple(sizes), choose(False)), sequence(sizes)
    assert len(found) == sum(sizes)
    for k in range(len(found) + 1):
        assert np.bincount(found[:k], minlength=len(sizes)).tolist() == turns.counts(k).tolist()


@given(units=st.integers(0, 300))
def test_departures_are_the_least_amounts(units):
    """To the last bit: at the amount itself round(a·U) has arrived, one float before it has not."""
    for k, amount in enumerate(departures(units), start=1):
        assert round(amount * units) >= k > round(np.nextafter(amount, 0.0) * units)


def test_the_floor_keeps_the_best_of_each_group():
    ranking = ranked([[3.0, 9.0, 9.0], [1.0]])
    assert {name: mine.tolist() for name, mine in ranking.kept(1.0).items()} == {"g0": [False, False, True], "g1": [True]}
    assert (ranking.held(1.0), ranking.held(0.5), ranking.held(0.9)) == (2, 0, 2)
    assert ranked([[3.0, 9.0, 9.0], [1.0]], floor=0).removals(1.0) == 4


def test_units_moved_by_hand_do_not_follow_their_rank():
    """Scores 1 2 3 4, at 50 % the first two go. By hand 3 goes too, 1 stays; nobody takes 1's place."""
    ranking = ranked([[1.0, 2.0, 3.0, 4.0]])
    kept = ranking.kept(0.5, {}, ("g0:2",), ("g0:0",))["g0"].tolist()
    assert kept == [True, False, False, True]
    assert ranking.kept(0.0, {}, ("g0:2",))["g0"].tolist() == [True, True, False, True]
    assert ranking.kept(1.0, {}, (), ("g0:0",))["g0"].tolist() == [True, False, False, True]
    leaves = ranking.leaves({}, ("g0:2",), ("g0:0",))
    assert leaves[2] == 0.0 and leaves[0] == NEVER


def test_the_floor_goes_to_the_next_best_when_the_best_is_removed_by_hand():
    ranking = ranked([[1.0, 2.0, 3.0]])
    assert ranking.kept(1.0, {}, ("g0:2",))["g0"].tolist() == [False, True, False]


def test_a_hand_may_empty_a_group_that_the_rank_may_not():
    for floor in (0, 1):
        ranking = ranked([[1.0, 2.0, 3.0], [4.0]], floor=floor)
        assert ranking.kept(0.0, {}, ("g0:0", "g0:1", "g0:2"))["g0"].tolist() == [False] * 3
        assert ranking.kept(0.0, {}, ("g1:0",))["g1"].tolist() == [False]


@pytest.mark.parametrize("unit", ["g0:3", "g0:-1", "g0:x", "g0", "g7:0", "stuck:0", ":1", ""])
def test_unknown_units_are_refused_in_a_sentence(unit):
    with pytest.raises(ValueError, match="there is no unit .* that can go; there are"):
        ranked([[1.0, 2.0, 3.0]]).kept(0.5, {}, (unit,))


@pytest.mark.parametrize("name", ["g0", "g0.weight"])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_group_can_have_an_amount_of_its_own(name, scope):
    """By its own name or by that of the weight that makes it; the slider is then about the others."""
    ranking = ranked([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]], scope=scope)
    assert ranking.counts(0.25, {name: 0.5}).tolist() == [2, 1]
    assert ranking.counts(1.0, {name: 0.0}).tolist() == [0, 3]
    assert ranking.counts(0.0, {name: 1.0}).tolist() == [3, 0]


def test_names_that_are_nobodys_are_refused_and_those_that_make_no_unit_do_nothing():
    ranking = ranked([[1.0, 2.0]])
    assert ranking.removals(0.5, {"stuck": 0.5}) == 1
    with pytest.raises(ValueError, match="there is no layer 'nowhere'; there are g0, g0.weight, stuck"):
        ranking.kept(0.5, {"nowhere": 0.5})


def test_a_spared_weight_keeps_the_layer_that_holds_it():
    groups = (Group("blocks", "blocks", "layer", 3, blocks=("b.0", "b.1", "b.2")),)
    inside = [Layer(f"b.{at}.weight", "", "Linear", (2, 2)) for at in range(3)]
    ranking = rank_units(Structure("layer", groups), {"blocks": [1.0, 2.0, 3.0]}, inside)
    assert ranking.kept(1.0, {"b.1.weight": 0.0})["blocks"].tolist() == [False, True, True]
    assert ranking.keep(1.0, {"b.1.weight": 0.0}).kept == 8


@given(ranking=rankings())
def test_a_sweep_says_what_each_percent_keeps(ranking):
    stays = ranking.sweep()
    for percent in (0, 1, 33, 50, 99, 100):
        kept = np.concatenate(list(ranking.kept(percent / 100).values()))
        assert ((stays > percent) == kept).all()


@given(ranking=rankings())
def test_the_order_is_the_order_of_leaving(ranking):
    places = [ranking.order_of(unit) for unit in ranking.ids()]
    assert sorted(places) == list(range(ranking.n))
    leaves = ranking.leaves()[np.argsort(places)]
    assert (np.diff(leaves) >= 0).all()


def test_what_has_no_number_goes_first():
    assert ranked([[1.0, float("nan"), -5.0]]).kept(1 / 3)["g0"].tolist() == [True, False, True]


def test_refusals():
    with pytest.raises(ValueError, match="scope 'lamp' is about single weights; here there are global, layer, isomorphic"):
        ranked([[1.0]], scope="lamp")
    with pytest.raises(ValueError, match="g0 has 2 units and scores of shape"):
        rank_units(structure([2]), {"g0": [1.0]}, layers([2]))
    with pytest.raises(ValueError, match="not a fraction"):
        ranked([[1.0]]).kept(2.0)


def test_a_network_without_units_is_an_empty_ranking():
    ranking = rank_units(Structure("head", ()), {}, layers([2]))
    assert ranking.n == 0 and ranking.kept(0.5) == {} and ranking.keep(0.5).removed == 0 and ranking.removals(1.0) == 0

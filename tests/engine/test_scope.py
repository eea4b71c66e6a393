"""Who competes with whom: scores against the papers' own arithmetic."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.engine.ranking import rank
from pruneviz.engine.scope import find, shelf


def ranked(weights, scope, scores=None):
    layers = [SimpleNamespace(name=f"{i}", shape=tuple(weight.shape)) for i, weight in enumerate(weights)]
    return rank(layers, weights, scores, scope=scope)


def test_every_scope_has_its_words():
    assert list(shelf()) == ["global", "layer", "std", "erk", "lamp", "row", "owl"]
    for key, scope in shelf().items():
        assert scope.key == key and scope.name and scope.formula and scope.paper.cite and scope.text[0].isupper()
    with pytest.raises(ValueError, match="unknown scope 'lmap'; there are global, layer, std, erk, lamp, row, owl"):
        find("lmap")


def test_std_measures_in_deviations():
    """σ = 1 and σ = 10: of the second layer goes what is below 10 q. At q = 1 all but ±1.3 and ±13 go."""
    one = torch.tensor([-1.3, -0.6, 0.6, 1.3])
    ranking = ranked([one / one.std(correction=0), 10 * one / one.std(correction=0)], "std")
    assert ranking.counts(0.5).tolist() == [2, 2]
    assert ranking.keep(0.5).flat.tolist() == [True, False, False, True] * 2


@given(amount=st.floats(0, 1), scales=st.lists(st.floats(0.01, 100), min_size=1, max_size=4))
@settings(deadline=None)
def test_std_is_one_q_for_all_layers(amount, scales):
    """Every removed weight is no farther out, in its layer's deviations, than any kept one."""
    rng = np.random.default_rng(5)
    weights = [torch.from_numpy((rng.normal(size=40) * scale).astype(np.float32)) for scale in scales]
    far = np.concatenate([w.double().abs().numpy() / w.double().numpy().std() for w in weights])
    kept = ranked(weights, "std").keep(amount).flat
    assert kept.all() or not kept.any() or far[~kept].max() <= far[kept].min()


def test_std_of_a_constant_layer_keeps_it_to_the_end():
    ranking = ranked([torch.full((3,), 0.1), torch.tensor([5.0, -7.0, 9.0])], "std")
    assert ranking.counts(0.5).tolist() == [0, 3]
    assert ranking.counts(4 / 6).tolist() == [1, 3]


def lamp_as_published(w: np.ndarray) -> np.ndarray:
    """Lee 2021, eq. 4, by a plain double loop over the sorted order."""
    order = np.lexsort((np.arange(w.size), np.abs(w)))
    score = np.zeros(w.size)
    for place, u in enumerate(order):
        left = math.fsum(float(w[v]) ** 2 for v in order[place:])
        score[u] = float(w[u]) ** 2 / left if left else 0.0
    return score


@given(data=st.data())
@settings(deadline=None)
def test_lamp_is_the_published_score(data):
    """Values that are equal up to the rounding of the sums may go in either order; all others as published."""
    sizes = data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=4))
    draw = st.lists(st.integers(-9, 9).map(float), min_size=sum(sizes), max_size=sum(sizes))
    values = np.array(data.draw(draw), dtype=np.float32)
    parts = np.split(values, np.cumsum(sizes)[:-1])
    scores = np.concatenate([lamp_as_published(part) for part in parts])
    ranking = ranked([torch.from_numpy(part) for part in parts], "lamp")
    kept = ranking.keep(data.draw(st.floats(0, 1))).flat
    assert kept.all() or not kept.any() or scores[~kept].max() <= scores[kept].min() * (1 + 1e-12)


@given(seed=st.integers(0, 1000), layers=st.integers(1, 5))
@settings(deadline=None)
def test_lamp_empties_no_layer_before_all_are_at_one_weight(seed, layers):
    """P1: the top of every layer counts exactly 1, ties or not."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 30, layers)
    weights = [torch.from_numpy(np.round(rng.normal(size=size), 1).astype(np.float32) + 20) for size in sizes]
    ranking, n = ranked(weights, "lamp"), int(sizes.sum())
    assert ranking.counts((n - layers) / n).tolist() == (sizes - 1).tolist()
    for k in range(layers + 1):
        left = sizes - ranking.counts((n - layers + k) / n)
        assert left.tolist() == [0] * k + [1] * (layers - k)


def test_lamp_of_nothing_but_zeros_is_zero_and_of_extremes_finite():
    weights = [torch.zeros(3), torch.tensor([1e-30, 1e30, 3e38]), torch.tensor([1e-45, 1e-45])]
    ranking = ranked(weights, "lamp")
    assert ranking.counts(3 / 8).tolist() == [3, 0, 0]
    assert ranking.counts(1 - 2 / 8).tolist() == [3, 2, 1]


@pytest.mark.parametrize("scope", ["std", "lamp"])
def test_negative_scores_keep_their_order_inside_a_layer(scope):
    weights = [torch.ones(4) + torch.arange(4), torch.ones(3)]
    scores = [torch.tensor([-2.0, 3.0, -1.0, 0.5]), torch.tensor([-1.0, -3.0, 1.0])]
    ranking = ranked(weights, scope, scores)
    ranks = [[ranking.order_of(i) for i in part] for part in (range(4), range(4, 7))]
    for part, score in zip(ranks, scores, strict=True):
        assert np.argsort(part).tolist() == torch.argsort(score).tolist()

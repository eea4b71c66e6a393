"""Who competes with whom: budgets against the papers' own arithmetic."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.engine import kernels
from pruneviz.engine.ranking import rank
from pruneviz.engine.scope import Turns, by_fans, find, shelf

PATHS = [kernels.choose(False), *([kernels.choose(True)] if kernels.available() else [])]
SIZES = st.lists(st.integers(0, 60), min_size=1, max_size=7)
VGG16 = [(64, 3), (64, 64), (128, 64), (128, 128), (256, 128), (256, 256), (256, 256), (512, 256), *[(512, 512)] * 5]


def ranked(weights, scope, scores=None):
    layers = [SimpleNamespace(name=f"{i}", shape=tuple(weight.shape)) for i, weight in enumerate(weights)]
    return rank(layers, weights, scores, scope=scope)


def test_every_scope_has_its_words():
    assert list(shelf()) == ["global", "layer", "std", "erk", "lamp", "row", "owl"]
    for key, scope in shelf().items():
        assert scope.key == key and scope.name and scope.formula and scope.paper.cite and scope.text[0].isupper()
    with pytest.raises(ValueError, match="unknown scope 'lmap'; there are global, layer, std, erk, lamp, row, owl"):
        find("lmap")


@pytest.mark.parametrize("passes", PATHS)
@given(sizes=SIZES)
@settings(deadline=None)
def test_equal_shares_are_within_one_weight_and_never_fall(passes, sizes):
    """|c_l − a·n_l| < 1 for every a that rounds to K (P12), sums exact, monotone (P14). In whole numbers: times 2n."""
    n, turns, before = sum(sizes), Turns(tuple(sizes), passes), np.zeros(len(sizes), dtype=np.int64)
    for k in range(n + 1):
        counts = turns.counts(k)
        assert counts.sum() == k
        assert (counts >= before).all() and (counts <= sizes).all()
        for end in (2 * k - 1, 2 * k + 1):
            assert all(abs(2 * n * int(c) - end * size) < 2 * max(n, 1) for c, size in zip(counts, sizes, strict=True))
        before = counts


@pytest.mark.parametrize("passes", PATHS)
def test_turns_repeat_after_the_sizes_common_divisor_is_taken_out(passes):
    """ResNet-50's first layers: 9,408, 4,096 and 36,864 weights share 64, so 787 turns are all there is to know."""
    turns = Turns((9408, 4096, 36864), passes)
    assert turns._period == 787
    for k in (0, 1, 787, 788, 50_000, 50_368):
        assert turns.counts(k).tolist() == (turns.counts(k % 787) + k // 787 * np.array([147, 64, 576])).tolist()


@pytest.mark.parametrize("passes", PATHS)
def test_checkpoints_give_what_playing_from_the_start_gives(passes):
    sizes = (9973, 101, 4999, 7)
    whole = np.zeros(4, dtype=np.int64)
    passes.turns(np.array(sizes), sum(sizes), whole, 0, 12_345)
    assert Turns(sizes, passes).counts(12_345).tolist() == whole.tolist()


def erk_as_published(shapes, density):
    """Evci 2020 as Lee 2021 compute it: in proportion to fans; the one most over dense is made dense; once more."""
    sizes = np.array([math.prod(shape) for shape in shapes], dtype=np.float64)
    fans, dense = np.array([sum(shape) for shape in shapes], dtype=np.float64), np.zeros(len(shapes), dtype=bool)
    while True:
        kept = np.where(dense, sizes, (density * sizes.sum() - sizes[dense].sum()) * fans / fans[~dense].sum())
        over = np.where(dense, 0, kept / sizes)
        if over.max() <= 1:
            return kept
        dense[over.argmax()] = True


@pytest.mark.parametrize("density", [0.9, 0.5, 0.2, 0.1, 0.05, 0.01])
def test_erk_gives_the_published_budgets_of_vgg16(density):
    shapes = [(*pair, 3, 3) for pair in VGG16] + [(10, 512)]
    sizes = [math.prod(shape) for shape in shapes]
    k = round((1 - density) * sum(sizes))
    kept = np.array(sizes) - by_fans(sizes, shapes, None)(k)
    assert kept.sum() == sum(sizes) - k
    assert np.abs(kept - erk_as_published(shapes, density)).max() <= 1


def test_erk_by_hand():
    """Fans 4 and 8 on 4 and 16 weights: of 6 kept 2 and 4; of 15 the first would keep 5 of its 4, so dense: 4 and 11."""
    quota = by_fans([4, 16], [(2, 2), (4, 4)], None)
    assert quota(14).tolist() == [2, 12]
    assert quota(5).tolist() == [0, 5]


@given(shapes=st.lists(st.tuples(st.integers(0, 6), st.integers(1, 6)), min_size=1, max_size=5))
@settings(deadline=None)
def test_erk_sums_exactly_is_never_over_dense_and_never_falls(shapes):
    """P2 and P14. Webster: each seat goes to the smallest (2·kept + 1)/2s, so a greedy count one by one gives the same."""
    sizes = [math.prod(shape) for shape in shapes]
    quota, kept = by_fans(sizes, shapes, None), [0] * len(sizes)
    for budget in range(sum(sizes) + 1):
        assert (np.array(sizes) - quota(sum(sizes) - budget)).tolist() == kept
        open_layers = [i for i, size in enumerate(sizes) if kept[i] < size]
        if open_layers:
            kept[min(open_layers, key=lambda i: ((2 * kept[i] + 1) / max(1, sum(shapes[i])), i))] += 1


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

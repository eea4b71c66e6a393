"""How many go of each layer: budgets against the papers' own arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.engine import kernels
from pruneviz.engine.quota import Turns, by_fans

PATHS = [kernels.choose(False), *([kernels.choose(True)] if kernels.available() else [])]
SIZES = st.lists(st.integers(0, 60), min_size=1, max_size=7)
VGG16 = [(64, 3), (64, 64), (128, 64), (128, 128), (256, 128), (256, 256), (256, 256), (512, 256), *[(512, 512)] * 5]


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

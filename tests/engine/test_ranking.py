"""The order of leaving, against a plain stable sort of everything."""

import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pruneviz.engine import kernels, selection
from pruneviz.engine.keys import keys_of
from pruneviz.engine.ranking import fraction, rank
from pruneviz.engine.scope import find, shelf

PATHS = [False, *([True] if kernels.available() else [])]
AMOUNTS = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 0.005, 0.995]), st.floats(0, 1))
TIED = st.sampled_from([-1.0, -0.5, -0.0, 0.0, 0.25, 0.5, 1e-42, 3.0])
ANY = st.floats(-(2.0**100), 2.0**100, width=32)
SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, max_side=6)


def layers_of(tensors) -> list[SimpleNamespace]:
    return [SimpleNamespace(name=f"layer{i}.weight", shape=tuple(tensor.shape)) for i, tensor in enumerate(tensors)]


def flat(tensors) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *(tensor.double().numpy().reshape(-1) for tensor in tensors)])


def order(weights, scores=None) -> np.ndarray:
    """Who goes first, by the definition: zeros, then score, then place."""
    w = flat(weights)
    s = np.abs(w) if scores is None else flat(scores)
    return np.lexsort((np.arange(w.size), np.where(w == 0, 0, s), w != 0))


def rows_of(weight, scope: str) -> np.ndarray:
    """The indices of a layer's weights that compete with one another: all, or those of each output row."""
    rows = len(weight) if find(scope).rows and weight.ndim > 1 else 1
    return np.arange(weight.numel()).reshape(rows, -1) if weight.numel() else np.zeros((0, 0), dtype=np.int64)


def stays(leaving: np.ndarray, k: int) -> np.ndarray:
    mask = np.ones(leaving.size, dtype=bool)
    mask[leaving[:k]] = False
    return mask


@st.composite
def networks(draw, dtypes=(torch.float32,)):
    """Weights of zero to four layers: tied, constant, zero, tiny and ordinary ones, in one of the float types."""
    numbers, dtype = draw(st.sampled_from([TIED, ANY])), draw(st.sampled_from(dtypes))
    shapes = draw(st.lists(SHAPES, max_size=4))
    weights = [torch.from_numpy(draw(hnp.arrays(np.float32, shape, elements=numbers))) for shape in shapes]
    return [weight.clamp(-6e4, 6e4).to(dtype) if dtype == torch.float16 else weight.to(dtype) for weight in weights]


@pytest.mark.parametrize("compiled", PATHS)
@given(weights=networks(dtypes=(torch.float32, torch.float16, torch.bfloat16, torch.float64)), amount=AMOUNTS)
@settings(deadline=None)
def test_magnitude_is_a_stable_sort(compiled, weights, amount):
    ranking, leaving = rank(layers_of(weights), weights, compiled=compiled), order(weights)
    k = round(amount * ranking.n)
    assert ranking.removals(amount) == k
    assert np.array_equal(ranking.keep(amount).flat, stays(leaving, k))
    assert ranking.counts(amount).tolist() == [int((~part).sum()) for part in ranking.keep(amount).layers().values()]


@pytest.mark.parametrize("compiled", PATHS)
@given(data=st.data(), amount=AMOUNTS, wide=st.booleans())
@settings(deadline=None)
def test_signed_scores_are_a_stable_sort(compiled, data, amount, wide):
    weights = data.draw(networks())
    kind = np.float64 if wide else np.float32
    numbers = data.draw(st.sampled_from([TIED, ANY]))
    scores = [torch.from_numpy(data.draw(hnp.arrays(kind, tuple(w.shape), elements=numbers))) for w in weights]
    ranking, leaving = rank(layers_of(weights), weights, scores, compiled=compiled), order(weights, scores)
    k = round(amount * ranking.n)
    assert np.array_equal(ranking.keep(amount).flat, stays(leaving, k))
    level = ranking.threshold(amount)
    last = leaving[k - 1] if k else None
    assert level == (None if last is None else 0.0 if flat(weights)[last] == 0 else flat(scores)[last])


@pytest.mark.parametrize("compiled", PATHS)
def test_float64_scores_that_float32_cannot_tell_apart(compiled):
    weights = [torch.ones(3)]
    scores = [torch.tensor([1 + 2e-12, 1 + 1e-12, 1.0], dtype=torch.float64)]
    ranking = rank(layers_of(weights), weights, scores, compiled=compiled)
    assert ranking.keep(1 / 3).flat.tolist() == [True, True, False]
    assert ranking.keep(2 / 3).flat.tolist() == [True, False, False]
    assert ranking.threshold(2 / 3) == 1 + 1e-12


@pytest.mark.parametrize("compiled", PATHS)
@given(data=st.data(), scope=st.sampled_from(sorted(shelf())), amount=AMOUNTS)
@settings(deadline=None)
def test_every_scope_counts_exactly_keeps_the_score_order_and_nests(compiled, data, scope, amount):
    """P1 (order inside a layer, or an output row), P12 (exact count with ties), P14 (nesting), and zeros first."""
    weights = data.draw(networks())
    signed = data.draw(st.booleans())
    scores = [torch.from_numpy(data.draw(hnp.arrays(np.float32, tuple(w.shape), elements=ANY))) for w in weights]
    scores = scores if signed else None
    ranking = rank(layers_of(weights), weights, scores, scope=scope, compiled=compiled)
    larger = data.draw(st.floats(amount, 1))
    mask, then = ranking.keep(amount), ranking.keep(larger)
    assert mask.removed == ranking.removals(amount) == round(amount * ranking.n)
    assert not (then.flat & ~mask.flat).any()
    for i, part in enumerate(mask.layers().values()):
        for row in rows_of(weights[i], scope):
            inside = order([weights[i].reshape(-1)[row]], None if scores is None else [scores[i].reshape(-1)[row]])
            assert np.array_equal(part.reshape(-1)[row], stays(inside, int((~part.reshape(-1)[row]).sum())))


@pytest.mark.parametrize("compiled", PATHS)
@given(data=st.data(), scope=st.sampled_from(sorted(shelf())), amount=AMOUNTS)
@settings(deadline=None)
def test_layers_of_their_own_leave_the_competition(compiled, data, scope, amount):
    weights = data.draw(networks())
    layers = layers_of(weights)
    own = {layer.name: data.draw(AMOUNTS) for layer in layers if data.draw(st.booleans())}
    ranking = rank(layers, weights, scope=scope, compiled=compiled)
    counts, mask = ranking.counts(amount, own), ranking.keep(amount, own)
    free = [i for i, layer in enumerate(layers) if layer.name not in own]
    assert counts.tolist() == [int((~part).sum()) for part in mask.layers().values()]
    assert counts[free].sum() == round(amount * sum(weights[i].numel() for i in free))
    for i, layer in enumerate(layers):
        if layer.name in own:
            assert counts[i] == round(own[layer.name] * weights[i].numel())
    alone = rank([layers[i] for i in free], [weights[i] for i in free], scope=scope, compiled=compiled)
    assert alone.counts(amount).tolist() == counts[free].tolist()
    assert np.array_equal(np.concatenate([np.zeros(0, bool), *(mask.layers()[layers[i].name].reshape(-1) for i in free)]),
                          alone.keep(amount).flat)  # fmt: skip


@pytest.mark.parametrize("compiled", PATHS)
@given(weights=networks(), amount=AMOUNTS, scope=st.sampled_from(sorted(shelf())))
@settings(deadline=None)
def test_write_is_the_mask_times_the_source(compiled, weights, amount, scope):
    """The first time (the line found on the way) and the second (the line remembered)."""
    ranking = rank(layers_of(weights), weights, scope=scope, compiled=compiled)
    source = flat(weights).astype(np.float32) + np.float32(7)
    out = torch.full((ranking.n,), torch.nan)
    for _ in range(2):
        ranking.write(amount, source, out)
        assert np.array_equal(out.numpy(), np.where(ranking.keep(amount).flat, source, 0))
        out.fill_(torch.nan)
    if ranking.source is not None:
        ranking.write(amount, ranking.source, out)
        assert np.array_equal(out.numpy(), np.where(ranking.keep(amount).flat, ranking.source, 0))


@pytest.mark.parametrize("compiled", PATHS)
@given(data=st.data(), scope=st.sampled_from(sorted(shelf())))
@settings(deadline=None, max_examples=20)
def test_sweep_counts_the_nodes_at_which_a_weight_is_there(compiled, data, scope):
    weights = data.draw(networks())
    layers = layers_of(weights)
    own = {layer.name: data.draw(AMOUNTS) for layer in layers[:1]}
    ranking = rank(layers, weights, scope=scope, compiled=compiled)
    for chosen in ({}, own):
        there = sum((ranking.keep(p / 100, chosen).flat.astype(int) for p in range(101)), np.zeros(ranking.n, int))
        assert np.array_equal(ranking.sweep(chosen), there)


@pytest.mark.parametrize("compiled", PATHS)
def test_a_weight_that_outgrew_its_ranking_is_still_counted(compiled):
    """Nobody may change one; but whoever does is no danger to the process."""
    weights = [torch.full((1000,), 0.5)]
    ranking = rank(layers_of(weights), weights, compiled=compiled)
    ranking.sweep()
    for size in (2.0, 1e30):
        weights[0][7] = size
        assert ranking.sweep()[7] == 100


@pytest.mark.parametrize("compiled", PATHS)
@given(weights=networks().filter(bool), scope=st.sampled_from(sorted(shelf())))
@settings(deadline=None, max_examples=20)
def test_order_of_is_a_permutation_that_agrees_with_keep(compiled, weights, scope):
    ranking = rank(layers_of(weights), weights, scope=scope, compiled=compiled)
    ranks = np.array([ranking.order_of(i) for i in range(ranking.n)])
    assert sorted(ranks.tolist()) == list(range(ranking.n))
    for k in {0, 1, ranking.n // 2, ranking.n}:
        assert np.array_equal(ranking.keep(k / ranking.n).flat, ranks >= k)


@pytest.mark.parametrize("large", [0, 1 << 40])
@pytest.mark.parametrize("scope", sorted(shelf()))
def test_both_paths_give_the_same_bits_on_layers_larger_than_a_block(scope, large, monkeypatch):
    """With and without non-temporal stores, on several threads."""
    monkeypatch.setattr("pruneviz.engine.ranking.LARGE", large)
    rng = np.random.default_rng(3)
    shapes = [(64, 3, 7, 7), (1,), (513, 700), (33, 5), (100, 900)]
    weights = [torch.from_numpy(rng.laplace(scale=0.05, size=shape).astype(np.float32)) for shape in shapes]
    weights[1].zero_()
    weights[2][:300] = torch.round(weights[2][:300] * 16) / 16
    rankings = [rank(layers_of(weights), weights, scope=scope, compiled=path) for path in PATHS]
    written = []
    for ranking in rankings:
        buffer = torch.empty(ranking.n + 3)
        for amount in (0.1, 0.437, 0.9, 0.99999):
            # An output that does not begin at a cache line: the head is written singly, the rest in blocks.
            ranking.write(amount, flat(weights).astype(np.float32), buffer[3:])
            written.append(buffer[3:].numpy().copy())
            assert np.array_equal(written[-1] != 0, ranking.keep(amount).flat & (flat(weights) != 0))
            assert ranking.keep(amount).removed == round(amount * ranking.n)
    half = len(written) // len(PATHS)
    assert all(np.array_equal(one, written[i % half]) for i, one in enumerate(written))


@pytest.mark.parametrize("compiled", PATHS)
@pytest.mark.parametrize("share", [0.0, 0.664, 1.0])
def test_heavy_ties_are_counted_again_and_not_collected(compiled, share, monkeypatch):
    """With room for a handful of hits only, every question has to narrow its bin, down to the last tie."""
    monkeypatch.setattr("pruneviz.engine.ranking.HITS", 0)
    rng = np.random.default_rng(0)
    values = np.where(rng.random(90_000) < share, 0, np.round(rng.normal(size=90_000), 1)).astype(np.float32)
    weights = [torch.from_numpy(values[:50_000]), torch.from_numpy(values[50_000:])]
    ranking, leaving = rank(layers_of(weights), weights, compiled=compiled), order(weights)
    for amount in (0.2, 0.664, 0.7, 0.95):
        mask = stays(leaving, round(amount * 90_000))
        assert np.array_equal(ranking.keep(amount).flat, mask)
        assert ranking.counts(amount).tolist() == [int((~mask[:50_000]).sum()), int((~mask[50_000:]).sum())]


def test_memory_of_the_counts_is_bounded_for_many_layers():
    weights = [torch.linspace(-1, 1, 7 + i % 3) for i in range(300)]
    ranking = rank(layers_of(weights), weights)
    assert ranking.held - 4 * ranking.n < 4 * selection.COUNTERS + 10_000
    assert np.array_equal(ranking.keep(0.43).flat, stays(order(weights), round(0.43 * ranking.n)))


@pytest.mark.parametrize("compiled", PATHS)
def test_nonfinite_weights_are_refused_or_go_first(compiled):
    weights = [torch.tensor([1.0, torch.nan, 0.0]), torch.tensor([2.0]), torch.tensor([-torch.inf, 0.5, torch.nan])]
    with pytest.raises(ValueError, match=r"1 in layer0\.weight, 2 in layer2\.weight; `--nonfinite remove`"):
        rank(layers_of(weights), weights, compiled=compiled)
    for scope in shelf():
        ranking = rank(layers_of(weights), weights, scope=scope, nonfinite="remove", compiled=compiled)
        assert ranking.keep(1.0).removed == 7
        for i, part in enumerate(ranking.keep(3 / 7).layers().values()):
            gone = int((~part).sum())
            finite = torch.isfinite(weights[i]).numpy()
            assert gone == 0 or not (part & ~finite).any() or gone < int((~finite).sum())
    ranking = rank(layers_of(weights), weights, nonfinite="remove", compiled=compiled)
    assert ranking.keep(3 / 7).flat.tolist() == [True, False, True, True, False, True, False]
    assert ranking.threshold(4 / 7) == 0.0
    assert ranking.threshold(5 / 7) == 0.5


def test_scores_that_are_not_finite_are_refused():
    weights = [torch.ones(2)]
    with pytest.raises(ValueError, match=r"1 in layer0\.weight; choose a criterion"):
        rank(layers_of(weights), weights, [torch.tensor([1.0, torch.inf])])


@pytest.mark.parametrize("compiled", PATHS)
def test_threshold_of_existing_zeros_is_zero(compiled):
    weights = [torch.tensor([0.0, -0.0, 0.3, -0.1])]
    ranking = rank(layers_of(weights), weights, compiled=compiled)
    assert ranking.threshold(0) is None
    assert ranking.threshold(0.25) == ranking.threshold(0.5) == 0.0
    assert ranking.threshold(0.75) == pytest.approx(0.1)
    assert ranking.threshold(1) == pytest.approx(0.3)
    assert rank(layers_of(weights), weights, scope="layer").threshold(0.75) is None


def test_amounts_that_are_no_fractions():
    assert fraction(1) == 1.0 and fraction(0) == 0.0 and fraction(np.float32(0.5)) == 0.5
    for wrong in (True, False, 2, -1, -0.1, 1.1, float("nan"), "0.5", None):
        with pytest.raises(ValueError, match="is not a fraction"):
            fraction(wrong)
    weights = [torch.tensor([1.0, 2.0, 3.0])]
    assert rank(layers_of(weights), weights).keep(1).removed == 3


def test_one_is_everything_and_an_amount_rounds_as_python_does():
    weights = [torch.arange(1.0, 6.0)]
    ranking = rank(layers_of(weights), weights)
    assert [ranking.removals(amount) for amount in (0.1, 0.3, 0.5, 0.7, 0.9)] == [0, 2, 2, 4, 4]


def test_wrong_input_is_answered_in_a_sentence():
    weights = [torch.ones(2, 3)]
    ranking = rank(layers_of(weights), weights)
    with pytest.raises(ValueError, match=r"unknown layer 'fc'; there are layer0\.weight"):
        ranking.keep(0.5, {"fc": 0.1})
    with pytest.raises(ValueError, match="give a contiguous float32"):
        ranking.write(0.5, np.ones(6), np.ones(6, np.float32))
    with pytest.raises(ValueError, match="a buffer of its own"):
        ranking.write(0.5, weights[0].view(-1), weights[0].view(-1))
    with pytest.raises(ValueError, match="have shape"):
        rank(layers_of(weights), [torch.ones(6)])
    with pytest.raises(ValueError, match="no weight 6"):
        ranking.order_of(6)
    with pytest.raises(ValueError, match="unknown scope 'everywhere'"):
        rank(layers_of(weights), weights, scope="everywhere")


def test_weights_that_lie_end_to_end_are_ranked_where_they_are():
    memory = torch.randn(50, generator=torch.Generator().manual_seed(0))
    ranking = rank(layers_of([memory[:20], memory[20:]]), [memory[:20], memory[20:]])
    assert ranking.source.ctypes.data == memory.data_ptr()
    apart = rank(layers_of([memory[:20], memory[30:]]), [memory[:20], memory[30:]])
    assert not np.may_share_memory(apart.source, memory.numpy())
    with pytest.raises(ValueError, match="read-only"):
        ranking.source[0] = 1


def test_ranking_leaves_the_weights_as_they_are():
    weights = [torch.randn(40, 30, generator=torch.Generator().manual_seed(1)).t()]
    before = weights[0].clone()
    for scope in shelf():
        ranking = rank(layers_of(weights), weights, scope=scope)
        ranking.write(0.5, weights[0].reshape(-1).clone(), torch.empty(1200))
        ranking.sweep()
    assert torch.equal(weights[0], before)


@pytest.mark.parametrize("compiled", PATHS)
def test_many_threads_may_ask_at_once(compiled):
    rng = np.random.default_rng(2)
    weights = [torch.from_numpy(rng.normal(size=(300, 1000)).astype(np.float32)) for _ in range(2)]
    ranking, source = rank(layers_of(weights), weights, compiled=compiled), flat(weights).astype(np.float32)
    leaving = order(weights)
    amounts = rng.random(24)

    def ask(amount: float) -> bool:
        out = np.empty(ranking.n, dtype=np.float32)
        ranking.write(amount, source, out)
        mask = stays(leaving, round(amount * ranking.n))
        return np.array_equal(out, np.where(mask, source, 0)) and np.array_equal(ranking.keep(amount).flat, mask)

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(ask, amounts))


def test_weights_that_change_afterwards_are_noticed_rather_than_written_past():
    memory = torch.linspace(0.1, 1, 1000)
    ranking = rank(layers_of([memory]), [memory])
    memory.fill_(0.55)
    with pytest.raises(RuntimeError, match="changed after they were ranked"):
        ranking.keep(0.5)


def test_without_the_compiler_the_plain_path_answers(monkeypatch):
    monkeypatch.setitem(sys.modules, "pruneviz.engine.compiled", None)
    assert not kernels.available()
    assert kernels.choose() is kernels
    weights = [torch.tensor([3.0, 1.0, 2.0])]
    assert rank(layers_of(weights), weights).keep(1 / 3).flat.tolist() == [True, False, True]


def test_of_magnitudes_no_scores_are_kept():
    weights = [torch.ones(4, 4)]
    keys = keys_of(["w"], weights, None, find("global"), "refuse")
    assert np.may_share_memory(keys.bits, weights[0].numpy())

"""Shares by output row: what Wanda prunes, to the weight, and OWL's shares of layers, counted by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.engine import evaluate, starts
from pruneviz.engine.budget import Budget
from pruneviz.engine.criterion import Evidence
from pruneviz.engine.criterion import find as criterion
from pruneviz.engine.evidence import gather
from pruneviz.engine.outliers import block_of, by_outliers
from pruneviz.engine.ranking import rank
from pruneviz.engine.sources import card
from pruneviz.engine.subject import inputs_axis
from pruneviz.recipe import Recipe

MATRICES = st.lists(st.tuples(st.integers(1, 7), st.integers(1, 9)), min_size=1, max_size=4)


def layers_of(weights, kinds=None):
    kinds = kinds or ["Linear"] * len(weights)
    pairs = enumerate(zip(weights, kinds, strict=True))
    return [SimpleNamespace(name=f"{at}", shape=tuple(one.shape), kind=kind) for at, (one, kind) in pairs]


def drawn(shape, seed, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def ranked(weights, scores=None, scope="row", later=None, kinds=None):
    return rank(layers_of(weights, kinds), weights, scores, scope=scope, later=later)


def saliency(key, weight, norm):
    return criterion(key).saliency(Evidence("w", weight, input_norm=norm))


def wanda_as_published(scores, amount):
    """Sun et al. 2023: of every row a whole number of the smallest go, the first of equal ones first."""
    order = torch.sort(scores, dim=-1, stable=True).indices[:, : int(scores.shape[1] * amount)]
    return torch.ones(scores.shape, dtype=torch.bool).scatter_(1, order, False).numpy()


@given(seed=st.integers(0, 10**6), rows=st.lists(st.integers(1, 30), min_size=1, max_size=4), tied=st.booleans())
@settings(deadline=None)
def test_where_the_share_is_whole_in_every_row_it_is_wandas_mask(seed, rows, tied):
    """12 and 24 inputs at quarters and thirds: nothing has to be rounded, however many rows and layers there are."""
    weights = [drawn((many, 12 * (1 + at % 2)), seed + at) for at, many in enumerate(rows)]
    norms = [drawn((1, one.shape[1]), seed + 99 + at).abs() for at, one in enumerate(weights)]
    if tied:
        weights = [one.round() for one in weights]
    scores = [saliency("wanda", *pair) for pair in zip(weights, norms, strict=True)]
    ranking = ranked(weights, scores)
    for amount in (0.25, 1 / 3, 0.5, 0.75):
        for mine, score in zip(ranking.keep(amount).layers().values(), scores, strict=True):
            assert np.array_equal(mine, wanda_as_published(score, amount + 1e-9))


@given(shapes=MATRICES, amount=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_rows_of_a_layer_give_the_same_to_within_one_weight(shapes, amount, seed):
    weights = [drawn(shape, seed + at) for at, shape in enumerate(shapes)]
    mask = ranked(weights).keep(amount)
    assert mask.removed == round(amount * mask.flat.size)
    for part in mask.layers().values():
        gone = (~part).sum(axis=1)
        assert gone.max() - gone.min() <= 1


@given(seed=st.integers(0, 1000), amount=st.floats(0, 1), layers=st.integers(1, 5))
@settings(deadline=None)
def test_layers_of_one_size_give_the_same_to_within_one_weight(seed, amount, layers):
    ranking = ranked([drawn((6, 8), seed + at) for at in range(layers)])
    counts = ranking.counts(amount)
    assert counts.max() - counts.min() <= 1 and counts.sum() == round(amount * 48 * layers)


def test_the_rows_that_give_one_more_lie_evenly():
    """64 rows of 4 at 3/8: every other row gives two, and of any 8 neighbours 3 to 5 do."""
    gone = (~ranked([drawn((64, 4), 0)]).keep(3 / 8).layers()["0"]).sum(axis=1)
    assert sorted(set(gone)) == [1, 2] and (gone == 2).sum() == 32
    assert all(3 <= (gone[at : at + 8] == 2).sum() <= 5 for at in range(0, 57))


@pytest.mark.parametrize(
    ("kind", "shape"), [("Conv1D", (8, 3)), ("ConvTranspose2d", (2, 3, 2, 2)), ("Conv2d", (3, 2, 2, 2))]
)
def test_a_row_is_what_makes_one_output_however_it_is_stored(kind, shape):
    """Three outputs of eight weights each: of each go the two smallest, wherever they lie."""
    weight = drawn(shape, 3)
    axis = 1 - inputs_axis(SimpleNamespace(kind=kind))
    kept = np.moveaxis(ranked([weight], kinds=[kind]).keep(0.25).layers()["0"], axis, 0).reshape(3, 8)
    sizes = np.moveaxis(weight.abs().numpy(), axis, 0).reshape(3, 8)
    assert (~kept).sum(axis=1).tolist() == [2, 2, 2]
    assert all(set(np.flatnonzero(~row)) == set(np.argsort(size)[:2]) for row, size in zip(kept, sizes, strict=True))


def test_zeros_go_first_in_their_own_row():
    """A row of zeros gives no more than its share while the other has nothing but large weights."""
    weight = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 0.0, 3.0]])
    assert ranked([weight]).keep(0.25).flat.tolist() == [False, True, True, True, True, True, False, True]


@given(seed=st.integers(0, 1000), amount=st.floats(0, 1), constant=st.floats(0.01, 100))
@settings(deadline=None)
def test_wanda_with_constant_norms_is_magnitude_row_by_row(seed, amount, constant):
    """P3."""
    weights = [drawn((5, 6), seed).round(decimals=1), drawn((3, 4), seed + 1)]
    norms = [torch.full((1, one.shape[1]), constant) for one in weights]
    scores = [saliency("wanda", *pair) for pair in zip(weights, norms, strict=True)]
    assert np.array_equal(ranked(weights, scores).keep(amount).flat, ranked(weights).keep(amount).flat)


@given(seed=st.integers(0, 1000), size=st.integers(2, 6), amount=st.floats(0, 1))
@settings(deadline=None)
def test_ria_with_equal_sums_orders_as_wanda_with_the_root_of_the_norms(seed, size, amount):
    """P3. A Latin square of whole numbers: every row and every column has the same sum."""
    first = torch.randperm(size, generator=torch.Generator().manual_seed(seed)) + 1
    weight = torch.stack([first.roll(at) for at in range(size)]).float()
    norm = torch.arange(1.0, size + 1)[None].square()
    mine = saliency("ria", weight, norm)
    torch.testing.assert_close(mine, 2 * weight.double() * norm.sqrt() / weight[0].sum())
    theirs = saliency("wanda", weight, norm.sqrt())
    assert np.array_equal(ranked([weight], [mine.float()]).keep(amount).flat, ranked([weight], [theirs]).keep(amount).flat)


def test_ria_by_hand():
    """[[1, 3], [0, 0]] with norms 4 and 9: column sums 1 and 3, row sums 4 and 0 (0/0 = 0)."""
    found = saliency("ria", torch.tensor([[1.0, -3.0], [0.0, 0.0]]), torch.tensor([[4.0, 9.0]]))
    assert found.tolist() == [[(1 + 1 / 4) * 2, (1 + 3 / 4) * 3], [0.0, 0.0]]
    turned = criterion("ria").saliency(
        Evidence("w", torch.tensor([[1.0, 0.0], [-3.0, 0.0]]), input_norm=torch.tensor([[4.0], [9.0]]), inputs=0)
    )
    assert torch.equal(turned, found.T)


@pytest.mark.parametrize("weight", [torch.zeros(3, 4), torch.full((3, 4), 3e38), torch.full((2, 2), 1e-45)])
def test_ria_of_nothing_and_of_too_much_is_finite(weight):
    found = saliency("ria", weight, torch.ones(1, weight.shape[1]))
    assert torch.isfinite(found).all() and (found > 0).all() == bool(weight.any())


def evidence(outliers, size=100, names=None):
    """Layers of ones, of which so many are a hundred: those are outliers as long as they are few."""
    found = []
    for at, many in enumerate(outliers):
        weight = torch.ones(size)
        weight[:many] = 100.0
        found.append(
            Evidence(names[at] if names else f"{at}.weight", weight.view(10, -1), input_norm=torch.ones(1, size // 10))
        )
    return found


def test_owl_by_hand():
    """0, 2 and 4 outliers of a hundred: shares 0, 1/2 and 1 of 2λ = 0.16 less than the first gives; at 50 % of all go
    58, 50 and 42."""
    later = by_outliers(evidence([0, 2, 4]))
    assert later.tolist() == pytest.approx([0, 0.08, 0.16])
    weights = [one.weight for one in evidence([0, 2, 4])]
    ranking = ranked(weights, scope="owl", later=later.tolist())
    assert ranking.counts(0.5).tolist() == [58, 50, 42]
    assert ranking.counts(0.08).tolist() == [16, 8, 0] and ranking.counts(0.02).tolist() == [6, 0, 0]
    assert ranking.counts(0.98).tolist() == [100, 100, 94]
    assert (~ranking.keep(0.5).layers()["1"]).sum(axis=1).tolist() == [5] * 10


def test_owl_looks_at_blocks_where_names_have_them():
    """Two blocks of two layers, one outlier and three of 200; the head is of no block and gives the average."""
    names = [*(f"model.layers.{block}.{layer}.weight" for block in (0, 1) for layer in "ab"), "head.weight"]
    assert by_outliers(evidence([1, 0, 1, 2, 9], names=names)).tolist() == pytest.approx([0, 0, 0.16, 0.16, 0.08])
    assert by_outliers(evidence([0, 4], names=["fc.weight", "head.weight"])).tolist() == pytest.approx([0, 0.16])
    assert [block_of(name) for name in (names[3], "h.11.attn.c.weight", "layer1.0.downsample.0.weight", "fc1.weight")] == [
        "model.layers.1", "h.11", "layer1.0", "",
    ]  # fmt: skip


@pytest.mark.parametrize("outliers", [[0, 0, 0], [3, 3], [1], []])
def test_equal_outliers_are_equal_shares(outliers):
    assert by_outliers(evidence(outliers)).tolist() == [0.0] * len(outliers)


@given(data=st.data(), amount=st.floats(0, 1), larger=st.floats(0, 1))
@settings(deadline=None)
def test_owl_is_exact_clamped_nested_and_a_number(data, amount, larger):
    """Whatever the evidence is, infinities and NaN included: shares total what is asked for, and more revives nothing."""
    shapes = data.draw(MATRICES)
    numbers = st.sampled_from([0.0, 1.0, -2.0, 500.0, float("inf"), float("nan")])
    found = [
        Evidence(f"{at}.weight", drawn(shape, at), input_norm=torch.tensor([[data.draw(numbers) for _ in range(shape[1])]]))
        for at, shape in enumerate(shapes)
    ]
    later = by_outliers(found)
    assert np.isfinite(later).all() and (later >= 0).all() and (later <= 0.16 + 1e-12).all()
    ranking = ranked([one.weight for one in found], scope="owl", later=later.tolist())
    counts, then = ranking.counts(amount), ranking.keep(max(amount, larger)).flat
    assert counts.sum() == round(amount * ranking.n) and (counts >= 0).all() and (counts <= ranking.sizes).all()
    assert not (then & ~ranking.keep(amount).flat).any()
    for one, part in zip(found, ranking.keep(amount).layers().values(), strict=True):
        gone = (~part).sum(axis=1)
        assert gone.max() - gone.min() <= 1, one.name


@given(amount=st.floats(0, 1), seed=st.integers(0, 100))
@settings(deadline=None)
def test_layers_lie_as_far_apart_as_owl_says(amount, seed):
    """Where nothing is clamped, a layer that is 0.1 later gives 0.1 of itself less, to within a weight of each."""
    weights = [drawn((20, 20), seed), drawn((10, 30), seed + 1)]
    one, other = ranked(weights, scope="owl", later=[0.0, 0.1]).counts(amount) / [400, 300]
    if other > 0 and one < 1:
        assert one - other == pytest.approx(0.1, abs=1 / 400 + 1 / 300)


@pytest.fixture(scope="module")
def digits():
    return card.load("digits_vit")


def test_a_scope_that_looks_at_data_has_them_where_the_criterion_needs_none(digits):
    recipe = Recipe(subject="digits_vit", scope="owl", amount=0.7)
    standing = evaluate.stand(digits, recipe)
    assert (standing.split.source, len(standing.split.calibration)) == ("training", 512)
    found = gather(digits, ("input_norm",), *_shown(digits, standing.split)).evidence
    assert standing.later == tuple(by_outliers(found)) and 0 == min(standing.later) < max(standing.later)
    assert evaluate.stand(digits, replace(recipe, granularity="2:4", amount=0.5)).split.source == "none"
    assert evaluate.stand(digits, replace(recipe, scope="row")).split.source == "none"
    aside = evaluate.stand(digits, replace(recipe, calibration="held-out"))
    assert len(aside.split.measured) == 375
    with pytest.raises(ValueError, match=r"the competition by outliers \(OWL\) looks at data and .* has no training split"):
        evaluate.stand(replace(digits, training=None), recipe)


def _shown(subject, split):
    return subject.training.inputs(split.calibration), subject.training.labels[split.calibration]


def test_a_layers_own_amount_leaves_the_others_their_shares(digits):
    """Spared layers and overrides stand apart; the rest are as far from each other as OWL says."""
    names = [layer.name for layer in digits.layers]
    recipe = Recipe(subject="digits_vit", criterion="wanda", scope="owl", amount=0.6)
    own = replace(recipe, spared=(names[0],), overrides=((names[1], 0.9),))
    standing = evaluate.stand(digits, recipe)
    counts = standing.ranking.counts(0.6, own.own_amounts()) / standing.ranking.sizes
    assert counts[0] == 0 and counts[1] == pytest.approx(0.9, abs=1e-3)
    apart = counts[2:] + np.array(standing.later[2:])
    assert np.ptp(apart) < 2 / 640 + 1e-6


def test_a_search_goes_out_from_owl_where_there_are_data_for_it(digits):
    recipe = Recipe(subject="digits_vit", scope="layer")
    budget = Budget(digits, recipe, evaluate.stand(digits, recipe), "parameters")
    offered = starts.offered(digits, budget)
    assert list(offered) == ["global", "layer", "std", "erk", "lamp", "owl"]
    target = 0.4 * digits.weights
    assert budget.left(offered["owl"](target)) == pytest.approx(target, abs=1)
    assert not np.array_equal(offered["owl"](target), offered["layer"](target))
    assert "owl" not in starts.offered(replace(digits, training=None), budget)

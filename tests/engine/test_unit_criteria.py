"""Laws of all criteria that score units: a new criterion file is tested here without a line being written."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pruneviz.engine.criterion import UnitEvidence, UnitNeed, find, shelf
from pruneviz.engine.structure import positions
from pruneviz.engine.structure.units import KINDS

UNITS = [key for key, one in shelf().items() if one.units]
NEEDS = UnitNeed.__args__


def evidence_of(units, seed, needs=NEEDS, granularity="layer"):
    """Random but possible evidence: sizes are positive, changes of the loss have a sign."""
    generator = torch.Generator().manual_seed(seed)
    drawn = {need: torch.randn(units, generator=generator, dtype=torch.float64) for need in NEEDS}
    have = {need: value if need == "leave_one_out" else value.abs() for need, value in drawn.items() if need in needs}
    return UnitEvidence("blocks", units, granularity, seed, **have)


@pytest.mark.parametrize("key", UNITS)
@given(units=st.integers(1, 9), seed=st.integers(0, 2**40))
@settings(max_examples=15, deadline=None)
def test_one_score_per_unit_finite_repeatable_touching_nothing_using_only_its_needs(key, units, seed):
    criterion, state = find(key), torch.get_rng_state()
    just = evidence_of(units, seed, criterion.needs)
    tensors = [getattr(just, field.name) for field in fields(just) if isinstance(getattr(just, field.name), torch.Tensor)]
    before = [tensor.clone() for tensor in tensors]
    first, again = criterion.saliency(just), criterion.saliency(just)
    assert first.shape == (units,)
    assert torch.isfinite(first).all()
    assert torch.equal(first, again)
    assert torch.equal(first, criterion.saliency(evidence_of(units, seed)))
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(tensors, before, strict=True))
    assert all(first.data_ptr() != tensor.data_ptr() for tensor in tensors), "a saliency must not be the evidence itself"
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("key", UNITS)
def test_every_need_is_used_and_none_else_is_there(key):
    criterion, whole = find(key), evidence_of(5, 1)
    assert set(criterion.needs) <= set(NEEDS)
    for need in criterion.needs:
        other = replace(whole, **{need: getattr(whole, need).flip(0) * 3 + 1})
        assert not torch.equal(criterion.saliency(other), criterion.saliency(whole)), need


@pytest.mark.parametrize("key", UNITS)
def test_every_unit_criterion_has_its_words(key):
    criterion = find(key)
    assert set(criterion.units) <= set(KINDS)
    assert criterion.text.splitlines()[0].endswith(".")
    assert criterion.formula and criterion.paper.cite and criterion.paper.where and criterion.name


def test_who_needs_data():
    """A BatchNorm's scale and a place in a stack are known without any."""
    asks = {key for key in UNITS if find(key).needs_data}
    assert asks == {"angular", "block_influence", "conductance", "greedy", "head_importance", "leave_one_out"}


def left(key, layers, gone):
    """Which layers stay, counted from 1, when `gone` of them left by this criterion."""
    scores = find(key).saliency(UnitEvidence("blocks", layers, "layer"))
    return sorted((scores.argsort()[gone:] + 1).tolist())


def test_positions_are_those_of_the_paper():
    """Sajjad et al., twelve layers: what stays when four or six are dropped."""
    assert left("top", 12, 4) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert left("bottom", 12, 4) == [5, 6, 7, 8, 9, 10, 11, 12]
    assert left("alternate", 12, 4) == [1, 2, 3, 4, 6, 8, 10, 12]
    assert left("alternate", 12, 6) == [2, 4, 6, 8, 10, 12]
    assert left("symmetric", 12, 6) == [1, 2, 3, 10, 11, 12]


@given(name=st.sampled_from(sorted(positions.STRATEGIES)), layers=st.integers(1, 40))
def test_every_strategy_is_one_order_of_leaving_all_layers(name, layers):
    assert sorted(positions.STRATEGIES[name](layers)) == list(range(layers))
    when = positions.leaves(name, layers)
    assert sorted(when) == pytest.approx([(place + 0.5) / layers for place in range(layers)])
    assert [when[at] for at in positions.STRATEGIES[name](layers)] == sorted(when)


def test_an_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="unknown strategy 'middle'; there are alternate, bottom, symmetric, top"):
        positions.leaves("middle", 3)

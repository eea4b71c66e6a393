"""Weights to units and back: pooling is a plain loop, spreading is what a smaller network still has."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine import granularity
from pruneviz.engine.structure.units import Group, Part, Structure
from pruneviz.engine.subject import Layer

POOLS = sorted(granularity.POOLS)


def two_layers(owner=(0, 1, 2, 0), inner=(0, 0, 1, 1, 2, 2, 0, 0)) -> Structure:
    """Three units: rows of «a» [4, 2] by `owner`, read by columns of «b» [2, 8]."""
    parts = (Part("a", 0, "makes", np.array(owner)), Part("b", 1, "reads", np.array(inner)))
    return Structure("filter", (Group("units", "units", "filter", 3, parts),))


def by_loop(values: list[float], how: str) -> float:
    if not values:
        return 0.0
    return {
        "mean": lambda: sum(values) / len(values),
        "l1": lambda: sum(abs(value) for value in values),
        "l2": lambda: math.sqrt(sum(value * value for value in values)),
        "max": lambda: max(values),
    }[how]()


@given(
    how=st.sampled_from(POOLS),
    owner=st.lists(st.integers(-1, 2), min_size=1, max_size=6),
    axis=st.sampled_from([0, 1, 2]),
    data=st.data(),
)
def test_pooling_is_a_plain_loop(how, owner, axis, data):
    """Any axis, any owners, nobody's positions left out, two coupled tensors together."""
    shape = [2, 3]
    shape.insert(axis, len(owner))
    owners = [owner, data.draw(st.permutations(owner))]
    draw = st.lists(st.integers(-9, 9).map(float), min_size=math.prod(shape), max_size=math.prod(shape))
    saliencies = {name: torch.tensor(data.draw(draw)).reshape(shape) for name in ("a", "b")}
    parts = tuple(Part(name, axis, "makes", np.array(own)) for name, own in zip(saliencies, owners, strict=True))
    structure = Structure("filter", (Group("g", "g", "filter", 3, parts),))
    expected = []
    for unit in range(3):
        values = [
            float(value)
            for (name, own) in zip(saliencies, owners, strict=True)
            for at, one in enumerate(own)
            if one == unit
            for value in saliencies[name].select(axis, at).reshape(-1)
        ]
        expected.append(by_loop(values, how))
    assert granularity.pool(structure, saliencies, how)["g"] == pytest.approx(expected)


def test_by_hand():
    """Rows (1, −2), (3, 4), (0, 0), (5, −1); units 0, 1, 2, 0: of unit 0 the mean is 3/4, L1 9, L2 √31, the largest 5."""
    saliencies = {"a": torch.tensor([[1.0, -2.0], [3.0, 4.0], [0.0, 0.0], [5.0, -1.0]]), "b": torch.ones(2, 8)}
    found = {how: granularity.pool(two_layers(), saliencies, how)["units"][0] for how in POOLS}
    assert found == pytest.approx({"mean": 0.75, "l1": 9.0, "l2": math.sqrt(31), "max": 5.0})


def test_a_tied_weight_counts_once():
    weight = torch.tensor([[1.0], [2.0]])
    parts = tuple(Part(name, 0, "makes", np.array([0, 1])) for name in ("first", "second"))
    structure = Structure("neuron", (Group("g", "g", "neuron", 2, parts),))
    layer = Layer("first", "first", "Linear", (2, 1), ("second",))
    for how in POOLS:
        assert granularity.pool(structure, granularity.named([layer], [weight]), how)["g"].tolist() == [1.0, 2.0]


def test_units_that_no_weight_makes_are_judged_by_their_readers():
    parts = (Part("embedding", 1, "makes", np.array([0, 1])), Part("a", 1, "reads", np.array([0, 1])))
    structure = Structure("neuron", (Group("g", "g", "neuron", 2, parts),))
    assert granularity.pool(structure, {"a": torch.tensor([[1.0, 5.0]])}, "l1")["g"].tolist() == [1.0, 5.0]


def test_a_layer_is_all_that_is_inside():
    """Block «1» and block «10»: the names begin alike, the modules are two."""
    structure = Structure("layer", (Group("blocks", "blocks", "layer", 2, blocks=("blocks.1", "blocks.10")),))
    saliencies = {
        "blocks.1.a.weight": torch.tensor([[1.0, -3.0]]),
        "blocks.1.b.weight": torch.tensor([[2.0]]),
        "blocks.10.a.weight": torch.tensor([[7.0]]),
    }
    found = {how: granularity.pool(structure, saliencies, how)["blocks"].tolist() for how in POOLS}
    assert found == {"mean": [0.0, 7.0], "l1": [6.0, 7.0], "l2": [pytest.approx(math.sqrt(14)), 7.0], "max": [2.0, 7.0]}


LAYERS = (Layer("a", "a", "Linear", (4, 2)), Layer("b", "b", "Linear", (2, 8)), Layer("c", "c", "Linear", (2, 2)))


def test_spreading_takes_the_makers_rows_and_the_readers_columns():
    mask = granularity.spread(two_layers(), {"units": np.array([True, False, True])}, LAYERS).layers()
    assert mask["a"].all(axis=1).tolist() == [True, False, True, True]
    assert mask["b"].all(axis=0).tolist() == [True, True, False, False, True, True, True, True]
    assert mask["c"].all() and mask["a"].sum() == 6 and mask["b"].sum() == 12


@given(kept=st.lists(st.booleans(), min_size=3, max_size=3), owner=st.lists(st.integers(-1, 2), min_size=4, max_size=4))
def test_counting_is_spreading_without_the_mask(kept, owner):
    """Also where one tensor is cut along two axes and has two names."""
    tied = Layer("a", "a", "Linear", (4, 8), ("b",))
    stays, structure = {"units": np.array(kept)}, two_layers(owner)
    for layers in (LAYERS, (tied, LAYERS[2])):
        masks = granularity.spread(structure, stays, layers)
        assert granularity.left(structure, stays, layers).tolist() == [int(part.sum()) for part in masks.layers().values()]


def test_a_tied_weight_goes_when_the_last_module_that_holds_it_goes():
    structure = Structure("layer", (Group("g", "g", "layer", 3, blocks=("0", "1", "2")),))
    layer = Layer("0.weight", "0", "Linear", (2, 2), ("2.weight",))
    for kept, stays in (([False, True, True], 4), ([True, True, False], 4), ([False, True, False], 0)):
        assert granularity.spread(structure, {"g": np.array(kept)}, [layer]).kept == stays
        assert granularity.left(structure, {"g": np.array(kept)}, [layer]).tolist() == [stays]


def test_names():
    assert granularity.pattern("2:4") == (2, 4) and granularity.pattern("31:32") == (31, 32)
    assert [granularity.pattern(name) for name in ("weight", "2:", ":4", "a:b", "2:4:8", "²:4")] == [None] * 6
    for name in ("4:4", "5:4", "0:4", "16:33"):
        with pytest.raises(ValueError, match="give 1 ≤ N < M ≤ 32, such as 2:4"):
            granularity.check(name)
    with pytest.raises(
        ValueError, match="unknown granularity 'atom'; there are weight, filter, neuron, head, layer, or N:M"
    ):
        granularity.check("atom")
    with pytest.raises(ValueError, match="unknown pool 'median'; there are mean, l1, l2, max"):
        granularity.find_pool("median")

"""Units and weights say the same: from one to the other and back, by hand and on real structures."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pruneviz.engine.sources import card
from pruneviz.engine.structure import find, surgery, trace
from pruneviz.engine.structure.units import (
    NOBODY,
    Group,
    Part,
    Repair,
    Structure,
    everything,
    gathered,
    gone_blocks,
    positions,
    shapes_after,
    spread,
)
from tests.engine.structure import cases
from tests.engine.structure.test_trace import conv, picture


def by_hand() -> Structure:
    """Three units: rows 0, 1, 2 of `a` [3, 2], and columns 0, 2, 3 of `b` [2, 4], whose column 1 belongs to nobody."""
    parts = (Part("a", 0, "makes", np.array([0, 1, 2])), Part("b", 1, "reads", np.array([0, NOBODY, 1, 2])))
    fixed = Group("f", "f", "neuron", 2, (Part("b", 0, "makes", np.array([0, 1])),), reason="outputs")
    return Structure("neuron", (Group("g", "g", "neuron", 3, parts), fixed), {"a": (3, 2), "b": (2, 4)})


def test_positions_spread_and_shapes_by_hand():
    structure, kept = by_hand(), {"g": np.array([True, False, True])}
    stay = positions(structure, kept)
    assert stay["a", 0].tolist() == [True, False, True] and stay["b", 1].tolist() == [True, True, False, True]
    masks = spread(structure, kept, structure.shapes)
    assert masks["a"].tolist() == [[True, True], [False, False], [True, True]]
    assert masks["b"].tolist() == [[True, True, False, True]] * 2
    assert shapes_after(structure, kept, structure.shapes) == {"a": (2, 2), "b": (2, 3)}
    assert gathered(structure, masks)["g"].tolist() == [True, False, True]
    assert structure.units == 3 and [group.name for group in structure.removable] == ["g"]
    with pytest.raises(ValueError, match="there is no group 'h'; there are g, f"):
        structure.group("h")


def test_whole_blocks_by_hand():
    group = Group("s", "s", "layer", 2, blocks=("s.0", "s.1"))
    structure = Structure("layer", (group,), {"s.0.w": (2,), "s.1.w": (2,), "s.10.w": (2,)})
    kept = {"s": np.array([True, False])}
    assert gone_blocks(structure, kept) == ("s.1",)
    assert list(shapes_after(structure, kept, structure.shapes)) == ["s.0.w", "s.10.w"]
    masks = spread(structure, kept, structure.shapes)
    assert [mask.all() for mask in masks.values()] == [True, False, True]
    assert gathered(structure, masks)["s"].tolist() == [True, False]


def test_repairs_count_down_and_quotients_follow():
    network = nn.Module()
    network.heads, network.groups, network.per = 8, 4, 2
    repairs = (Repair("", "heads", 2), Repair("", "groups", 1), Repair("", "per", ratio=("heads", "groups")))
    structure = Structure("head", (Group("g", "g", "head", 4, repairs=repairs),))
    removal = surgery.plan(network, structure, {"g": np.array([True, True, True, False])})
    assert removal.repairs == (("", "heads", 6), ("", "groups", 3), ("", "per", 2))


@cache
def real(name: str) -> Structure:
    if name == "grouped":
        network = nn.Sequential(
            conv(3, 8), conv(8, 8, groups=4), nn.GroupNorm(4, 8), conv(8, 4), nn.Flatten(), nn.Linear(144, 2)
        )
        return trace.structure(cases.randomised(network.double()), picture(), "filter")
    if name == "mobilenet_v3_small":
        return trace.structure(*cases.family(name), "filter")
    granularity = "neuron" if name in ("digits_mlp", "digits_vit") else "filter"
    return find.of(card.load(name), granularity)


@pytest.mark.parametrize("name", [*cases.SAMPLES, "grouped", "mobilenet_v3_small"])
def test_units_to_weights_and_back(name):
    structure = real(name)
    assert structure.removable
    makes = {part.tensor for group in structure.removable for part in group.of("makes")}
    shapes = {tensor: shape for tensor, shape in structure.shapes.items() if tensor in makes}

    @given(st.integers(0, 2**32 - 1), st.floats(0, 1))
    def law(seed, share):
        source = np.random.default_rng(seed)
        kept = {group.name: source.random(group.units) >= share for group in structure.removable}
        for mine in kept.values():
            mine[source.integers(len(mine))] = True  # a layer that loses all its units has no weights to tell them by
        masks = spread(structure, kept, shapes)
        back = gathered(structure, masks)
        assert all((back[key] == mine).all() for key, mine in kept.items())
        after = shapes_after(structure, kept, shapes)
        assert all(int(mask.sum()) == int(np.prod(after[tensor])) for tensor, mask in masks.items())

    law()


def test_all_kept_is_everything():
    structure = real("digits_resnet")
    masks = spread(structure, everything(structure), structure.shapes)
    assert all(mask.all() for mask in masks.values())
    assert shapes_after(structure, everything(structure), structure.shapes) == structure.shapes


def test_a_mask_is_the_smaller_network_s_weights():
    """What `spread` leaves of every tensor is just what surgery keeps of it, number by number."""
    subject = card.load("digits_resnet")
    structure, network = real("digits_resnet"), subject.skeleton()
    kept = cases.some(structure)
    smaller = surgery.apply(network, surgery.plan(network, structure, kept))
    masks = spread(structure, kept, structure.shapes)
    for name, tensor in smaller.state_dict().items():
        stays = network.state_dict()[name][torch.from_numpy(masks[name])]
        assert torch.equal(stays.reshape(tensor.shape), tensor)

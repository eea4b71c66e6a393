"""Subsets of layers: all of them measured as if each were removed, and a greedy path that goes on from where it is."""

from __future__ import annotations

import copy
from itertools import combinations

import pytest
import torch
from torch import nn
from torch.nn import functional

from pruneviz.engine import calibration, leave_one_out, subsets
from pruneviz.engine.criterion import find
from pruneviz.engine.structure.units import Group, Structure
from pruneviz.engine.unit_evidence import gather
from tests.engine.units import BLOCKS, NAMES, Blocks
from tests.engine.zoo import data, settled


def loss(network, inputs, labels, gone):
    shorter = copy.deepcopy(network)
    for at in gone:
        shorter.blocks[at] = nn.Identity()
    with torch.no_grad():
        return float(functional.cross_entropy(shorter(inputs), labels))


def test_every_subset_is_measured_as_if_it_were_gone(tiny_subject):
    network, (inputs, labels) = settled(Blocks()), data(70)
    subject, told = tiny_subject(network, inputs, labels), []
    data_of = calibration.of(subject, inputs, labels)
    found = subsets.every(subject, NAMES, data_of, lambda done, of: told.append((done, of)))
    wanted = {frozenset(some): loss(network, inputs, labels, some) for n in range(4) for some in combinations(range(3), n)}
    assert found.losses.keys() == wanted.keys() and told == [(at, 8) for at in range(1, 9)]
    assert all(found.losses[some] == pytest.approx(value, rel=1e-12) for some, value in wanted.items())
    assert found.losses[frozenset({0})] == found.losses[frozenset()], "a block that does nothing is missed by nobody"
    assert found.best(0) == frozenset() and found.best(3) == {0, 1, 2}
    ordered = sorted((some for some in wanted if len(some) == 2), key=wanted.get)
    assert [found.place(some) for some in ordered] == [1, 2, 3] and found.best(2) == ordered[0]


class Stands(nn.Module):
    """Blocks that add 4, 4 and 1 to one number, of which no more than 5 are heard: the first two stand in for each other."""

    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Adds(4.0), Adds(4.0), Adds(1.0)])

    def forward(self, x):
        heard = x.flatten(1)[:, :1] * 0
        for block in self.blocks:
            heard = block(heard)
        return torch.cat([heard.clamp(max=5.0), torch.zeros_like(heard)], dim=1)


class Adds(nn.Module):
    def __init__(self, much):
        super().__init__()
        self.much = nn.Parameter(torch.tensor(much))

    def forward(self, x):
        return x + self.much


def test_greedy_sees_that_one_of_two_that_stand_in_for_each_other_has_to_stay(tiny_subject):
    """With all of them 9 are said and 5 heard. Alone, each may go: without a 4, 5 are left, without the 1, 8. Leaving one
    out finds no difference. Greedily the first goes; then the other 4 would leave 1, and the 1 leaves 4: it goes before."""
    inputs, labels = data(6)[0], torch.zeros(6, dtype=torch.int64)
    subject = tiny_subject(Stands(), inputs, labels)
    alone, told = gather(subject, BLOCKS, find("leave_one_out"), inputs, labels), []
    assert alone["blocks"].tolist() == [0, 0, 0]
    found = gather(subject, BLOCKS, find("greedy"), inputs, labels, told=lambda done, of: told.append((done, of)))
    assert found["blocks"].tolist() == pytest.approx([0.5 / 3, 2.5 / 3, 1.5 / 3])
    assert told == [(at, 6) for at in range(1, 7)] and subsets.rounds(3) == 6


def test_greedy_goes_through_all_lists_of_layers_together(tiny_subject):
    """Two lists of one layer each: the one whose going matters less goes first, whichever list it is in."""
    inputs, labels = data(6)[0], torch.zeros(6, dtype=torch.int64)
    groups = tuple(Group(name, name, "layer", 1, modules=(name,), blocks=(name,)) for name in ("blocks.0", "blocks.2"))
    network = Stands()
    network.blocks[1] = nn.Identity()
    found = gather(tiny_subject(network, inputs, labels), Structure("layer", groups), find("greedy"), inputs, labels)
    assert found["blocks.0"].tolist() == [0.75] and found["blocks.2"].tolist() == [0.25]


def test_too_many_are_refused_and_samples_are_thinned_out(tiny_subject):
    inputs, labels = data(4)
    subject = tiny_subject(settled(Blocks()), inputs, labels)
    names = [f"blocks.{at}" for at in range(13)]
    with pytest.raises(ValueError, match="8,192 ways to leave out some of 13 layers.*greedy search"):
        subsets.every(subject, names, calibration.of(subject, inputs, labels))

    def layers(n):
        return Structure("layer", (Group("stack", "stack", "layer", n, blocks=tuple(map(str, range(n)))),))

    assert subsets.samples(layers(3), 512, 1e6) == 512
    assert subsets.samples(layers(10), 5000, 1e8) == int(leave_one_out.WORK / 55e8)
    with pytest.raises(ValueError, match="takes 528 passes over the data for 32 layers.*block influence"):
        subsets.samples(layers(32), 512, 1e9)

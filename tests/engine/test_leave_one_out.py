"""Leaving out one by one: the same as removing each unit by brute force and measuring."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pruneviz.engine import leave_one_out
from pruneviz.engine.criterion import find
from pruneviz.engine.structure import find as structures
from pruneviz.engine.structure import surgery
from pruneviz.engine.structure.units import Group, Structure, everything
from pruneviz.engine.unit_evidence import gather
from tests.engine.units import BLOCKS, ODD, SMALL, Blocks, Odd, Small
from tests.engine.zoo import Attention, cnn, data, settled


def brute(network, structure, inputs, labels):
    """For each unit: the loss of the network masked without it, minus the loss of the network."""

    def loss(one):
        with torch.no_grad():
            return float(functional.cross_entropy(one(inputs), labels))

    found = {}
    for group in structure.removable:
        found[group.name] = []
        for unit in range(group.units):
            kept = everything(structure)
            kept[group.name][unit] = False
            found[group.name].append(loss(surgery.masked(network, structure, kept)) - loss(network))
    return found


def agree(found, true):
    assert list(found) == list(true)
    for name, values in true.items():
        assert max(map(abs, values)) > 1e-4, "a test of zeros shows nothing"
        assert found[name].tolist() == pytest.approx(values, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("make", "structure"), [(Small, SMALL), (Odd, ODD)])
def test_each_unit_alone(make, structure, tiny_subject):
    network, (inputs, labels) = settled(make()), data(80)
    found = gather(tiny_subject(network, inputs, labels), structure, find("leave_one_out"), inputs, labels)
    agree(found, brute(network, structure, inputs, labels))


@pytest.mark.parametrize("batch_first", [True, False])
def test_each_layer_alone(batch_first, tiny_subject):
    network, (inputs, labels) = settled(Blocks(batch_first)), data(70)
    found = gather(tiny_subject(network, inputs, labels), BLOCKS, find("leave_one_out"), inputs, labels)
    true = []
    for at in range(3):
        shorter = copy.deepcopy(network)
        shorter.blocks[at] = nn.Identity()
        with torch.no_grad():
            losses = [functional.cross_entropy(one(inputs), labels) for one in (shorter, network)]
        true.append(float(losses[0] - losses[1]))
    agree(found, {"blocks": true})
    assert found["blocks"][0] == 0, "a block that does nothing is missed by nobody, to the bit"


@pytest.mark.parametrize(
    ("make", "granularity"),
    [(lambda: cnn(nn.ReLU, nn.MaxPool2d), "filter"), (lambda: Attention(True), "head"), (lambda: Attention(True), "neuron")],
)
def test_units_as_they_are_found(make, granularity, tiny_subject):
    network, (inputs, labels) = settled(make()), data(30)
    structure = structures.find(network, inputs[:1], granularity)
    assert structure.units
    found = gather(tiny_subject(network, inputs, labels), structure, find("leave_one_out"), inputs, labels)
    agree(found, brute(network, structure, inputs, labels))


def test_a_unit_that_nobody_reads_costs_exactly_nothing(tiny_subject):
    network, (inputs, labels) = settled(Small()), data(20)
    with torch.no_grad():
        network.conv2.weight[:, 2] = 0
    found = gather(tiny_subject(network, inputs, labels), SMALL, find("leave_one_out"), inputs, labels)
    assert found["conv1"][2] == 0 and found["conv1"].any()


def test_the_samples_are_thinned_out_and_too_much_is_refused():
    def units(n):
        return Structure("filter", (Group("conv", "conv", "filter", n),))

    assert leave_one_out.samples(units(100), 512, 1e6) == 512
    assert leave_one_out.samples(units(50), 512, 1e8) == 100
    assert leave_one_out.samples(units(100), 512, 1e8) == leave_one_out.FEWEST
    assert leave_one_out.samples(units(100), 20, 1e9) == 20
    with pytest.raises(ValueError, match="5,000 filters.*gate gradient"):
        leave_one_out.samples(units(5000), 512, 1.0)
    with pytest.raises(ValueError, match="too slow"):
        leave_one_out.samples(units(1000), 512, 4e9)


def test_progress_counts_units(tiny_subject):
    network, (inputs, labels) = settled(Small()), data(5)
    told = []
    subject = tiny_subject(network, inputs, labels)
    gather(subject, SMALL, find("leave_one_out"), inputs, labels, told=lambda done, of: told.append((done, of)))
    assert told == [(at, 7) for at in range(1, 8)]


def test_integers_stay_integers(tiny_subject):
    """Tokens are looked up, not multiplied: making inputs precise must not make them numbers."""

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.up, self.down = nn.Embedding(9, 4), nn.Linear(4, 3), nn.Linear(3, 4)

        def forward(self, x):
            return self.down(torch.relu(self.up(self.embed(x)))).mean(1)

    network, labels = settled(Words(), dtype=torch.float32), torch.tensor([0, 1, 2])
    tokens = torch.tensor([[1, 2], [3, 4], [5, 8]])
    structure = structures.find(network, tokens[:1], "neuron")
    found = gather(tiny_subject(network, tokens, labels), structure, find("leave_one_out"), tokens, labels)
    assert sum(len(values) for values in found.values()) == 3
    true = brute(copy.deepcopy(network).double(), structure, tokens, labels)
    assert np.allclose([*found.values()][0], [*true.values()][0], rtol=1e-9)

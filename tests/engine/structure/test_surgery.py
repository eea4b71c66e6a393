"""Surgery: what comes back is smaller and otherwise as it was, and what cannot be proven is thrown away."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.engine.sources import card
from pruneviz.engine.structure import find, hanging, proof, surgery, trace
from pruneviz.engine.structure.surgery import Removal, SurgeryError
from pruneviz.engine.structure.units import Group, Part, Structure, everything
from tests.engine.structure import cases
from tests.engine.structure.test_trace import Forward, conv, picture


def plain() -> nn.Module:
    return cases.randomised(
        nn.Sequential(
            conv(3, 8), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(), conv(8, 6), nn.ReLU(), nn.Flatten(), nn.Linear(216, 2)
        ).double()
    )


def difference(one: nn.Module, other: nn.Module, inputs) -> float:
    return proof.prove(one, other, inputs).difference


def snapshot(network: nn.Module) -> dict:
    return {
        "values": copy.deepcopy(network.state_dict()),
        "modes": [module.training for module in network.modules()],
        "flags": [one.requires_grad for one in network.parameters()],
        "identities": [id(one) for one in (*network.modules(), *network.parameters(), *network.buffers())],
        "sizes": [repr(module) for module in network.modules()],
    }


def same(one: dict, other: dict) -> bool:
    values = zip(one["values"].items(), other["values"].items(), strict=True)
    equal = all(name == again and torch.equal(tensor, now) for (name, tensor), (again, now) in values)
    return equal and all(one[key] == other[key] for key in one if key != "values")


@pytest.mark.parametrize("name", ["digits_cnn", "digits_resnet"])
def test_a_mask_of_filters_alone_is_no_mask(name):
    """What the proof is worth: zeroing only the kernels leaves the BatchNorms' shifts, and differs; so does forgetting one
    reader, or one row."""
    subject = card.load(name)
    structure = find.of(subject, "filter")
    kept, inputs = cases.some(structure), subject.held_out.inputs(slice(0, 4))
    network = subject.skeleton()
    smaller, removal, found = surgery.remove(network, structure, kept, inputs)
    assert found.holds and found.difference < 1e-5
    wrong = copy.deepcopy(network)
    with torch.no_grad():
        for group in structure.removable:
            for part in group.of("makes"):
                gone = torch.from_numpy(~part.stays(kept[group.name])).nonzero().flatten()
                hanging.tensor(wrong, part.tensor).index_fill_(part.axis, gone, 0)
    assert difference(wrong, smaller, inputs) > 0.01
    with pytest.raises(SurgeryError, match="differs from the masked one"):
        proof.insist(wrong, smaller, inputs)
    # One reader keeps another column than it should.
    name, axis, stay = next(one for one in removal.slices if one[1] == 1)
    other = tuple(sorted({*stay[1:], next(at for at in range(1000) if at not in stay)}))
    slices = tuple((*one[:2], other) if one[:2] == (name, axis) else one for one in removal.slices)
    assert difference(surgery.masked(network, structure, kept), surgery.apply(network, Removal(slices)), inputs) > 1e-3


def test_what_is_not_cut_is_as_it_was():
    """Mode, flags, frozen weights, module classes; nothing is shared with the original, and the original is untouched."""
    network, inputs = plain(), picture()
    network.train()
    network[3].eval()
    network[0].weight.requires_grad_(False)
    network[4].bias.requires_grad_(False)
    structure = trace.structure(network, inputs, "filter")
    before = snapshot(network)
    smaller, _, found = surgery.remove(network, structure, cases.some(structure), inputs)
    assert found.difference <= 1e-9 and same(before, snapshot(network))
    assert [module.training for module in smaller.modules()] == before["modes"]
    assert [one.requires_grad for one in smaller.parameters()] == before["flags"]
    assert [type(one) for one in smaller.modules()] == [type(one) for one in network.modules()]
    ours = {one.untyped_storage().data_ptr() for one in (*smaller.parameters(), *smaller.buffers())}
    theirs = {one.untyped_storage().data_ptr() for one in (*network.parameters(), *network.buffers())}
    assert not ours & theirs
    assert (smaller[0].out_channels, smaller[1].num_features, smaller[4].in_channels) == (6, 6, 6)
    assert (smaller[4].out_channels, smaller[7].in_features, smaller[7].out_features) == (4, 144, 2)
    for parameter in smaller.parameters():
        parameter.requires_grad_(True)
    smaller.train()(inputs).sum().backward()
    assert all(one.grad.shape == one.shape for one in smaller.parameters())


def test_nothing_gone_is_the_same_network():
    network, inputs = plain(), picture()
    structure = trace.structure(network, inputs, "filter")
    smaller, removal, found = surgery.remove(network, structure, everything(structure), inputs)
    assert removal == Removal() and found.difference == 0
    assert all(torch.equal(tensor, smaller.state_dict()[name]) for name, tensor in network.state_dict().items())


def test_a_recurrent_layer_beside_stays_whole():
    """torch's recurrent layers keep a second list of their weights: it must be the copy's, not the original's."""

    def forward(m, x):
        return m.fc(m.lstm(m.conv(x).amax(3).transpose(1, 2))[0][:, -1])

    network = Forward(forward, conv=conv(3, 5), lstm=nn.LSTM(5, 4, batch_first=True), fc=nn.Linear(4, 2)).double()
    network.pre = nn.Sequential(conv(3, 4), conv(4, 3)).double()
    network.call = lambda m, x: forward(m, m.pre(x))
    cases.randomised(network)
    structure = trace.structure(network, picture(), "filter")
    assert "lstm" in structure.group("conv").reason and structure.group("pre.0").removable
    smaller, _, _ = surgery.remove(network, structure, cases.some(structure), picture())
    assert [id(one) for one in smaller.lstm._flat_weights] == [id(one) for one in smaller.lstm.parameters()]
    assert not {id(one) for one in smaller.lstm._flat_weights} & {id(one) for one in network.lstm.parameters()}


def test_tied_weights_are_tied_afterwards():
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 5), nn.Linear(5, 2))
    network[3].weight = network[1].weight
    network[3].bias = network[1].bias
    cases.randomised(network.double())
    inputs = torch.randn(2, 3, dtype=torch.float64)
    structure = trace.structure(network, inputs, "neuron")
    assert [group.units for group in structure.removable] == [4, 5]
    smaller, _, _ = surgery.remove(network, structure, cases.some(structure), inputs)
    assert smaller[3].weight is smaller[1].weight and smaller[3].bias is smaller[1].bias
    assert smaller[1].weight.shape == (3, 3)
    only_last = {**everything(structure), "4": np.array([True, False, True, True, True])}
    smaller, _, _ = surgery.remove(network, structure, only_last, inputs)
    assert smaller[3].weight is smaller[1].weight and smaller[1].weight is not network[1].weight


class AtLeastSix(nn.Module):
    """It runs with one channel less, and not with three less: trying it out once does not find that."""

    def forward(self, x):
        if x.shape[1] < 6:
            raise ValueError(f"six channels at least, not {x.shape[1]}")
        return x


class Scaled(nn.Module):
    """It divides by the number of channels, which no rule can see."""

    def forward(self, x):
        return x / x.shape[1]


def test_a_removal_that_does_not_run_is_rolled_back():
    network, inputs = plain(), picture()
    network[2] = AtLeastSix()
    structure = trace.structure(network, inputs, "filter")
    before = snapshot(network)
    with pytest.raises(SurgeryError, match=r"does not run: 2 breaks \(six channels at least, not 4\)") as caught:
        surgery.remove(network, structure, cases.some(structure, 0.5), inputs)
    assert caught.value.module == "2" and same(before, snapshot(network))


def test_a_removal_that_computes_something_else_is_rolled_back():
    network, inputs = plain(), picture()
    structure = trace.structure(network, inputs, "filter")
    network[5] = Scaled()
    before = snapshot(network)
    with pytest.raises(SurgeryError, match="differs from the masked one by .*; it was thrown away") as caught:
        surgery.remove(network, structure, cases.some(structure), inputs)
    assert caught.value.module == "7" and same(before, snapshot(network))


def test_a_cut_that_cannot_be_made_is_rolled_back():
    network, inputs = plain(), picture()
    lost = Group(
        "0", "0", "filter", 8, (Part("0.weight", 0, "makes", np.arange(9)), Part("4.weight", 1, "reads", np.arange(9)))
    )
    before = snapshot(network)
    with pytest.raises(SurgeryError, match="could not be cut"):
        surgery.remove(network, Structure("filter", (lost,)), {"0": np.arange(8) > 2}, inputs)
    assert same(before, snapshot(network))


def test_a_forgotten_row_is_noticed():
    """The BatchNorm is not cut with its filters: the smaller network breaks there, and the module is named."""
    network, inputs = plain(), picture()
    structure = trace.structure(network, inputs, "filter")
    group = structure.group("0")
    parts = tuple(part for part in group.parts if not part.tensor.startswith("1."))
    broken = Structure("filter", (Group("0", "0", "filter", 8, parts),))
    with pytest.raises(SurgeryError, match="1 breaks") as caught:
        surgery.remove(network, broken, {"0": np.arange(8) > 2}, inputs)
    assert caught.value.module == "1"


def test_float32_networks_are_proven_in_float64():
    subject = card.load("digits_resnet")
    structure, inputs = find.of(subject, "filter"), subject.held_out.inputs(slice(0, 3))
    network = subject.skeleton()
    smaller, _, rough = surgery.remove(network, structure, cases.some(structure), inputs)
    again, _, exact = surgery.remove_exactly(network, structure, cases.some(structure), inputs)
    assert rough.noise == 1e-4 and exact.noise == 1e-9 and exact.difference < 1e-12 < rough.difference
    assert next(again.parameters()).dtype == torch.float32 == next(subject.network.parameters()).dtype
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in smaller.state_dict().items())


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_taking_in_steps_does_not_compound(steps):
    """12 filters to 50 %, always asked of the first network: 6 are left however often one asks."""
    network = cases.randomised(nn.Sequential(conv(3, 12), nn.ReLU(), conv(12, 2), nn.Flatten()).double())
    inputs, smaller = picture(), network
    for step in range(1, steps + 1):
        structure = trace.structure(smaller, inputs, "filter")
        goal = 12 - round(12 * 0.5 * step / steps)
        left = structure.group("0").units
        smaller, _, found = surgery.remove(smaller, structure, {"0": np.arange(left) < goal}, inputs)
        assert found.difference <= 1e-9
    assert smaller[0].out_channels == 6 and smaller[2].in_channels == 6


def test_a_removal_can_be_done_again_to_another_copy():
    network, inputs = plain(), picture()
    structure = trace.structure(network, inputs, "filter")
    smaller, removal, _ = surgery.remove(network, structure, cases.some(structure), inputs)
    again = surgery.apply(copy.deepcopy(network), removal)
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in smaller.state_dict().items())


def test_the_wrong_number_of_units_is_refused():
    network, inputs = plain(), picture()
    structure = trace.structure(network, inputs, "filter")
    with pytest.raises(ValueError, match="0 has 8 units, but kept has 7"):
        surgery.plan(network, structure, {"0": np.arange(7) > 0})

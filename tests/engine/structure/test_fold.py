"""Folding: a channel that always says the same goes without a trace, if its reader can remember what it said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pruneviz.engine.structure import surgery, trace
from pruneviz.engine.structure.proof import prove
from tests.engine.structure import cases
from tests.engine.structure.test_trace import Forward, picture


def network(padding: int = 0, bias: bool = True, mode: str = "zeros") -> nn.Module:
    """Filters 1 and 4 of the first layer are zeros; their BatchNorm's shift goes on, through a ReLU."""
    made = nn.Sequential(
        nn.Conv2d(3, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3, bias=bias, padding=padding, padding_mode=mode),
        nn.Flatten(),
        nn.Linear(4 * (2 + 2 * padding) ** 2, 2),
    )
    cases.randomised(made.double())
    with torch.no_grad():
        made[0].weight[[1, 4]] = 0
        made[1].bias[[1, 4]] = made[1].bias[[1, 4]].abs() + made[1].running_mean[[1, 4]].abs() * 3 + 1
    return made


WITHOUT = {"0": np.array([True, False, True, True, False, True])}


@pytest.mark.parametrize("bias", [True, False])
def test_folded_equals_the_network_as_it_was(bias):
    """Where only constants go, the smaller network equals the whole one, on other inputs too; not so without folding."""
    whole, inputs = network(bias=bias), picture()
    structure = trace.structure(whole, inputs, "filter")
    smaller, removal, proof = surgery.remove(whole, structure, WITHOUT, inputs, fold=True)
    assert removal.folded == ("0:1", "0:4") and removal.unfolded == ()
    assert removal.biases == (() if bias else ("3",)) and smaller[3].bias.shape == (4,)
    assert proof.difference <= 1e-9 and smaller[0].out_channels == 4
    assert prove(whole, smaller, 5 * picture().flip(0)).difference <= 1e-9
    plain, _, _ = surgery.remove(whole, structure, WITHOUT, inputs)
    assert prove(whole, plain, inputs).difference > 1e-2
    # By hand: the BatchNorm turns 0 into β − γ μ / √(σ² + ε), the ReLU lets it through, the kernel's taps are summed.
    norm = whole[1]
    constant = norm.bias - norm.weight * norm.running_mean / (norm.running_var + norm.eps).sqrt()
    gained = whole[3].weight[:, [1, 4]].sum((2, 3)) @ constant[[1, 4]]
    before = whole[3].bias if bias else torch.zeros(4, dtype=torch.float64)
    assert torch.allclose(smaller[3].bias, before + gained, rtol=1e-12)


def test_what_varies_is_silenced_and_said():
    whole, inputs = network(), picture()
    structure = trace.structure(whole, inputs, "filter")
    kept = {"0": np.array([False, False, True, True, True, True])}
    smaller, removal, proof = surgery.remove(whole, structure, kept, inputs, fold=True)
    assert removal.folded == ("0:1",)
    ((unit, why),) = removal.unfolded
    assert unit == "0:0" and "not constant" in why and "3 reads" in why
    reference = surgery.masked(whole, structure, {"0": np.array([False, True, True, True, True, True])})
    assert proof.difference <= 1e-9 and prove(reference, smaller, inputs).difference <= 1e-9


def test_a_border_of_zeros_forbids_it_unless_the_constant_is_zero():
    whole, inputs = network(padding=1), picture()
    with torch.no_grad():
        whole[1].bias[4] = -100.0  # the ReLU makes it 0
    structure = trace.structure(whole, inputs, "filter")
    smaller, removal, proof = surgery.remove(whole, structure, WITHOUT, inputs, fold=True)
    assert removal.folded == ("0:4",) and removal.unfolded[0][0] == "0:1" and "pads with zeros" in removal.unfolded[0][1]
    assert proof.difference <= 1e-9 and removal.biases == ()
    mirrored = network(padding=1, mode="reflect")
    _, removal, proof = surgery.remove(mirrored, trace.structure(mirrored, inputs, "filter"), WITHOUT, inputs, fold=True)
    assert removal.folded == ("0:1", "0:4") and proof.difference <= 1e-9


def test_several_readers_and_a_matrix():
    """A dead neuron that two matrices read, one of which loses outputs of its own at the same time."""
    made = Forward(
        lambda m, x: m.out(m.one(y := m.first(x).relu()).tanh()) + m.two(y),
        first=nn.Linear(3, 5),
        one=nn.Linear(5, 4, bias=False),
        two=nn.Linear(5, 2),
        out=nn.Linear(4, 2),
    )
    cases.randomised(made.double())
    with torch.no_grad():
        made.first.weight[2], made.first.bias[2] = 0, 0.7
        made.one.weight[1] = 0
    inputs = torch.randn(8, 3, dtype=torch.float64)
    structure = trace.structure(made, inputs, "neuron")
    kept = {"first": np.arange(5) != 2, "one": np.arange(4) != 3}
    smaller, removal, proof = surgery.remove(made, structure, kept, inputs, fold=True)
    assert removal.folded == ("first:2",) and [unit for unit, _ in removal.unfolded] == ["one:3"]
    assert proof.difference <= 1e-9 and removal.biases == ("one",) and smaller.one.bias.shape == (3,)
    again = surgery.apply(made, removal)
    assert again.one.bias.shape == (3,) and not again.one.bias.any()


def test_a_reader_that_is_shared_cannot_remember_it_for_one():
    made = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2))
    made[3].weight = made[2].weight
    cases.randomised(made.double())
    with torch.no_grad():
        made[0].weight[1] = 0
    inputs = torch.randn(4, 3, dtype=torch.float64)
    structure = trace.structure(made, inputs, "neuron")
    (group,) = structure.removable
    _, removal, proof = surgery.remove(made, structure, {group.name: np.arange(4) != 1}, inputs, fold=True)
    assert removal.folded == () and "shared" in removal.unfolded[0][1] and proof.difference <= 1e-9


def test_the_original_is_not_touched():
    whole, inputs = network(bias=False), picture()
    before = {name: tensor.clone() for name, tensor in whole.state_dict().items()}
    whole.train()
    structure = trace.structure(whole, inputs, "filter")
    smaller, _, _ = surgery.remove(whole, structure, WITHOUT, inputs, fold=True)
    assert all(torch.equal(tensor, before[name]) for name, tensor in whole.state_dict().items())
    assert whole[3].bias is None and all(module.training for module in smaller.modules())

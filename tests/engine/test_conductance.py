"""Conductance, against captum's `LayerConductance` called by hand, and against weights that a pencil can follow."""

from __future__ import annotations

import pytest
import torch
from captum.attr import LayerConductance
from torch import nn

from pruneviz.engine import evaluate
from pruneviz.engine.criterion import find
from pruneviz.engine.sources.card import load
from pruneviz.engine.structure import find as structures
from pruneviz.engine.structure.units import Group, Part, Structure
from pruneviz.engine.unit_evidence import gather
from pruneviz.recipe import Recipe
from tests.engine.sources.stories import folder
from tests.engine.test_unit_evidence import close
from tests.engine.units import ODD, SMALL, TURNS, Odd, Small, each
from tests.engine.zoo import Attention, data, settled

LAST = 0.9905754753144174
"""The outermost of 17 Gauss–Legendre places on [−1, 1]: the steps cover this share of the line."""


def by_captum(network, module, inputs, labels):
    """Captum's conductance of each channel of a module, [n, channels]: of the true class's logit, from the mean input."""
    found = LayerConductance(network, network.get_submodule(module)).attribute(
        inputs, baselines=torch.zeros_like(inputs), target=labels, n_steps=16, method="gausslegendre"
    )
    return found.detach().flatten(2).sum(2) if found.ndim > 2 else found.detach()


def neurons(module, units):
    parts = (Part(f"{module}.weight", 0, "makes", each(units)), Part(f"{module}.bias", 0, "follows", each(units)))
    return Structure("neuron", (Group(module, module, "neuron", units, parts, modules=(module,)),))


def test_two_neurons_by_hand(tiny_subject):
    """F = 3 relu(2x) − relu(−x), straight on each side of zero. At x = 1 six flow through the first neuron and nothing
    through the second; at x = −2 nothing and minus two. The mean sizes are 3 and 1."""
    network = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(inplace=True), nn.Linear(2, 1, bias=False)).double()
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[2.0], [-1.0]]))
        network[2].weight.copy_(torch.tensor([[3.0, -1.0]]))
    inputs, labels = torch.tensor([[1.0], [-2.0]], dtype=torch.float64), torch.tensor([0, 0])
    found = gather(tiny_subject(network, inputs, labels), neurons("0", 2), find("conductance"), inputs, labels)
    assert found["0"].tolist() == pytest.approx([3 * LAST, 1 * LAST], rel=1e-12)


def test_it_is_captums_layer_conductance(tiny_subject):
    network, (inputs, labels) = settled(Small()), data(9)
    found = gather(tiny_subject(network, inputs, labels), SMALL, find("conductance"), inputs, labels)
    assert list(found) == ["conv1", "conv2"]
    for module in found:
        close(found[module], by_captum(network, module, inputs, labels).abs().mean(0))


def test_channels_of_one_unit_are_summed_before_their_size_is_taken(tiny_subject):
    """Two channels are one unit: what flows forth through one and back through the other does not count."""
    network, (inputs, labels) = settled(Odd()), data(7)
    found = gather(tiny_subject(network, inputs, labels), ODD, find("conductance"), inputs, labels)
    channels = by_captum(network, "conv", inputs, labels)
    units = torch.stack([channels[:, unit == TURNS].sum(1) for unit in (0, 1)], 1)
    close(found["conv"], units.abs().mean(0))


def test_neurons_of_tokens_and_samples_that_do_not_come_first(tiny_subject):
    """Captum looks for the samples along the first axis. The same network with its tokens there says the same here."""
    (inputs, labels), found = data(4), []
    for batch_first in (True, False):
        network = settled(Attention(batch_first))
        structure = neurons("layer.linear1", network.layer.linear1.out_features)
        subject = tiny_subject(network, inputs, labels)
        found.append(gather(subject, structure, find("conductance"), inputs, labels)["layer.linear1"])
    layer = LayerConductance(network := settled(Attention(True)), network.layer.linear1)
    how = {"baselines": torch.zeros_like(inputs), "target": labels, "n_steps": 16}
    close(found[0], layer.attribute(inputs, **how).detach().sum(1).abs().mean(0))
    close(found[1], found[0])


def test_what_flows_through_a_layer_is_what_the_score_rises_by():
    """Completeness on a real network: the filters of a layer together carry the rise from the mean image to the sample."""
    subject = load("digits_cnn")
    inputs, labels = subject.held_out.inputs(slice(0, 6)), subject.held_out.labels[:6]
    network = subject.skeleton().eval()
    with torch.no_grad():
        rise = (network(inputs) - network(torch.zeros_like(inputs))).gather(1, labels[:, None])[:, 0]
    for module in ("conv1", "conv2", "conv3"):
        through = by_captum(network, module, inputs, labels).sum(1)
        assert ((through - rise).abs() / rise.abs()).max() < 0.12, module
    found = gather(subject, structures.of(subject, "filter"), find("conductance"), inputs, labels)
    assert torch.allclose(found["conv3"].float(), by_captum(network, "conv3", inputs, labels).abs().mean(0), rtol=1e-3)


def test_coupled_filters_add_up_what_flows_through_each_module():
    subject = load("digits_resnet")
    inputs, labels = subject.held_out.inputs(slice(0, 3)), subject.held_out.labels[:3]
    structure, network = structures.of(subject, "filter"), subject.skeleton().eval()
    found = gather(subject, structure, find("conductance"), inputs, labels)
    group = structure.group("conv1")
    each_module = [by_captum(network, module, inputs, labels) for module in group.modules]
    assert len(each_module) == 3
    assert torch.allclose(found["conv1"].float(), sum(each_module).abs().mean(0), rtol=1e-3, atol=1e-4)


def test_tokens_are_refused_in_words(tmp_path):
    subject = load(folder(tmp_path))
    with pytest.raises(ValueError, match="between the tokens of a text there is none: choose «gate gradient»"):
        evaluate.check(subject, Recipe(granularity="neuron", criterion="conductance"))
    with pytest.raises(ValueError, match="conductance scores filters and neurons, not attention heads"):
        evaluate.check(subject, Recipe(granularity="head", criterion="conductance"))


class Hidden(nn.Module):
    """A matrix that is used as a function, so that its module never runs."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(16, 3), nn.Linear(3, 4)

    def forward(self, x):
        return self.last(torch.relu(nn.functional.linear(x.flatten(1), self.first.weight, self.first.bias)))


def test_a_module_that_never_runs_is_refused_by_name(tiny_subject):
    network, (inputs, labels) = settled(Hidden()), data(4)
    with pytest.raises(ValueError, match="first does not run as a module of its own"):
        gather(tiny_subject(network, inputs, labels), neurons("first", 3), find("conductance"), inputs, labels)

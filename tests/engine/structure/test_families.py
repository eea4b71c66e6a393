"""Done means 1: without 30 % of all filters or neurons, smaller equals masked to 1e-9, for every family and real weights."""

from __future__ import annotations

import pytest
import torch

from pruneviz.engine.sources import card
from pruneviz.engine.structure import find, surgery, trace
from pruneviz.engine.structure.units import shapes_after
from tests.engine.structure import cases

# What each family offers: neither shrinks because a rule was lost, nor is anything offered that cannot go.
NO_FILTERS = {"convnext_tiny", "swin_t", "vit_b_16"}  # all of their filters feed norms over all channels
NO_NEURONS = {
    name for name in cases.FAMILIES if name not in ("alexnet", "vgg11", "vgg11_bn", "mobilenet_v3_small", "maxvit_t")
}
NO_NEURONS -= NO_FILTERS


@pytest.mark.parametrize("name", cases.FAMILIES)
def test_smaller_equals_masked_in_every_family(name):
    network, inputs = cases.family(name)
    with torch.inference_mode():
        before = network(inputs)
    largest, spread = float(before.abs().max()), float(before.std())
    assert 1e-3 * largest < spread < float("inf")
    for granularity, none in (("filter", NO_FILTERS), ("neuron", NO_NEURONS)):
        structure = trace.structure(network, inputs, granularity)
        found = [group.reason for group in structure.groups]
        assert ("" in found) == (name not in none), found
        kept = cases.some(structure)
        smaller, removal, proof = surgery.remove(network, structure, kept, inputs)
        assert proof.noise == 1e-9 and proof.difference <= 1e-9
        shapes = {key: tuple(tensor.shape) for key, tensor in (*smaller.named_parameters(), *smaller.named_buffers())}
        promised = shapes_after(structure, kept, structure.shapes)
        assert not [key for key in promised.keys() | shapes.keys() if promised.get(key) != shapes.get(key)]
        if structure.removable:
            assert cases.parameters(smaller) < cases.parameters(network)
            with torch.inference_mode():
                changed = float((smaller(inputs) - before).abs().max())
            assert changed > 1e-3 * largest, "what went had no influence, so that nothing is proven"


@pytest.mark.parametrize("name", cases.SAMPLES)
def test_smaller_equals_masked_in_the_samples(name):
    equal_in_float64(card.load(name))


@pytest.mark.parametrize("name", cases.REAL)
def test_smaller_equals_masked_with_real_weights(name, real_data, tmp_path):
    equal_in_float64(cases.real(name, tmp_path))


def equal_in_float64(subject):
    inputs = subject.held_out.inputs(slice(0, 2))
    before = {name: tensor.clone() for name, tensor in subject.network.state_dict().items()}
    offered = 0
    for granularity in ("filter", "neuron"):
        structure = find.of(subject, granularity)
        offered += structure.units
        kept = cases.some(structure)
        smaller, _, proof = surgery.remove_exactly(subject.skeleton(), structure, kept, inputs)
        assert proof.noise == 1e-9 and proof.difference <= 1e-9
        if structure.removable:
            assert surgery.prove(subject.skeleton(), smaller, inputs).difference > 1e-2, "what went had no influence"
    assert offered
    after = subject.network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())

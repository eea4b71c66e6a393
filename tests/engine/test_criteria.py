"""Laws of all criteria that score weights: a new criterion file is tested here without a line being written."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pruneviz.engine.criterion import Evidence, find, offered, shelf
from pruneviz.engine.evidence import gather, scores
from tests.engine.zoo import ZOO, data, settled

WEIGHTS = [key for key, one in shelf().items() if not one.units]
ALL_NEEDS = ("weight", "gradient", "absolute_gradient", "hessian_diagonal", "input_norm")
SHAPES = ((3, 2), (2, 3, 2, 2), (1, 1), (4, 1, 3))


def evidence_of(shape, seed, needs=ALL_NEEDS):
    """Random but possible evidence: a mean of sizes is at least the size of the mean."""
    generator = torch.Generator().manual_seed(seed)
    weight, gradient, extra, curvature = (torch.randn(shape, generator=generator) for _ in range(4))
    have = {"gradient": gradient, "absolute_gradient": gradient.abs() + extra.abs(), "hessian_diagonal": curvature}
    have["input_norm"] = extra[:1].abs()
    return Evidence("layer.weight", weight, seed, **{need: value for need, value in have.items() if need in needs})


@pytest.mark.parametrize("key", WEIGHTS)
@given(shape=st.sampled_from(SHAPES), seed=st.integers(0, 2**40))
@settings(max_examples=15, deadline=None)
def test_same_shape_finite_repeatable_touching_nothing_using_only_its_needs(key, shape, seed):
    criterion, state = find(key), torch.get_rng_state()
    just = evidence_of(shape, seed, criterion.needs)
    tensors = [getattr(just, field.name) for field in fields(just) if isinstance(getattr(just, field.name), torch.Tensor)]
    before = [tensor.clone() for tensor in tensors]
    first, again = criterion.saliency(just), criterion.saliency(just)
    assert first.shape == shape
    assert torch.isfinite(first).all()
    assert torch.equal(first, again)
    assert torch.equal(first, criterion.saliency(evidence_of(shape, seed)))
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(tensors, before, strict=True))
    assert all(first.data_ptr() != tensor.data_ptr() for tensor in tensors), "a saliency must not be the evidence itself"
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("key", WEIGHTS)
def test_every_need_is_used(key):
    """A need that changes nothing would cost a visitor time for nothing."""
    criterion = find(key)
    whole = evidence_of((5, 4), 1)
    for need in set(criterion.needs) - {"weight"}:
        other = replace(whole, **{need: getattr(whole, need) * 3 + 1})
        assert not torch.equal(criterion.saliency(other), criterion.saliency(whole)), need


@pytest.mark.parametrize("key", WEIGHTS)
def test_every_criterion_has_its_words(key):
    criterion = find(key)
    assert set(criterion.needs) <= set(ALL_NEEDS)
    assert criterion.text.splitlines()[0].endswith(".")
    assert criterion.formula and criterion.paper.cite and criterion.paper.where and criterion.name


@pytest.mark.parametrize("key", WEIGHTS)
@pytest.mark.parametrize("kind", ["cnn", "residual", "attention"])
def test_scores_are_float32_in_the_subjects_order(key, kind, tiny_subject):
    inputs, labels = data(dtype=torch.float32)
    subject = tiny_subject(settled(ZOO[kind](), dtype=torch.float32), inputs, labels)
    saliencies, gathered = scores(subject, find(key), inputs, labels, seed=5)
    assert [tuple(saliency.shape) for saliency in saliencies] == [layer.shape for layer in subject.layers]
    assert all(saliency.dtype == torch.float32 and torch.isfinite(saliency).all() for saliency in saliencies)
    assert gathered.n == (len(inputs) if find(key).needs_data else 0)
    again, _ = scores(subject, find(key), inputs, labels, seed=5)
    assert all(torch.equal(one, other) for one, other in zip(saliencies, again, strict=True))


def test_random_depends_on_seed_and_layer_and_lies_between_zero_and_one():
    saliency = find("random").saliency
    plain = Evidence("a.weight", torch.zeros(40, 50))
    drawn = saliency(plain)
    assert 0 <= drawn.min() < 0.01 and 0.99 < drawn.max() < 1
    assert not torch.equal(drawn, saliency(replace(plain, seed=1)))
    assert not torch.equal(drawn, saliency(replace(plain, name="b.weight")))
    assert saliency(replace(plain, seed=2**63 - 1)).shape == drawn.shape


def test_taylor_is_exact_where_the_loss_is_linear():
    """L(w) = c·w: removing w moves the loss by exactly |c w|, whatever the sign (c = 3, −1, 0; w = 2, −5, 7: 6, 5, 0)."""
    weight, slope = torch.tensor([[2.0, -5.0, 7.0]]), torch.tensor([[3.0, -1.0, 0.0]])
    true = [
        abs(float((slope * weight).sum() - (slope * weight)[0, [j for j in range(3) if j != k]].sum())) for k in range(3)
    ]
    saliency = find("gradient").saliency(Evidence("w", weight, absolute_gradient=slope.abs()))
    assert saliency.tolist() == [true] == [[6.0, 5.0, 0.0]]


@given(st.lists(st.tuples(st.floats(-8, 8), st.floats(-8, 8)), min_size=1, max_size=6))
def test_obd_is_exact_for_a_diagonal_quadratic(pairs):
    """L(u) = ½ Σ h_k (u_k − w_k)² around a minimum w: removing w_k costs h_k w_k² / 2, and less than nothing where h < 0."""
    h, w = (torch.tensor([column], dtype=torch.float64) for column in zip(*pairs, strict=True))
    saliency = find("obd").saliency(Evidence("w", w, hessian_diagonal=h))
    for k in range(len(pairs)):
        u = w.clone()
        u[0, k] = 0
        assert float(saliency[0, k]) == pytest.approx(float((0.5 * h * (u - w) ** 2).sum()), rel=1e-12, abs=1e-300)


def test_obd_keeps_the_sign_of_the_curvature():
    saliency = find("obd").saliency(Evidence("w", torch.tensor([[2.0, 2.0]]), hessian_diagonal=torch.tensor([[-1.0, 1.0]])))
    assert saliency.tolist() == [[-2.0, 2.0]]


def test_gradient_does_not_cancel_between_samples(tiny_subject):
    """Two samples that pull a weight both ways: the mean gradient is 0 and says nothing, the criterion sees both."""
    network = nn.Linear(1, 2, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[1.0], [1.0]]))
    inputs, labels = torch.ones(2, 1), torch.tensor([0, 1])
    subject = tiny_subject(network, inputs, labels)
    (evidence,) = gather(subject, ("gradient", "absolute_gradient"), inputs, labels).evidence
    assert evidence.gradient.tolist() == [[0.0], [0.0]]
    assert scores(subject, find("gradient"), inputs, labels)[0][0].tolist() == [[0.5], [0.5]]


def test_what_a_file_says_is_what_is_offered():
    """`in_loss` and `units` reach the record, and each granularity is offered what it can use."""
    assert find("obd").in_loss and not find("magnitude").in_loss
    assert find("block_influence").units == ("layer",)
    assert list(offered("weight")) == list(offered("2:4")) == WEIGHTS
    assert set(offered("layer")) == {*WEIGHTS, *(key for key, one in shelf().items() if "layer" in one.units)}

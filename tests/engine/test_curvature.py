"""Curvature equals double differentiation where it says exact, and what it says where it does not."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from pruneviz.engine import curvature
from pruneviz.engine.evidence import gather
from tests.engine.conftest import tiny_subject
from tests.engine.zoo import ZOO, Attention, Functional, Residual, Tokens, Twice, cnn, data, mlp, settled

SMOOTH = (nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.Softplus, nn.ELU, nn.Mish, nn.Hardswish, nn.LogSigmoid)
PIECES = (nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.PReLU, nn.Hardtanh)


def double_differentiation(subject, inputs, labels):
    """The diagonal of the full Hessian of the mean loss, layer by layer."""
    found = {}
    for layer in subject.layers:
        weight = subject.parameter(layer)

        def loss(value, name=layer.name):
            return nn.functional.cross_entropy(functional_call(subject.network, {name: value}, (inputs,)), labels)

        hessian = torch.autograd.functional.hessian(loss, weight)
        found[layer.name] = hessian.reshape(weight.numel(), -1).diagonal().reshape(weight.shape)
    return found


def gauss_newton(subject, inputs, labels):
    """Σ over samples of the diagonal of Jᵀ (diag(p) − ppᵀ) J, from full Jacobians."""
    found = {layer.name: 0 for layer in subject.layers}
    for x in inputs:
        p = subject.network(x[None])[0].softmax(0).detach()
        middle = p.diag() - torch.outer(p, p)
        for layer in subject.layers:

            def logits(value, name=layer.name, x=x):
                return functional_call(subject.network, {name: value}, (x[None],))[0]

            jacobian = torch.autograd.functional.jacobian(logits, subject.parameter(layer)).flatten(1)
            found[layer.name] = found[layer.name] + torch.einsum("ck,cd,dk->k", jacobian, middle, jacobian)
    return {layer.name: (found[layer.name] / len(inputs)).reshape(layer.shape) for layer in subject.layers}


def assert_exact(network, inputs, labels, word="exact"):
    subject = tiny_subject(network, inputs, labels)
    gathered = gather(subject, ("hessian_diagonal",), inputs, labels)
    true = double_differentiation(subject, inputs, labels)
    assert gathered.curvature == word
    for evidence in gathered.evidence:
        scale = true[evidence.name].abs().max()
        assert scale > 0
        torch.testing.assert_close(evidence.hessian_diagonal / scale, true[evidence.name] / scale, rtol=1e-9, atol=1e-11)
    return gathered


@pytest.mark.parametrize("act", SMOOTH + PIECES)
@pytest.mark.parametrize(
    "make", [lambda act: mlp(act, 6, 5, 5), cnn, lambda act: Residual(act())], ids=["mlp", "cnn", "res"]
)
def test_exact_equals_double_differentiation(make, act):
    assert_exact(settled(make(act)), *data())


@given(
    hidden=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    acts=st.lists(st.sampled_from(SMOOTH + PIECES), min_size=4, max_size=4),
    seed=st.integers(0, 2**31),
    n=st.integers(1, 5),
)
@settings(max_examples=25, deadline=None)
def test_any_chain_of_any_activations_is_exact(hidden, acts, seed, n):
    sizes = (16, *hidden)
    parts = [
        part
        for pair, act in zip(zip(sizes, sizes[1:], strict=False), acts, strict=False)
        for part in (nn.Linear(*pair), act())
    ]
    inputs, labels = data(n, seed)
    subject = tiny_subject(settled(nn.Sequential(nn.Flatten(), *parts, nn.Linear(sizes[-1], 4)), seed), inputs, labels)
    gathered = gather(subject, ("hessian_diagonal",), inputs, labels)
    true = double_differentiation(subject, inputs, labels)
    assert gathered.curvature == "exact"
    for evidence in gathered.evidence:
        torch.testing.assert_close(evidence.hessian_diagonal, true[evidence.name], rtol=1e-8, atol=1e-11)


def test_functional_calls_and_tokens_are_exact_too():
    assert_exact(settled(Functional()), *data())
    assert_exact(settled(Tokens(nn.ReLU())), *data())
    assert_exact(settled(Tokens(nn.Tanh())), *data())


def test_in_float32_it_is_good_to_four_digits():
    inputs, labels = data(32)
    for make in (lambda: cnn(nn.ReLU), lambda: cnn(nn.Tanh), lambda: mlp(nn.Tanh, 8, 6)):
        true = double_differentiation(tiny_subject(settled(make()), inputs, labels), inputs, labels)
        single = tiny_subject(settled(make(), dtype=torch.float32), inputs.float(), labels)
        for evidence in gather(single, ("hessian_diagonal",), inputs.float(), labels).evidence:
            worst = (evidence.hessian_diagonal - true[evidence.name]).abs().max() / true[evidence.name].abs().max()
            assert worst < 1e-4


def test_negative_curvature_stays_negative():
    """Smooth networks away from a minimum bend down along some weights."""
    gathered = assert_exact(settled(mlp(nn.Tanh, 6, 5)), *data())
    assert any((evidence.hessian_diagonal < 0).any() for evidence in gathered.evidence)
    gathered = assert_exact(settled(mlp(nn.ReLU, 6, 5)), *data())
    assert all((evidence.hessian_diagonal >= 0).all() for evidence in gathered.evidence)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Attention(batch_first=True),
        lambda: Attention(batch_first=False),
        lambda: Twice(nn.ReLU()),
        lambda: Twice(nn.Tanh()),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 4)),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(16, 5), nn.Softmax(1), nn.Linear(5, 4)),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(16, 6), nn.GLU(), nn.Linear(3, 4)),
        ZOO["unusual"],
    ],
    ids=["attention", "samples last", "twice", "twice smooth", "layer norm", "softmax", "gate", "unusual"],
)
def test_the_rest_is_gauss_newton_and_says_so(make):
    inputs, labels = data()
    subject = tiny_subject(settled(make()), inputs, labels)
    gathered = gather(subject, ("hessian_diagonal",), inputs, labels)
    true = gauss_newton(subject, inputs, labels)
    assert gathered.curvature == "Gauss-Newton"
    for evidence in gathered.evidence:
        torch.testing.assert_close(evidence.hessian_diagonal, true[evidence.name], rtol=1e-8, atol=1e-12)


def test_too_many_distant_bends_are_gauss_newton_and_say_so(monkeypatch):
    inputs, labels = data()
    subject = tiny_subject(settled(cnn(nn.Tanh)), inputs, labels)
    monkeypatch.setattr(curvature, "MOST_COLUMNS", 3)
    gathered = gather(subject, ("hessian_diagonal",), inputs, labels)
    true = gauss_newton(subject, inputs, labels)
    assert gathered.curvature == "Gauss-Newton"
    for evidence in gathered.evidence:
        torch.testing.assert_close(evidence.hessian_diagonal, true[evidence.name], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("act", [nn.ReLU, nn.Tanh])
def test_many_classes_are_the_empirical_fisher_sample_by_sample(act):
    inputs, labels = data(5, classes=51)
    network = settled(mlp(act, 6, classes=51))
    subject = tiny_subject(network, inputs, labels)
    gathered = gather(subject, ("hessian_diagonal",), inputs, labels)
    assert gathered.curvature == "empirical Fisher"
    weights = [network.get_parameter(layer.name) for layer in subject.layers]
    losses = [nn.functional.cross_entropy(network(x[None]), y[None]) for x, y in zip(inputs, labels, strict=True)]
    rows = [torch.autograd.grad(loss, weights) for loss in losses]
    for evidence, column in zip(gathered.evidence, zip(*rows, strict=True), strict=True):
        torch.testing.assert_close(evidence.hessian_diagonal, torch.stack(column).square().mean(0), rtol=1e-9, atol=1e-14)


def test_fifty_classes_are_still_exact():
    inputs, labels = data(3, classes=50)
    assert_exact(settled(mlp(nn.ReLU, 3, classes=50)), inputs, labels)


def test_the_factor_gives_the_hessian_of_the_cross_entropy_even_for_certain_predictions():
    logits = torch.tensor([[0.0, 1.0, -2.0], [90.0, 0.0, 0.0], [0.0, 0.0, 900.0], [-900.0, 0.0, 0.0]], dtype=torch.float64)
    columns = torch.stack(list(curvature.factor(logits, torch.zeros(4, dtype=torch.long))), dim=2)  # [n, C, C − 1]
    p = logits.softmax(1)
    torch.testing.assert_close(columns @ columns.transpose(1, 2), p.diag_embed() - p[:, :, None] * p[:, None])


class Around(nn.Module):
    """A residual block of modules that are each called once."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.relu = nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()
        self.second, self.last, self.out = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()
        self.flat, self.head = nn.Flatten(), nn.Linear(48, 4)

    def forward(self, x):
        x = self.relu(self.norm(self.first(x)))
        return self.head(self.flat(self.out(x + self.last(self.second(x)))))


@pytest.mark.parametrize(
    ("make", "extension", "field"),
    [(Around, "DiagGGNExact", "diag_ggn_exact"), (lambda: mlp(nn.Tanh, 6, 5), "DiagHessian", "diag_h")],
    ids=["residual", "smooth chain"],
)
def test_backpack_agrees(make, extension, field):
    """The library's own Gauss-Newton diagonal on a residual network, its own Hessian diagonal on a smooth chain."""
    inputs, labels = data()
    subject = tiny_subject(settled(make()), inputs, labels)
    ours = {
        evidence.name: evidence.hessian_diagonal
        for evidence in gather(subject, ("hessian_diagonal",), inputs, labels).evidence
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from backpack import backpack, extend, extensions

        network = settled(make())
        theirs = extend(network, use_converter=make is Around).eval()
        with backpack(getattr(extensions, extension)()):
            extend(nn.CrossEntropyLoss())(theirs(inputs), labels).backward()
    found = {name: getattr(parameter, field) for name, parameter in theirs.named_parameters() if name in ours}
    assert found.keys() == ours.keys()
    for name, value in found.items():
        torch.testing.assert_close(ours[name], value)

"""Evidence says what differentiation sample by sample says, and leaves nothing behind."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from pruneviz.engine import input_norms, rehearsal, tally
from pruneviz.engine.criterion import find
from pruneviz.engine.evidence import gather, scores
from tests.engine.zoo import ZOO, Residual, Twice, data, mlp, settled

DERIVATIVES = ("gradient", "absolute_gradient", "hessian_diagonal")
DATA_NEEDS = (*DERIVATIVES, "input_norm")


def needs_of(kind):
    """A standardised kernel meets inputs that nobody can name."""
    return DERIVATIVES if kind == "unusual" else DATA_NEEDS


def one_by_one(subject, inputs, labels):
    """∂ℓ/∂w of each sample, [n, O, I, *K] by layer: one backward pass each, on the network itself."""
    weights = [subject.network.get_parameter(layer.name) for layer in subject.layers]
    rows = [
        torch.autograd.grad(nn.functional.cross_entropy(subject.network(x[None]), y[None]), weights)
        for x, y in zip(inputs, labels, strict=True)
    ]
    return {layer.name: torch.stack(column) for layer, column in zip(subject.layers, zip(*rows, strict=True), strict=True)}


def fingerprint(network):
    """Everything about a network that anybody could notice."""
    digest = hashlib.sha256()
    for name, tensor in (*network.named_parameters(remove_duplicate=False), *network.named_buffers()):
        digest.update(name.encode() + tensor.detach().numpy().tobytes())
        digest.update(repr((id(tensor), tensor.requires_grad, tensor.grad, tensor.dtype, tensor._version)).encode())
    for name, module in network.named_modules():
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
        digest.update(repr((name, module.training, [len(found) for found in hooks], sorted(vars(module)))).encode())
    return digest.hexdigest()


@pytest.mark.parametrize("kind", ZOO)
def test_gradients_equal_one_backward_pass_per_sample(kind, tiny_subject):
    inputs, labels = data()
    subject = tiny_subject(settled(ZOO[kind]()), inputs, labels)
    true = one_by_one(subject, inputs, labels)
    for evidence in gather(subject, ("gradient", "absolute_gradient"), inputs, labels).evidence:
        torch.testing.assert_close(evidence.gradient, true[evidence.name].mean(0), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(evidence.absolute_gradient, true[evidence.name].abs().mean(0), rtol=1e-9, atol=1e-12)


def test_common_layers_are_read_off_the_tape_and_only_odd_ones_take_the_long_way(tiny_subject):
    inputs, labels = data()
    rest = {
        kind: rehearsal.rehearse(tiny_subject(settled(make()), inputs, labels), inputs).rest for kind, make in ZOO.items()
    }
    assert rest.pop("unusual") == ["up.weight", "standard.weight"]
    assert not any(rest.values()), rest


@pytest.mark.parametrize("kind", ["cnn", "twice", "unusual", "attention, samples last"])
def test_small_chunks_and_blocks_change_nothing(kind, tiny_subject, monkeypatch):
    inputs, labels = data(7)
    subject = tiny_subject(settled(ZOO[kind]()), inputs, labels)
    needs = needs_of(kind)
    whole = gather(subject, needs, inputs, labels).evidence
    for module, name, value in (
        (rehearsal, "ROOM", 600),
        (tally, "BLOCK", 1),
        (tally, "WAITING", 1),
        (tally, "THIN", 1),
        (input_norms, "ROOM", 9),
    ):
        monkeypatch.setattr(module, name, value)
    for one, other in zip(whole, gather(subject, needs, inputs, labels).evidence, strict=True):
        for need in needs:
            torch.testing.assert_close(getattr(one, need), getattr(other, need), rtol=1e-9, atol=1e-12)


def test_where_vmap_fails_each_sample_is_differentiated_alone(tiny_subject):
    class Choosy(nn.Module):
        """Branches on a value, which no vmap can follow, and multiplies by a weight in a way that is on no list."""

        def __init__(self):
            super().__init__()
            self.layer, self.head = nn.Linear(16, 4), nn.Linear(4, 4)

        def forward(self, x):
            x = torch.einsum("ni,oi->no", x.flatten(1), torch.sin(self.layer.weight))
            return self.head(x) if float(x.detach().sum()) > -1e9 else x

    inputs, labels = data()
    subject = tiny_subject(settled(Choosy()), inputs, labels)
    assert rehearsal.rehearse(subject, inputs).rest == ["layer.weight"]
    true = one_by_one(subject, inputs, labels)
    for evidence in gather(subject, ("absolute_gradient",), inputs, labels).evidence:
        torch.testing.assert_close(evidence.absolute_gradient, true[evidence.name].abs().mean(0), rtol=1e-9, atol=1e-12)


def test_tied_weights_are_one_layer_with_the_sum_of_their_gradients(tiny_subject):
    inputs, labels = data()
    subject = tiny_subject(settled(Twice(nn.ReLU())), inputs, labels)
    assert [(layer.name, layer.aliases) for layer in subject.layers][0] == ("first.weight", ("again.weight",))
    untied = settled(Twice(nn.ReLU()))
    untied.again.weight = nn.Parameter(untied.first.weight.detach().clone())
    loss = nn.functional.cross_entropy(untied(inputs), labels)
    parts = torch.autograd.grad(loss, (untied.first.weight, untied.again.weight))
    found = gather(subject, ("gradient",), inputs, labels).evidence[0].gradient
    torch.testing.assert_close(found, sum(parts))


@pytest.mark.parametrize("kind", ZOO)
def test_the_subject_is_the_same_to_the_bit_afterwards(kind, tiny_subject):
    inputs, labels = data(dtype=torch.float32)
    subject = tiny_subject(settled(ZOO[kind](), dtype=torch.float32).train(), inputs, labels)
    subject.network.get_parameter(subject.layers[0].name).requires_grad_(False)
    before, global_state = fingerprint(subject.network), torch.get_rng_state()
    needs = needs_of(kind)
    first = gather(subject, needs, inputs, labels)
    again = gather(subject, needs, inputs, labels)
    assert fingerprint(subject.network) == before
    assert torch.equal(torch.get_rng_state(), global_state)
    for one, other in zip(first.evidence, again.evidence, strict=True):
        assert all(torch.equal(getattr(one, need), getattr(other, need)) for need in needs)


@pytest.mark.parametrize("need", DATA_NEEDS)
@pytest.mark.parametrize("call", [1, 2, 5])
def test_a_failing_module_leaves_nothing_behind(call, need, tiny_subject):
    class Brittle(nn.Module):
        calls = 0

        def forward(self, x):
            Brittle.calls += 1
            if Brittle.calls == call:
                raise RuntimeError("it broke")
            return x

    Brittle.calls = 0
    inputs, labels = data()
    network = settled(nn.Sequential(Residual(nn.ReLU()), Brittle(), nn.BatchNorm1d(4)))
    subject = tiny_subject(network, inputs, labels)
    before = fingerprint(network)
    with pytest.raises(RuntimeError, match="it broke"):
        for _ in range(3):
            gather(subject, (need,), inputs, labels)
    assert fingerprint(network) == before


def test_only_what_was_asked_for_is_there_in_the_subjects_order(tiny_subject):
    inputs, labels = data()
    subject = tiny_subject(settled(ZOO["cnn"]()), inputs, labels)
    for needs in (
        ("weight",),
        ("weight", "gradient"),
        ("absolute_gradient",),
        ("hessian_diagonal",),
        ("input_norm",),
        DATA_NEEDS,
    ):
        gathered = gather(subject, needs, inputs, labels, seed=3)
        assert [evidence.name for evidence in gathered.evidence] == [layer.name for layer in subject.layers]
        for layer, evidence in zip(subject.layers, gathered.evidence, strict=True):
            assert {need for need in DATA_NEEDS if getattr(evidence, need) is not None} == set(needs) - {"weight"}
            assert torch.equal(evidence.weight, subject.parameter(layer))
            assert evidence.seed == 3
        assert bool(gathered.curvature) == ("hessian_diagonal" in needs)
        assert gathered.n == (0 if needs == ("weight",) else len(inputs))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_mode_does_not_matter(mode, tiny_subject):
    inputs, labels = data()
    subject = tiny_subject(settled(ZOO["cnn"]()), inputs, labels)
    plain = gather(subject, DATA_NEEDS, inputs, labels).evidence
    with mode():
        inside = gather(subject, DATA_NEEDS, inputs * 1, labels * 1).evidence
    for one, other in zip(plain, inside, strict=True):
        assert all(torch.equal(getattr(one, need), getattr(other, need)) for need in DATA_NEEDS)


def test_two_threads_at_once_get_what_one_gets(tiny_subject):
    inputs, labels = data(12)
    subject = tiny_subject(settled(ZOO["attention"]()), inputs, labels)
    alone = {seed: gather(subject, DATA_NEEDS, *data(12, seed)).evidence for seed in range(4)}
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda seed: gather(subject, DATA_NEEDS, *data(12, seed)).evidence, list(range(4)) * 5))
    for turn, found in enumerate(both):
        for one, other in zip(alone[turn % 4], found, strict=True):
            for need in DATA_NEEDS:
                torch.testing.assert_close(getattr(one, need), getattr(other, need), rtol=1e-12, atol=1e-15)


def test_half_precision_weights_are_differentiated_in_the_inputs_precision(tiny_subject):
    inputs, labels = data(dtype=torch.float32)
    half = tiny_subject(settled(mlp(nn.ReLU, 5), dtype=torch.float16), inputs, labels)
    full = tiny_subject(settled(mlp(nn.ReLU, 5), dtype=torch.float16).float(), inputs, labels)
    saliencies, _ = scores(half, find("obd"), inputs, labels)
    for one, other in zip(saliencies, scores(full, find("obd"), inputs, labels)[0], strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other)


def test_missing_or_wrong_data_is_one_sentence(tiny_subject):
    inputs, labels = data()
    subject = tiny_subject(settled(mlp(nn.ReLU, 5)), inputs, labels)
    with pytest.raises(ValueError, match=r"absolute gradient needs calibration data.*held-out"):
        gather(subject, ("absolute_gradient",), None, None)
    with pytest.raises(ValueError, match="was given none"):
        gather(subject, ("gradient",), inputs[:0], labels[:0])
    with pytest.raises(ValueError, match="6 calibration samples came with 5 labels"):
        gather(subject, ("gradient",), inputs, labels[:5])
    with pytest.raises(ValueError, match="do not fit 4 classes"):
        gather(subject, ("gradient",), inputs, labels + 4)
    with pytest.raises(ValueError, match=r"gave \[2, 16, 1\] for 2 samples"):
        odd = tiny_subject(nn.Sequential(nn.Flatten(), nn.Linear(16, 16), nn.Unflatten(1, (16, 1))).double(), inputs, labels)
        gather(odd, ("gradient",), inputs, labels)


def test_one_sample_is_enough(tiny_subject):
    inputs, labels = data(1)
    for kind in ("attention, samples last", "cnn"):
        subject = tiny_subject(settled(ZOO[kind]()), inputs, labels)
        for evidence in gather(subject, ("gradient", "absolute_gradient"), inputs, labels).evidence:
            torch.testing.assert_close(evidence.absolute_gradient, evidence.gradient.abs())

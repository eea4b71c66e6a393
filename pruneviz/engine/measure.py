"""Measure: accuracy of a masked network on held-out samples, at the speed of the arithmetic.

A `Workspace` is a private copy of a subject's network made ready for many masks: BatchNorm is folded into the convolution
before it, activations lie channels-last, and the prunable weights are views into one flat array that a ranking writes at
memory speed. At construction it is compared with the plain network; where the two differ, it does not fold.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import tasks
from pruneviz.engine.mask import Mask
from pruneviz.engine.ranking import Ranking
from pruneviz.engine.subject import Subject

# Inputs up to this size are prepared once and kept; larger held-out sets are prepared batch by batch.
KEPT_BYTES = 512 * 2**20
# A batch holds at most so many samples and about so many input numbers: what flows through a small network then stays in
# the processor's cache, and 224 × 224 images go 16 at a time.
BATCH, BATCH_NUMBERS = 250, 2**21


@dataclass(frozen=True, eq=False)
class Measurement:
    """What came out: correct [n] per sample and the mean loss in nats."""

    correct: np.ndarray
    loss: float


class Workspace:
    """A private network for many masks on the same samples. Safe to share: one caller at a time measures in it."""

    def __init__(self, subject: Subject, measured: Tensor):
        self.subject = subject
        self.task = tasks.find(subject.task)
        self.labels = subject.held_out.labels[measured]
        self._measured = measured
        self._lock = threading.Lock()
        self._kept: list[Tensor] | None = None
        self._network, self._source = _ready(subject, fold=True)
        if not self._agrees():
            self._network, self._source = _ready(subject, fold=False)
        self._out = self._source.clone()
        _point(self._network, subject, self._out)

    def amount(self, ranking: Ranking, amount: float, own: dict[str, float]) -> Measurement:
        """The network without the weights that `ranking` takes at `amount`."""
        with self._lock:
            ranking.write(amount, self._source, self._out, own)
            return self._run()

    def masked(self, mask: Mask) -> Measurement:
        """The network with just the weights that `mask` keeps."""
        with self._lock:
            self._out.zero_()
            np.copyto(self._out.numpy(), self._source.numpy(), where=mask.flat)
            return self._run()

    def dense(self) -> Measurement:
        """The network as it is."""
        with self._lock:
            self._out.copy_(self._source)
            return self._run()

    def _run(self) -> Measurement:
        correct, loss, done = [], 0.0, 0
        with torch.inference_mode():
            for batch in self._batches():
                labels = self.labels[done : done + len(batch)]
                outputs = self._network(batch)
                correct.append(self.task.correct(outputs, labels))
                loss += float(self.task.losses(outputs, labels).sum(dtype=torch.float64))
                done += len(batch)
        return Measurement(torch.cat(correct).numpy(), loss / done)

    def _batches(self) -> Iterator[Tensor]:
        if self._kept is not None:
            yield from self._kept
            return
        prepared = (_channels_last(self.subject.held_out.inputs(part)) for part in self._parts())
        stored = self.subject.held_out.stored
        numbers = stored[:1].numel() * len(self._measured)
        if numbers * 4 <= KEPT_BYTES:
            self._kept = list(prepared)
            yield from self._kept
        else:
            yield from prepared

    def _parts(self) -> tuple[Tensor, ...]:
        one = max(1, self.subject.held_out.stored[:1].numel())
        return self._measured.split(min(BATCH, max(16, BATCH_NUMBERS // one)))

    def _agrees(self) -> bool:
        """Whether the made-ready network computes what the plain one computes, on the first samples."""
        inputs = self.subject.held_out.inputs(self._measured[:4])
        with torch.inference_mode():
            plain, ready = self.subject.skeleton()(inputs), self._network(_channels_last(inputs))
        scale = plain.abs().max().clamp(min=1e-30)
        return bool(torch.isfinite(plain).all()) and float((plain - ready).abs().max() / scale) < 1e-4


def _ready(subject: Subject, *, fold: bool) -> tuple[nn.Module, Tensor]:
    """A private network, and its prunable weights as one flat float32 array [n] that the network's layers look into."""
    network = subject.skeleton().eval()
    scales = _fold_batch_norms(network) if fold else {}
    parts = []
    for layer in subject.layers:
        weight = subject.parameter(layer).to(torch.float32)
        scale = scales.get(layer.name)
        parts.append((weight if scale is None else weight * scale.view(-1, *[1] * (weight.ndim - 1))).reshape(-1))
    source = torch.cat(parts) if parts else torch.zeros(0)
    _point(network, subject, source)
    return network, source


def _point(network: nn.Module, subject: Subject, flat: Tensor) -> None:
    start = 0
    for layer in subject.layers:
        view = flat[start : start + layer.size].view(layer.shape)
        start += layer.size
        for name in (layer.name, *layer.aliases):
            owner, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(owner), attribute, nn.Parameter(view, requires_grad=False))


def _fold_batch_norms(network: nn.Module) -> dict[str, Tensor]:
    """Folds each BatchNorm into the convolution that alone feeds it; returns the factor [O] of each folded weight.

    y = γ(Wx + b − μ)/√(σ² + ε) + β is the convolution with weight sW and bias s(b − μ) + β, s = γ/√(σ² + ε). A mask on W
    is a mask on sW, because s ≠ 0 or the whole filter is constant.
    """
    scales = {}
    for conv_name, norm_name in _pairs(network):
        conv, norm = network.get_submodule(conv_name), network.get_submodule(norm_name)
        scale = torch.rsqrt(norm.running_var + norm.eps)
        shift = torch.zeros_like(scale) if norm.bias is None else norm.bias.detach()
        if norm.weight is not None:
            scale = scale * norm.weight.detach()
        bias = 0 if conv.bias is None else conv.bias.detach()
        conv.bias = nn.Parameter((bias - norm.running_mean) * scale + shift, requires_grad=False)
        owner, _, attribute = norm_name.rpartition(".")
        setattr(network.get_submodule(owner), attribute, nn.Identity())
        scales[f"{conv_name}.weight"] = scale
    return scales


def _pairs(network: nn.Module) -> list[tuple[str, str]]:
    """(convolution, BatchNorm) by name where the convolution's only reader is that BatchNorm and both run once."""
    from torch import fx

    try:
        graph = fx.symbolic_trace(network).graph
    except Exception:  # tracing runs the network's own code, which may raise anything; not folding is always right
        return []
    calls = [node for node in graph.nodes if node.op == "call_module"]
    modules = [network.get_submodule(node.target) for node in calls]
    times: dict[int, int] = {}
    for module in modules:
        times[id(module)] = times.get(id(module), 0) + 1
    pairs = []
    for node, module in zip(calls, modules, strict=True):
        source = node.args[0] if node.args else None
        if not isinstance(module, nn.BatchNorm2d) or module.running_var is None or times[id(module)] > 1:
            continue
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) > 1:
            continue
        conv = network.get_submodule(source.target)
        if type(conv) is nn.Conv2d and times[id(conv)] == 1:
            pairs.append((source.target, node.target))
    return pairs


def _channels_last(batch: Tensor) -> Tensor:
    """The batch, channels last even where it has one channel: there any layout counts as channels-last, and only the
    strides tell the convolutions which one is meant."""
    if batch.ndim != 4:
        return batch
    return torch.empty_like(batch, memory_format=torch.channels_last).copy_(batch)

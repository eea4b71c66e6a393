"""Measure: accuracy (or perplexity) of a masked network on held-out samples, at the speed of the arithmetic.

A `Workspace` is a private copy of a subject's network made ready for many masks: BatchNorm is folded into the convolution
before it, activations lie channels-last, and the prunable weights are views into one flat array that a ranking writes at
memory speed. At construction it is compared with the plain network; where the two differ, it does not fold. Where units
go, only what changes since the last amount is rewritten (`silence`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import batch_norms, silence, tasks
from pruneviz.engine.mask import Mask
from pruneviz.engine.pattern import PatternRanking
from pruneviz.engine.ranking import Ranking, fraction
from pruneviz.engine.structure import silence as silenced
from pruneviz.engine.structure import surgery
from pruneviz.engine.structure.units import Kept, Structure
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import UnitRanking

# Inputs up to this size are prepared once and kept; larger held-out sets are prepared batch by batch.
KEPT_BYTES = 512 * 2**20
# A batch holds at most so many samples and about so many input numbers: what flows through a small network then stays in
# the processor's cache, and 224 × 224 images go 16 at a time.
BATCH, BATCH_NUMBERS = 250, 2**21
AGREEING = 1e-4
"""By how much two ways of computing the same may differ, of the largest output."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """What came out, sample by sample: losses [n] in nats, counts [n] of predictions, and correct [n] where there is a
    right and a wrong. `value` and its 95 % interval are the task's metric."""

    losses: np.ndarray
    counts: np.ndarray
    correct: np.ndarray | None
    value: float
    interval: tuple[float, float]

    @property
    def loss(self) -> float:
        """Mean loss of a prediction, in nats."""
        return float(self.losses.sum() / self.counts.sum())

    @property
    def n(self) -> int:
        return len(self.losses)


def measurement(task: ModuleType, outputs: Iterator[tuple[Tensor, Tensor]]) -> Measurement:
    """The measurement of a task from (outputs, targets), batch by batch."""
    losses, counts, correct, judged = [], [], [], hasattr(task, "correct")
    for said, targets in outputs:
        losses.append(task.losses(said, targets).to(torch.float64))
        counts.append(task.counts(targets))
        if judged:
            correct.append(task.correct(said, targets))
    per_sample = torch.cat(losses).numpy(), torch.cat(counts).numpy(), torch.cat(correct).numpy() if judged else None
    return Measurement(*per_sample, task.value(*per_sample), tuple(task.interval(*per_sample)))


class Workspace:
    """A private network for many masks on the same samples. Safe to share: one caller at a time measures in it."""

    def __init__(self, subject: Subject, measured: Tensor):
        self.subject = subject
        self.task = tasks.find(subject.task)
        self._measured = measured
        self._lock = threading.Lock()
        self._kept: list[Tensor] | None = None
        self._network, self._source, self._folded = _ready(subject, fold=True)
        if not self._agrees():
            self._network, self._source, self._folded = _ready(subject, fold=False)
        self._out = self._source.clone()
        self._places = _point(self._network, subject, self._out)
        self._silencers: dict[str, silence.Silencer] = {}
        self._broken: dict[str, np.ndarray] = {}
        self._active: silence.Silencer | None = None

    def amount(
        self, ranking: Ranking | UnitRanking | PatternRanking, amount: float, own: Mapping[str, float], gone=(), back=()
    ) -> Measurement:
        """The network without what `ranking` takes at `amount`."""
        if isinstance(ranking, PatternRanking):
            return self.masked(ranking.keep(amount, own))
        with self._lock:
            return self._run(self._stand(ranking, amount, own, gone, back))

    def stand(self, ranking: Ranking | UnitRanking, amount: float, own: Mapping[str, float], gone=(), back=()) -> None:
        """Makes the network ready for `amount`, without running it."""
        with self._lock:
            self._stand(ranking, amount, own, gone, back)

    def silences(self, kind: str) -> bool:
        """Whether units of this kind are silenced in place, or every setting needs a copy of its own."""
        found = self._silencers.get(kind)
        return found is not None and found.possible

    def masked(self, mask: Mask) -> Measurement:
        """The network with just the weights that `mask` keeps."""
        with self._lock:
            self._rest()
            self._out.zero_()
            np.copyto(self._out.numpy(), self._source.numpy(), where=mask.flat)
            return self._run(self._network)

    def dense(self) -> Measurement:
        """The network as it is."""
        with self._lock:
            self._rest()
            self._out.copy_(self._source)
            return self._run(self._network)

    def outputs(self, ranking: Ranking | UnitRanking, amount: float, own: Mapping[str, float], gone=(), back=()) -> Tensor:
        """What the network says on the measured samples without what `ranking` takes: its outputs, one after another."""
        with self._lock:
            network = self._stand(ranking, amount, own, gone, back)
            with torch.inference_mode():
                return torch.cat([said for said, _ in self._said(network)])

    def _stand(self, ranking, amount: float, own: Mapping[str, float], gone=(), back=()) -> nn.Module:
        if isinstance(ranking, UnitRanking):
            return self._silenced(ranking.structure, ranking.leaves(own, gone, back) <= fraction(amount), ranking)
        self._rest()
        ranking.write(amount, self._source, self._out, own)
        return self._network

    def _silenced(self, structure: Structure, gone: np.ndarray, ranking: UnitRanking) -> nn.Module:
        silencer = self._silencers.get(structure.granularity)
        if silencer is None or silencer.structure is not structure:
            silencer = self._silencers[structure.granularity] = self._silencer(structure, ranking)
        # While a unit with a NaN stays, it may multiply by it what is silent: only who leaves the readers out is right.
        if not silencer.possible or (self._broken[structure.granularity] & ~gone).any():
            return self._plainly(structure, ranking.split(~gone))
        if self._active is not silencer:
            self._rest()
            self._out.copy_(self._source)
            silencer.enter()
            self._active = silencer
        silencer.move(gone)
        return self._network

    def _rest(self) -> None:
        """Back to the network in which no unit is silent; the prunable weights are for whoever comes next to write."""
        if self._active is not None:
            self._active.move(np.zeros_like(self._active.gone))
            self._active = None

    def _plainly(self, structure: Structure, kept: Kept) -> nn.Module:
        """The slow way that is always right: a copy of its own for each setting."""
        return surgery.masked(self.subject.skeleton().eval(), structure, kept)

    def _silencer(self, structure: Structure, ranking: UnitRanking) -> silence.Silencer:
        """A silencer for these units, checked: what it silences is heard by nobody, and all else is as it was."""
        self._rest()
        weights = silence.Store(self._source, self._out, self._places)
        broken = np.concatenate([np.zeros(0, bool), *silenced.broken(self.subject.network, structure).values()])
        self._broken[structure.granularity] = broken
        silencer = silence.Silencer(self._network, structure, weights, self._folded)
        if silencer.possible:
            gone = silence.trial(structure) | broken
            inputs = _channels_last(self.subject.held_out.inputs(self._measured[:4]))
            self._out.copy_(self._source)
            with torch.inference_mode():
                plain = silence.outputs(self._plainly(structure, ranking.split(~gone)), inputs)
                silencer.enter()
                silencer.move(gone)
                quick = silence.outputs(self._network, inputs)
                # With the readers' weights zeroed as well, no bit may change: else something is left to be heard.
                silence.readers(structure, gone, weights)
                silencer.possible = torch.equal(quick, silence.outputs(self._network, inputs)) and _close(plain, quick)
            silencer.move(np.zeros_like(gone))
        return silencer

    def _run(self, network: nn.Module) -> Measurement:
        with torch.inference_mode():
            return measurement(self.task, self._said(network))

    def _said(self, network: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
        for part, batch in self._batches():
            yield silence.outputs(network, batch), self.subject.held_out.labels[part]

    def _batches(self) -> Iterator[tuple[Tensor, Tensor | dict]]:
        if self._kept is not None:
            yield from self._kept
            return
        prepared = ((part, _channels_last(self.subject.held_out.inputs(part))) for part in self._parts())
        stored = self.subject.held_out.stored
        numbers = stored[:1].numel() * len(self._measured)
        if numbers * 4 <= KEPT_BYTES:
            self._kept = list(prepared)
            yield from self._kept
        else:
            yield from prepared

    def _parts(self) -> tuple[Tensor, ...]:
        one = max(1, self.subject.held_out.stored[:1].numel())
        if self.subject.held_out.labels.ndim > 1:  # text: what comes out is a vocabulary wide, at every place
            return self._measured.split(16)
        return self._measured.split(min(BATCH, max(16, BATCH_NUMBERS // one)))

    def _agrees(self) -> bool:
        """Whether the made-ready network computes what the plain one computes, on the first samples."""
        inputs = self.subject.held_out.inputs(self._measured[:4])
        with torch.inference_mode():
            plain = silence.outputs(self.subject.skeleton().eval(), inputs)
            return _close(plain, silence.outputs(self._network, _channels_last(inputs)))


def _close(plain: Tensor, ready: Tensor) -> bool:
    scale = plain.abs().max().clamp(min=1e-30)
    return bool(torch.isfinite(plain).all()) and float((plain - ready).abs().max() / scale) < AGREEING


def _ready(subject: Subject, *, fold: bool) -> tuple[nn.Module, Tensor, dict[str, str]]:
    """A private network, its prunable weights as one flat float32 array [n] that the network's layers look into, and
    which convolution each folded BatchNorm went into."""
    network = subject.skeleton().eval()
    folded = batch_norms.fold(network) if fold else {}
    parts = []
    for layer in subject.layers:
        weight = subject.parameter(layer).to(torch.float32)
        scale = next((one for conv, one in folded.values() if f"{conv}.weight" == layer.name), None)
        parts.append((weight if scale is None else weight * scale.view(-1, *[1] * (weight.ndim - 1))).reshape(-1))
    source = torch.cat(parts) if parts else torch.zeros(0)
    _point(network, subject, source)
    return network, source, {norm: conv for norm, (conv, _) in folded.items()}


def _point(network: nn.Module, subject: Subject, flat: Tensor) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Makes the network's layers look into `flat`; returns where each is, under all of its names."""
    start, places = 0, {}
    for layer in subject.layers:
        view = flat[start : start + layer.size].view(layer.shape)
        for name in (layer.name, *layer.aliases):
            owner, _, attribute = name.rpartition(".")
            setattr(network.get_submodule(owner), attribute, nn.Parameter(view, requires_grad=False))
            places[name] = start, layer.shape
        start += layer.size
    return places


def _channels_last(batch: Tensor | dict) -> Tensor | dict:
    """The batch, channels last even where it has one channel: there any layout counts as channels-last, and only the
    strides tell the convolutions which one is meant."""
    if isinstance(batch, Mapping) or batch.ndim != 4:
        return batch
    return torch.empty_like(batch, memory_format=torch.channels_last).copy_(batch)

"""Calibration: the samples that an opinion about units is formed on, with what a network's outputs on them mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor, nn

from pruneviz.engine import tasks
from pruneviz.engine.structure.proof import logits
from pruneviz.engine.subject import Subject


@dataclass(frozen=True, eq=False)
class Calibration:
    """Inputs [N, …] (or several by name), their labels [N, …], and the task that judges the outputs."""

    inputs: Tensor | dict[str, Tensor]
    labels: Tensor
    task: ModuleType

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predictions(self) -> int:
        """How many predictions the samples hold: one per image, one per token of a text."""
        return int(self.task.counts(self.labels).sum()) if hasattr(self.task, "counts") else len(self)

    def at(self, index: slice | Tensor) -> Calibration:
        """Some of the samples."""
        inputs = self.inputs
        chosen = {key: value[index] for key, value in inputs.items()} if isinstance(inputs, dict) else inputs[index]
        return Calibration(chosen, self.labels[index], self.task)

    def split(self, size: int) -> Iterator[Calibration]:
        """All samples in order, `size` at a time."""
        for start in range(0, len(self), size):
            yield self.at(slice(start, start + size))

    def thinned(self, n: int, seed: int) -> Calibration:
        """`n` of the samples, drawn by lot in their own order; all of them if there are no more."""
        if n >= len(self):
            return self
        drawn = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed % 2**63))[:n]
        return self.at(drawn.sort().values)

    def outputs(self, network: nn.Module, replaced: dict[str, Tensor] | None = None) -> Tensor:
        """What `network` says, with some parameters replaced by other tensors."""
        plain, named = ((), self.inputs) if isinstance(self.inputs, dict) else ((self.inputs,), {})
        if replaced is None:
            return logits(network(*plain, **named))
        return logits(torch.func.functional_call(network, replaced, plain, named))

    def width(self, network: nn.Module) -> int:
        """How many numbers `network` says about one sample: a thousand for an image, a vocabulary per token of a text."""
        with torch.inference_mode():
            return max(1, self.at(slice(0, 1)).outputs(network).numel())

    def losses(self, outputs: Tensor) -> Tensor:
        """The loss of each sample, [N], in nats."""
        return self.task.losses(outputs, self.labels)


def of(subject: Subject, inputs: Tensor | dict | None, labels: Tensor | None) -> Calibration:
    """The samples, checked, and made fit to be differentiated."""
    rows = next(iter(inputs.values())) if isinstance(inputs, dict) else inputs
    if rows is None or labels is None or not len(rows):
        raise ValueError(
            f"this importance needs calibration data and {subject.title} was given none: "
            'add a training split to its card, or set calibration to "held-out"'
        )
    if len(rows) != len(labels):
        raise ValueError(f"{len(rows)} calibration samples came with {len(labels)} labels; give one label per sample")
    own = {key: _plain(value) for key, value in inputs.items()} if isinstance(inputs, dict) else _plain(inputs)
    return Calibration(own, _plain(labels), tasks.find(subject.task))


def _plain(tensor: Tensor) -> Tensor:
    return tensor.clone() if tensor.is_inference() else tensor.detach()

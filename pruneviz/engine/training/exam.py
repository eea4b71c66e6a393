"""Exam: what a network in training gets right on the held-out data, while it is at it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.engine import tasks
from pruneviz.engine.outcomes import Measurement, measurement
from pruneviz.engine.subject import Subject, Windows

BATCH, WINDOWS = 500, 32
"""Samples at a time; of windows of text fewer, for each has a row of the vocabulary at every place."""


def exam(subject: Subject, network: nn.Module, at: Tensor | None = None) -> Measurement:
    """The network, measured as the subject is, on its held-out samples, or on those at these places [n] (int64).

    The network is left in the mode that it was in: batch statistics are neither used nor changed.
    """
    task, held = tasks.of(subject), subject.held_out
    at = torch.arange(len(held)) if at is None else at
    training = [module for module in network.modules() if module.training]
    kind = next(network.parameters()).dtype
    network.eval()
    try:
        with torch.inference_mode():
            return measurement(
                task,
                (
                    (_said(network, held.inputs(part), kind), held.labels[part])
                    for part in at.split(WINDOWS if isinstance(held, Windows) else BATCH)
                ),
            )
    finally:
        for module in training:
            module.training = True


def _said(network: nn.Module, inputs: Tensor | dict[str, Tensor], kind: torch.dtype) -> Tensor:
    if isinstance(inputs, dict):
        said = network(**inputs)
    else:
        said = network(inputs.to(kind) if inputs.is_floating_point() else inputs)
    return getattr(said, "logits", said)

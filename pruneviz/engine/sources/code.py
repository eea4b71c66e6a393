"""Code: a subject from a function of one's own, named «module:function» on one's own command line, and nowhere else.

The function takes nothing and returns `subject(network, inputs, labels)`, or the three as a tuple. It is imported and run
as any program of one's own: a link, a card and an upload can never name one.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import prunable, tasks
from pruneviz.engine.sources.gate import SubjectError, brief
from pruneviz.engine.structure import calls
from pruneviz.engine.structure.proof import logits
from pruneviz.engine.subject import Preparation, Samples, Subject

_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


def named(reference: str) -> bool:
    """Does it look like «module:function»?"""
    return _NAME.fullmatch(reference) is not None


def load(reference: str) -> Subject:
    """The subject that a function of one's own makes; its module is looked for beside the command, too."""
    if not named(reference):
        raise SubjectError(f"{reference[:96]!r} is not module:function; write for example my_models:small", "code-name")
    place, _, function = reference.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        make = getattr(importlib.import_module(place), function)
    except (ImportError, AttributeError) as error:
        raise SubjectError(
            f"there is no {reference} ({brief(error)}): correct its name, or where it is looked for", "code"
        ) from None
    made = make()
    if isinstance(made, Subject):
        return made
    if isinstance(made, tuple) and len(made) == 3:
        return subject(*made, name=reference)
    raise SubjectError(
        f"{reference} gives a {type(made).__name__}; return (network, inputs, labels), or "
        "pruneviz.engine.sources.code.subject(network, inputs, labels, …)",
        "code",
    )


def subject(
    network: nn.Module,
    inputs: Tensor | np.ndarray,
    labels: Tensor | np.ndarray | Sequence[int],
    *,
    name: str = "own",
    title: str = "",
    task: str = "image_classification",
    metric: str = "",
    classes: Sequence[str] = (),
    training: tuple[Any, Any] | None = None,
    preparation: Preparation | None = None,
) -> Subject:
    """A subject around a trained network and held-out data: `inputs` [N, …] as the network takes them, `labels` [N].

    With a `preparation`, the inputs are stored as they are and prepared when they are used. The network is put into
    evaluation mode and must not be changed any more.
    """
    how = preparation or Preparation(scale=1.0)
    held_out = _samples(inputs, labels, how)
    network = network.eval().requires_grad_(False)
    layers, skipped = prunable.find(network)
    if not layers:
        raise SubjectError(f"{type(network).__name__} has no matrix and no kernel to prune", "nothing-to-prune")
    try:
        judged = tasks.judged(task, metric)
        with torch.inference_mode():
            outputs = judged.classes(logits(calls.run(network, held_out.inputs(slice(0, 1)))), held_out.labels[:1])
        judged.check(held_out.labels, outputs)
        if classes and len(classes) != outputs:
            raise ValueError(judged.mismatch.format(outputs=outputs, names=len(classes)))
    except (ValueError, RuntimeError, TypeError) as error:
        raise SubjectError(
            f"network, inputs and labels do not fit together ({brief(error)}): correct them", "inputs"
        ) from None
    return Subject(
        name=name,
        title=title or type(network).__name__,
        words="",
        licence="",
        task=task,
        network=network,
        layers=layers,
        skipped=skipped,
        held_out=held_out,
        training=None if training is None else _samples(*training, how),
        classes=tuple(classes) or tuple(map(str, range(outputs))),
        calibration="held-out" if training is None else "training",
        sha256=_digest(network.state_dict().items()),
        data_sha256=_digest((("inputs", held_out.stored), ("labels", held_out.labels))),
        nonfinite=tuple((key, bad) for key, one in network.named_parameters() if (bad := int((~one.isfinite()).sum()))),
        metric=metric,
    )


def _samples(inputs: Any, labels: Any, how: Preparation) -> Samples:
    stored, targets = torch.as_tensor(inputs), torch.as_tensor(labels)
    if targets.ndim != 1 or len(targets) != len(stored) or not len(stored):
        raise SubjectError(
            f"{len(stored):,} inputs came with labels of shape {tuple(targets.shape)}: give one label each", "labels"
        )
    return Samples(stored.detach(), targets.to(torch.int64), how)


def _digest(tensors: Any) -> str:
    """A name for these very numbers."""
    digest = hashlib.sha256()
    for name, tensor in tensors:
        raw = tensor.detach().contiguous().cpu()
        digest.update(f"{name} {tuple(raw.shape)} {raw.dtype}\n".encode())
        digest.update(raw.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

"""Input norms: how large the numbers are that each weight is multiplied by, ‖X_j‖₂ over all samples and places.

One forward pass of a private network, which is listened to and not differentiated; no hook is set. Of a text every place
counts, but not the padding behind a shorter one.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from pruneviz.engine.batches import Inputs, at, rows, said, split, unpadded
from pruneviz.engine.factors import Listener
from pruneviz.engine.subject import Subject
from pruneviz.engine.working import private

ROOM = 1 << 25
"""So many numbers the largest tensor of a pass may have: 128 MiB of float32."""
MOST = 256
FEW = 2
"""Samples that are looked at first, to see how many more there is room for at a time."""


def input_norms(subject: Subject, inputs: Inputs, labels: Tensor | None = None) -> dict[str, Tensor]:
    """‖X_j‖₂ by layer, in a shape that broadcasts against its weight; zero where a weight is never used.

    Of a matrix [O, I] it is [1, I] ([O, I] where its rows met different inputs), of a kernel [O, I, *K] it is [1, I, *K],
    over all patches ([O, I, *K] in groups). Where inputs lie along the first axis, they do here. Summed up in float64.
    """
    network, weights = private(subject.network, frozenset(layer.name for layer in subject.layers))
    # Where derivatives could be asked for, no layer takes a fused way that hides its products; nothing is kept for them.
    nothing = saved_tensors_hooks(lambda _: None, lambda _: None)
    with torch.inference_mode(False), torch.enable_grad(), nothing, Listener(weights) as listener:
        for some in unpadded(inputs, labels):
            first, rest = at(some, slice(0, FEW)), at(some, slice(FEW, None))
            said(network, first)
            if rows(rest):
                for part in split(rest, max(1, min(MOST, ROOM * rows(first) // listener.largest))):
                    said(network, part)
    return {name: listener.squares(name).sqrt().to(weight.dtype) for name, weight in weights.items()}

"""Feed: batches of a training split, in an order, and moved about, as a generator says."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.engine.subject import Samples, Sentences, Windows

READY = 2**28
"""Inputs of so many bytes are made ready once; of more, each batch is when its turn comes."""


class Feed:
    """The batches of a split: every sample once in a new order, then again. A rest smaller than a batch waits.

    `shift` moves each image by up to that many pixels each way, `flip` turns every other one to its mirror image.
    """

    def __init__(self, samples: Samples | Windows | Sentences, batch: int, shift: int = 0, flip: int = 0) -> None:
        self._samples, self._batch, self._shift, self._flip = samples, batch, shift, flip
        if (shift or flip) and not (isinstance(samples, Samples) and samples.stored.ndim == 4):
            raise ValueError("only images can be shifted or flipped: give a shift of 0 and a flip of 0")
        whole = isinstance(samples, Samples) and len(samples) * _bytes(samples) <= READY
        self._ready = samples.inputs() if whole else None

    @property
    def round(self) -> int:
        """Batches until every sample was there once."""
        return max(1, len(self._samples) // self._batch)

    def order(self, generator: torch.Generator) -> Tensor:
        """A new order of the samples."""
        return torch.randperm(len(self._samples), generator=generator)

    def batch(self, order: Tensor, at: int, generator: torch.Generator) -> tuple[Tensor | dict[str, Tensor], Tensor]:
        """The inputs and labels of an order's batch number `at`."""
        chosen = order[at * self._batch : (at + 1) * self._batch]
        inputs = self._samples.inputs(chosen) if self._ready is None else self._ready[chosen]
        if self._shift:
            inputs = shifted(inputs, self._shift, generator)
        if self._flip:
            turned = torch.randint(0, 2, (len(chosen),), generator=generator).bool()
            inputs = torch.where(turned.view(-1, 1, 1, 1), inputs.flip(-1), inputs)
        return inputs, self._samples.labels[chosen]


def shifted(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """The images [n, C, H, W], each moved by up to `shift` pixels each way; what moves in is the edge once more."""
    n, _, height, width = images.shape
    padded = nn.functional.pad(images, (shift,) * 4, mode="replicate")
    moves = torch.randint(0, 2 * shift + 1, (n, 2), generator=generator)
    rows = moves[:, 0, None] + torch.arange(height)
    columns = moves[:, 1, None] + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _bytes(samples: Samples) -> int:
    """Of one sample's inputs."""
    how = samples.preparation
    numbers = samples.stored[:1].numel()
    if how.resize and not how.crop:
        numbers = samples.stored.shape[1] * how.resize * how.resize
    return 4 * numbers

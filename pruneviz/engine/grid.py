"""Grid: in which order samples are run, and how many at a time. The same for every setting, so results agree to the bit.

The order is shuffled once: of data that is sorted by class, the first few would otherwise all be of one, and no prefix
would say anything about the whole. Batches follow from what one sample costs and never from a clock, so that whoever stops
and goes on, in however many steps, gets the numbers of whoever does it all at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine import footprint, unit_report
from pruneviz.engine.subject import Subject

BATCH, BATCH_NUMBERS = 250, 2**21
"""A batch holds at most so many samples and about so many input numbers: what flows through a small network then stays in
the processor's cache."""

FEWEST, MOST_WINDOWS = 16, 16
"""However large an image is, this many go at once where they cost little; of text, whose outputs are a vocabulary wide at
every place, no more."""

MULTIPLY_ADDS = 2e10
"""And about so many multiply-adds, about a tenth of a second of two cores: four images of a ResNet-50, one of a ViT-B/16.
More at once is no faster there, and whoever wants to stop waits for the batch that runs."""

OUTPUT_NUMBERS = 2**26
"""And at most so many outputs (256 MiB)."""

BUDGET = 2**31
"""And at most so many bytes on their way through the network, where more than one sample fits at all: a card may make small
images thousands of pixels wide."""

WIDE = 64
"""A batch for an accelerator does so many times the work."""

SEED = 4
"""Of the order of the samples. It is part of the numbers: with another, batches hold other samples."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Batches of places among the measured samples, int64 [b] each, in the order in which they are run."""

    batches: tuple[np.ndarray, ...]
    n: int

    def natural(self) -> Tensor:
        """For each sample, in their own order, where it comes in the order of the batches, int64 [n]."""
        return torch.from_numpy(np.argsort(np.concatenate(self.batches)))


def cut(n: int, size: int) -> Grid:
    """The grid of n samples, `size` at a time."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(SEED)).numpy()
    return Grid(tuple(np.sort(order[start : start + size]) for start in range(0, n, size)), n)


def size(subject: Subject, inputs: int, outputs: int, *, wide: bool) -> int:
    """How many samples of so many input and output numbers each are run at once."""
    times = WIDE if wide else 1
    most = MOST_WINDOWS if subject.held_out.labels.ndim > 1 else max(FEWEST, BATCH_NUMBERS * times // max(1, inputs))
    most = min(most, BATCH * (4 if wide else 1), max(1, OUTPUT_NUMBERS // max(1, outputs)))
    return max(1, min(footprint.together(subject, most, BUDGET * (4 if wide else 1)), affordable(subject) * times))


def affordable(subject: Subject) -> int:
    """How many samples make up a batch's multiply-adds; any number where they cannot be counted."""
    try:
        each = unit_report.counted(subject).macs
    except (RuntimeError, NotImplementedError, TypeError):
        return BATCH
    return max(1, int(MULTIPLY_ADDS / max(1.0, each * _stretch(subject))))


def _stretch(subject: Subject) -> float:
    """How many times as long as the first sample, which was counted, the longest is: a batch of texts is as wide as that."""
    lengths = getattr(subject.held_out, "lengths", None)
    return 1.0 if lengths is None else float(lengths.max() / lengths[:1].clamp(min=1))

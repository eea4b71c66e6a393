"""Three kinds of data that are never mixed: what criteria look at, what chooses a setting, and what reports it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pruneviz.engine.criterion import Criterion
from pruneviz.engine.scope import Scope
from pruneviz.engine.subject import Samples, Subject, Windows

CALIBRATION_SAMPLES = 512
CALIBRATION_WINDOWS = 128
"""A window of text has many tokens, each a sample of its own to a matrix: as many as SparseGPT and Wanda take."""


@dataclass(frozen=True, eq=False)
class Split:
    """Who sees which samples.

    `source` is "training", "held-out" or "none"; `calibration` [n_c] indexes that source and is empty where no data is
    needed; `measured` [n] indexes the held-out data; `choosing` [n] marks the half of it that may choose a setting.
    """

    source: str
    calibration: Tensor
    measured: Tensor
    choosing: Tensor

    def calibration_samples(self, subject: Subject) -> Samples | None:
        if self.source == "none":
            return None
        return subject.training if self.source == "training" else subject.held_out


def split(subject: Subject, criterion: Criterion | Scope, *, calibration: str, seed: int) -> Split:
    """The samples that this criterion, or scope, calibrates on, and those that accuracy is measured on.

    Calibration is 512 samples of the training split, or 128 windows of text, drawn by a generator of its own from `seed`
    (all if there are fewer). With `calibration="held-out"` a seeded quarter of the held-out data is set aside for it
    instead, and accuracy is measured on the rest. A criterion that needs no data leaves all of the held-out data to
    measuring.
    """
    held = len(subject.held_out)
    if held == 0:
        raise ValueError(f"{subject.title} has no held-out samples: accuracy needs at least one; give it a test split")
    if not criterion.needs_data:
        return _of("none", torch.empty(0, dtype=torch.int64), torch.arange(held))
    generator = torch.Generator().manual_seed(seed)
    if calibration == "held-out":
        order = torch.randperm(held, generator=generator)
        aside = max(1, held // 4)
        if held - aside < 1:
            raise ValueError(f"{subject.title} has {held} held-out sample: too few to set a quarter aside for calibration")
        return _of("held-out", order[:aside].sort().values, order[aside:].sort().values)
    if subject.training is None or len(subject.training) == 0:
        raise ValueError(
            f"{_asks(criterion)} looks at data and {subject.title} has no training split: choose calibration = held-out, "
            "which sets a quarter of the held-out data aside for it"
        )
    most = CALIBRATION_WINDOWS if isinstance(subject.training, Windows) else CALIBRATION_SAMPLES
    order = torch.randperm(len(subject.training), generator=generator)[:most]
    return _of("training", order.sort().values, torch.arange(held))


def _asks(one: Criterion | Scope) -> str:
    return f"the competition {one.name}" if isinstance(one, Scope) else one.name


def _of(source: str, calibration: Tensor, measured: Tensor) -> Split:
    # One fixed half, the same for every setting: a half that moved with the seed would let a lucky seed choose.
    order = torch.randperm(len(measured), generator=torch.Generator().manual_seed(0))
    choosing = torch.zeros(len(measured), dtype=torch.bool)
    choosing[order[: len(measured) // 2]] = True
    return Split(source, calibration, measured, choosing)

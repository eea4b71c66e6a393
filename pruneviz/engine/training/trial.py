"""Trial: one of the trainings that a lab sets side by side. Each is examined as it goes, on one scale of steps, and tells
where it should have stopped."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine import criterion as criteria
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.splits import split
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import telling
from pruneviz.engine.training.exam import exam
from pruneviz.engine.training.loop import Stage, train
from pruneviz.engine.training.memory import Memory
from pruneviz.moment import Moment

EARLY = "early"
"""Where the memory keeps the best so far: loss on the choosing half, step, how many right on the other half."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A stage, the subject whose held-out data examine it, the steps of the run before it and in all, and what it is about:
    numbers by name that every moment of it says."""

    stage: Stage
    subject: Subject
    behind: int
    of: int
    said: Mapping[str, float]


def lot(seed: int, word: str) -> torch.Generator:
    """A generator of its own for each thing that is drawn, so that one more draw of one thing changes no other."""
    return torch.Generator().manual_seed(zlib.crc32(f"{seed} {word}".encode()))


def attempt(trial: Trial, memory: Memory) -> Iterator[Moment]:
    """Trains; a moment at every tick.

    Early stopping (Prechelt 1998) is told and not done: `early_step` is the step with the least loss on the half of the
    held-out data that may choose, and `early_correct` of `early_n` are right there on the other half, which chose nothing.
    """
    stage, subject = trial.stage, trial.subject
    choosing = split(subject, criteria.find("magnitude"), calibration="training", seed=0).choosing.numpy()
    if f"{stage.name}/step" not in memory:
        memory[EARLY] = torch.tensor([float("inf"), float(stage.steps), 0.0], dtype=torch.float64)
    for tick in train(stage, memory):
        measured = exam(subject, stage.network)
        memory[EARLY] = _earlier(memory[EARLY], tick.step, measured, choosing)
        _, step, correct = memory[EARLY].tolist()
        values = {**trial.said, **telling.trained(tick), **telling.measured(measured), "early_step": step}
        if measured.correct is not None:
            values |= {"early_correct": correct, "early_n": float((~choosing).sum())}
        yield Moment(trial.behind + tick.step - stage.start, trial.of, stage.name, values)


def places(subject: Subject, most: int) -> np.ndarray:
    """A fixed lot of at most so many places among all prunable weights, ascending."""
    drawn = torch.randperm(subject.weights, generator=torch.Generator().manual_seed(0))[:most]
    return drawn.sort().values.numpy()


def picked(subject: Subject, tensors: Mapping[str, Tensor], at: np.ndarray) -> np.ndarray:
    """What tensors by name say at these places among all prunable weights; one that is not there says True everywhere."""
    parts = [tensors.get(layer.name, torch.ones(layer.shape, dtype=torch.bool)) for layer in subject.layers]
    return torch.cat([part.detach().reshape(-1) for part in parts])[torch.from_numpy(at)].numpy().copy()


def _earlier(best: Tensor, step: int, measured: Measurement, choosing: np.ndarray) -> Tensor:
    counts = measured.counts[choosing].sum()
    loss = float(measured.losses[choosing].sum() / counts) if counts else float("inf")
    if not loss < best[0].item():
        return best
    right = 0.0 if measured.correct is None else float(measured.correct[~choosing].sum())
    return torch.tensor([loss, step, right], dtype=torch.float64)

"""Compared: the network that is really smaller, proven and measured beside the masked one, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch import Tensor, nn

from pruneviz.engine import silence, tasks
from pruneviz.engine.export import cut
from pruneviz.engine.outcomes import Measurement, Outcomes
from pruneviz.engine.standing import Standing
from pruneviz.engine.structure.surgery import SurgeryError
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe
from pruneviz.removed import Removed
from pruneviz.report import Score

BATCH = 250


def removed(
    subject: Subject, recipe: Recipe, standing: Standing, score: Score, batch: int = BATCH
) -> Iterator[tuple[int, Removed | None]]:
    """Removes what the Recipe marks, and measures what is left on the samples that `score`, the preview, is of: how many
    were run so far, and at the end what came of it."""
    try:
        made = cut.cut(subject, recipe, standing)
    except SurgeryError as problem:
        yield 0, Removed(trouble=str(problem))
        return
    yield 0, None
    found = Outcomes(tasks.of(subject), len(standing.split.measured))
    for at in outputs(subject, made.network, standing.split.measured, found, batch):
        yield at, None
    now = found.measurement()
    yield now.n, _compared(subject, made, now, score)


def outputs(subject: Subject, network: nn.Module, chosen: Tensor, found: Outcomes, batch: int) -> Iterator[int]:
    """Any network on the held-out samples at `chosen`, into `found`; how many there were after each batch."""
    for start in range(0, len(chosen), batch):
        some = chosen[start : start + batch]
        said = silence.outputs(network, subject.held_out.inputs(some))
        found.add(np.arange(start, start + len(some)), said, subject.held_out.labels[some])
        yield start + len(some)


def _compared(subject: Subject, made: cut.Cut, now: Measurement, score: Score) -> Removed:
    return Removed(
        made.proof.difference,
        made.proof.noise,
        (cut.parameters(subject.network), cut.parameters(made.network)),
        (score.value, now.value),
        (score.correct, None if now.correct is None else int(now.correct.sum())),
        now.n,
    )

"""Removal: the kinds of job that take a heavy network apart. Each unit left out alone, all that go cut out for real, the
smaller network written to a file. A worker does them in small steps, so Cancel ends them like everything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pruneviz.runs import kinds, written
from pruneviz.runs.jobs import Job, Step

if TYPE_CHECKING:
    from pruneviz.runs.worker import Worker

BATCH = 8
"""Samples of a heavy network between two steps."""
ENDING = ".network.zip"
OFTEN = 16
"""Units left out between two results."""


def remove(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """What came of removing for real: measured as the preview was, proven equal to it."""
    from pruneviz.engine import compared, evaluate

    subject, standing, workspace = kinds.ready(job, worker)
    of = 2 * len(standing.split.measured)
    for report in evaluate.reports(subject, job.recipe, standing, workspace, worker.stopped):
        yield Step(report.score.n, of)
    for n, found in compared.removed(subject, job.recipe, standing, report.score, BATCH):
        yield Step(report.score.n + n, of, found)


def alone(job: Job, worker: Worker, results: list[Any]) -> Iterator[Step]:
    """What leaving each unit out alone costs: [3, U] points, samples lost and won; NaN where it was not measured yet."""
    _subject, standing, workspace = kinds.ready(job, worker)
    ranking = standing.ranking
    found = np.array(results[-1]) if results else np.full((3, ranking.n), np.nan)
    dense = yield from _right(worker, workspace, workspace.run(ranking, 0.0, {}))
    for at, unit in enumerate(ranking.ids()):
        if np.isnan(found[0, at]):
            now = yield from _right(worker, workspace, workspace.run(ranking, 0.0, {}, gone=(unit,)))
            found[:, at] = 100 * (now.mean() - dense.mean()), (dense & ~now).sum(), (now & ~dense).sum()
        told = at + 1 == ranking.n or at % OFTEN == OFTEN - 1
        yield Step(at + 1, ranking.n, found.copy() if told else None)


def _right(worker: Worker, workspace: Any, run: Any) -> Iterator[Step]:
    """Which samples are right, [n] bool, once a run has been on all of them."""
    from pruneviz.engine.progress import STEP

    while not run.done:
        workspace.advance(run, STEP, worker.stopped)
        yield Step()
    return run.outcomes.measurement().correct


def archive(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """The smaller network as a .zip in the queue's folder: its path."""
    from pruneviz.engine.export import package

    subject, standing = kinds.stood(job, worker)
    yield Step()
    packed = package.archive(subject, job.recipe, standing)[0]
    yield Step(1, 1, str(written.keep(worker.folder, job, ENDING, packed)))

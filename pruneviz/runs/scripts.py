"""Scripts: the kind of job that writes a heavy model's setting as Python, so that Cancel ends it like everything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pruneviz.runs import kinds, written
from pruneviz.runs.jobs import Job, Step

if TYPE_CHECKING:
    from pruneviz.runs.worker import Worker

ENDING = ".script.zip"


def script(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """The script with its files as a .zip in the queue's folder: its path."""
    from pruneviz.engine import evaluate
    from pruneviz.engine.export import script as scripts

    subject, standing, workspace = kinds.ready(job, worker)
    for report in evaluate.reports(subject, job.recipe, standing, workspace, worker.stopped):
        yield Step(report.score.n, 2 * len(standing.split.measured))
    packed = scripts.script(subject, job.recipe, standing, report.score, scripts.MOST).packed()
    yield Step(1, 1, str(written.keep(worker.folder, job, ENDING, packed)))

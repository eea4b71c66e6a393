"""Scripts: the kind of job that writes a heavy model's setting as Python, so that Cancel ends it like everything else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.runs import kinds, machine
from pruneviz.runs.jobs import Job, Step

if TYPE_CHECKING:
    from pruneviz.runs.worker import Worker

ENDING = ".script.zip"


def script(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """The script with its files as a .zip in the queue's folder, whole or not at all; those before it are taken away."""
    from pruneviz.engine import evaluate
    from pruneviz.engine.export import script as scripts

    subject, standing, workspace = kinds.ready(job, worker)
    for report in evaluate.reports(subject, job.recipe, standing, workspace, worker.stopped):
        yield Step(report.score.n, 2 * len(standing.split.measured))
    path = Path(worker.folder, f"{machine.name_of(job.card)}-{machine.name_of(repr(job.recipe))}{ENDING}")
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(scripts.script(subject, job.recipe, standing, report.score, scripts.MOST).packed())
    for old in Path(worker.folder).glob(f"*{ENDING}"):
        old.unlink()  # whoever reads it keeps it
    os.replace(unfinished, path)
    yield Step(1, 1, str(path))

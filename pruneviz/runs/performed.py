"""Performed: the kind of job that is a run of the store. The store has what comes of it; the job only says how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pruneviz.runs import kinds
from pruneviz.runs.jobs import Job, Step

if TYPE_CHECKING:
    from pruneviz.runs.worker import Worker

KIND = f"{__name__}:perform"


def perform(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """Performs the run that `nodes` name: the store's folder, its address, and the key. Where another server performs it,
    there is nothing to do here."""
    from pruneviz.runs import perform as performing
    from pruneviz.runs.store import Store

    folder, address, key = job.nodes
    with closing(Store(folder, address)) as store:
        for run in performing.perform(store, key, kinds.model(job, worker), stop=worker.stopped):
            yield Step(run.step, run.of)

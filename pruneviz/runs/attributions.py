"""Attributions: the kind of job that asks a heavy network which pixels count. Between two runs it listens for Cancel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pruneviz.runs import kinds
from pruneviz.runs.jobs import Job, Step

if TYPE_CHECKING:
    from pruneviz.runs.worker import Worker


def attributions(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """Both networks' maps of one held-out image; `nodes` are its place in the held-out data and the method."""
    from pruneviz.engine import explain

    subject, standing = kinds.stood(job, worker)
    yield Step()
    index, method = job.nodes
    yield Step(1, 1, explain.attributions(subject, job.recipe, standing, int(index), str(method), worker.pause))

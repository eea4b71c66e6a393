"""Continuations: the kind of job that lets a heavy language model write. Between two tokens it listens for Cancel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pruneviz.runs import kinds
from pruneviz.runs.jobs import Job, Step

if TYPE_CHECKING:
    from pruneviz.runs.worker import Worker


def continuations(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """What both networks write after the beginning of one held-out window; `nodes` is its place in the held-out data."""
    from pruneviz.engine import continuation

    subject, standing = kinds.stood(job, worker)
    yield Step()
    yield Step(1, 1, continuation.continued(subject, job.recipe, standing, int(job.nodes[0]), worker.pause))

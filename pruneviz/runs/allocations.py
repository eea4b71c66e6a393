"""Allocations: the kinds of jobs that ask what each layer alone costs, and how a budget is best shared out among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pruneviz.runs import kinds
from pruneviz.runs.jobs import Job, Step

if TYPE_CHECKING:
    from pruneviz.runs.worker import Worker


def sensitivity(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """Every layer alone at every amount of a grid, row by row."""
    from pruneviz.engine import sensitivity as maps

    subject, standing, workspace = kinds.ready(job, worker)
    done = of = 0
    for found in maps.sensitivity(subject, job.recipe, standing, workspace, worker.stopped):
        if found is not None:
            done, of = found.seen, found.whole
        yield Step(done, of, found)


def allocate(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """The best amounts for every layer so far; `nodes` are what the visitor asks of the search: its tolerance and budget."""
    from pruneviz.engine import allocation

    subject, standing = kinds.stood(job, worker)
    recipe = replace(job.recipe, **dict(job.nodes))
    for found in allocation.solve(subject, recipe, standing, stop=worker.stopped):
        yield Step() if found is None else Step(found.tried, found.of, found)

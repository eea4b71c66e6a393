"""The kind of job that is a run, in a worker process that has the tiny lab on its shelf, and stores every moment."""

from __future__ import annotations

from pruneviz.engine.training import labs
from pruneviz.runs import perform as performing
from pruneviz.runs import performed
from tests.runs import tiny_lab


def perform(job, worker, results):
    labs.shelf = lambda: {"tiny": tiny_lab.LAB}
    performing.OFTEN = 0.0
    return performed.perform(job, worker, results)

"""A kind of job that never comes to an end: for tests that end it. Nothing is imported here, for a worker imports this."""

from __future__ import annotations

import time


def steps(_job, _worker, _results):
    from pruneviz.runs.jobs import Step

    for at in range(100_000):
        time.sleep(0.02)
        yield Step(at, 100_000)

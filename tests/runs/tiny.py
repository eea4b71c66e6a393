"""Tiny kinds of jobs for tests: each writes one line into a file when it is begun, so that beginnings can be counted."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from pruneviz.runs.jobs import Step


def _begun(job) -> None:
    with Path(job.card).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")


def count(job, worker, results):
    """As many steps as the first node says, of as many seconds as the second; each step's result is its number."""
    _begun(job)
    steps, seconds = job.nodes
    for at in range(len(results), steps):
        time.sleep(seconds)
        yield Step(at + 1, steps, at, at)


def deaf(job, worker, results):
    """One step that never ends, and that no signal but the last one ends."""
    _begun(job)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield Step(0, 1, "begun")
    while True:
        time.sleep(60)


def crash(job, worker, results):
    """Ends its process by the signal of the first node after a step."""
    _begun(job)
    yield Step(1, 2, "begun")
    os.kill(os.getpid(), job.nodes[0])
    time.sleep(60)


def refuse(job, worker, results):
    """A sentence, as the engine says it."""
    _begun(job)
    yield Step(1, 2, "begun")
    raise ValueError("there is no such layer;\n choose another")


def broken(job, worker, results):
    """A fault of ours."""
    yield Step(1, 2)
    raise KeyError("secret")


def patient(job, worker, results):
    """One long step that pauses in between, making something that others need, too."""
    _begun(job)

    def make():
        for at in range(job.nodes[0]):
            time.sleep(0.01)
            worker.pause(at + 1, job.nodes[0])
        return "made"

    yield Step(1, 1, worker.larder.get(job.card, "slow", make))


def store(job, worker, results):
    """Keeps as many bytes as the first node says under the second, and says what the larder weighs afterwards."""
    worker.larder.get(job.card, job.nodes[1], lambda: np.ones(job.nodes[0], np.uint8))
    yield Step(1, 2)
    yield Step(2, 2, worker.larder.bytes())


def weigh(job, worker, results):
    """What the larder holds now, and which keys."""
    yield Step(1, 1, (worker.larder.bytes(), sorted(key for _, key in worker.larder._kept)))


def threads(job, worker, results):
    """With how many threads torch computes here, how nice the process is, and who is its parent."""
    import torch

    yield Step(1, 1, (torch.get_num_threads(), os.nice(0), os.getppid()))


def lost(job, worker, results):
    """What the system says of a file that is not there."""
    yield Step(1, 2)
    open(job.card + ".gone", "rb").close()

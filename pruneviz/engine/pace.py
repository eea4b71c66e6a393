"""Pace: how long a measurement takes on this machine, told from a first batch, before anything is made ready for it."""

from __future__ import annotations

import os
import time
from functools import cache

import torch

from pruneviz.engine import silence
from pruneviz.engine.subject import Subject

BATCH = 64
LONGEST = 0.5
"""Seconds after which it has looked closely enough."""


@cache
def settle_threads() -> None:
    """Once in a process: torch takes all the cores there are, or as many threads as `OMP_NUM_THREADS` says."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    torch.set_num_threads(int(said) if said.isdecimal() and int(said) else os.cpu_count() or 2)


def seconds(subject: Subject, enough: float) -> float:
    """Seconds that all held-out samples take once. Where they are clearly more than `enough`, it looks no closer."""
    network, n, batch, began = subject.skeleton().eval(), len(subject.held_out), 1, time.perf_counter()
    first = subject.held_out.inputs(slice(0, 1))
    # The very first pass also pays for what is done once in a process: it says nothing about the next.
    each = min(_seconds(network, first), _seconds(network, first))
    while n * each < enough and batch < min(n, BATCH) and time.perf_counter() - began < LONGEST:
        # Of a quick network one sample says little: what is paid once for each batch would be counted n times.
        batch = min(n, BATCH, 8 * batch)
        each = min(each, _seconds(network, subject.held_out.inputs(slice(0, batch))) / batch)
    return n * each


def _seconds(network: torch.nn.Module, inputs) -> float:
    with torch.inference_mode():
        started = time.perf_counter()
        silence.outputs(network, inputs)
        return time.perf_counter() - started

"""Timing: how long works take, measured side by side. Whoever compares two times must have measured them in turns.

The works run round by round, each once per round, in an order that turns with the rounds: what slows the machine down for
a while then slows all of them. A round's ratio is taken inside the round. Reported are medians and quartiles, with n.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from pruneviz.truths import Machine, Spread, plain

WARM_UP = 3
LONG_MS = 1000.0
"""Work that takes this long is warm after one call."""
LEAST, MOST = 9, 101
SAMPLE_MS = 0.5
"""One sample lasts about this long: quicker work is repeated inside it, after one call that does not count (whoever ran
before has filled the caches), and the mean of one call is noted."""

Work = Callable[[], object]


def interleaved(
    works: Mapping[str, Work], *, repeats: int = 0, seconds: float = 3.0, device: str = "cpu"
) -> dict[str, np.ndarray]:
    """Milliseconds of one call of each work, [n] each, row by row from the same round.

    `repeats` 0 means: as many rounds as fit into `seconds`, from 9 to 101.
    """
    wait = torch.cuda.synchronize if device == "cuda" else _nothing
    calls = {key: _calls(work, wait) for key, work in works.items()}
    keys, rows, started = list(works), [], time.perf_counter()
    while len(rows) < (repeats or MOST):
        if not repeats and len(rows) >= LEAST and time.perf_counter() - started > seconds:
            break
        turn = len(rows) % len(keys)
        row = dict.fromkeys(keys, 0.0)
        for key in keys[turn:] + keys[:turn]:
            row[key] = _sample(works[key], calls[key], wait)
        rows.append(row)
    return {key: np.array([row[key] for row in rows]) for key in keys}


def spread(values: np.ndarray) -> Spread:
    """Median and quartiles."""
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
    return Spread(float(median), float(low), float(high), len(values))


def ratio(values: np.ndarray, peer: np.ndarray) -> Spread:
    """values / peer, taken inside each round."""
    return spread(values / peer)


def machine(threads: int, gpu: str = "") -> Machine:
    """This machine, in words that another reader of the numbers needs."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return Machine(
        processor=plain(_processor()),
        cores=os.cpu_count() or 1,
        threads=threads,
        torch=plain(torch.__version__),
        system=plain(f"{platform.system()} {platform.machine()}"),
        gpu=plain(gpu),
        load=load,
    )


def _processor() -> str:
    """The processor's name: what Linux tells, a single-board computer's model, or whatever Python knows."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip().lower() in ("model name", "model", "hardware") and not value.strip().isdigit():
                return value
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown processor"


def _calls(work: Work, wait: Work) -> int:
    """Warms the work up, and says how many calls fill one sample."""
    taken: list[float] = []
    while len(taken) < WARM_UP and sum(taken) < LONG_MS:
        taken.append(_sample(work, 1, wait))
    quickest = min(taken)
    return max(1, min(1000, round(SAMPLE_MS / max(quickest, 1e-4))))


def _sample(work: Work, calls: int, wait: Work) -> float:
    if calls > 1:
        work()
    wait()
    started = time.perf_counter()
    for _ in range(calls):
        work()
    wait()
    return 1000 * (time.perf_counter() - started) / calls


def _nothing() -> None:
    pass

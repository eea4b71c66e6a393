"""Foreground: runs are performed by this very process, one after the other, while somebody waits at a terminal."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pruneviz.engine.subject import Subject
from pruneviz.runs.perform import perform
from pruneviz.runs.store import Store
from pruneviz.runs.store.records import Run

GLANCE = 0.5
"""Seconds between two looks at what others perform."""


def all_of(
    store: Store,
    runs: Sequence[Run],
    subject_of: Callable[[Run], Subject],
    told: Callable[[Run], None] = lambda run: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Run]:
    """Performs these runs, and waits for those that others perform: they are done once, whoever does them."""
    ended: dict[str, Run] = {}
    while not stop() and len(ended) < len(runs):
        for run in [run for run in runs if run.key not in ended]:
            if stop():
                break
            for now in perform(store, run.key, subject_of(run), stop=stop):
                told(now)
            if now.state not in ("running", "waiting"):
                ended[run.key] = now
        else:
            _wait(stop, len(ended) < len(runs))
    return [ended.get(run.key) or store.find(run.key) for run in runs]


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """While inside, Ctrl-C or a friendly signal ends a run after the moment that it is at; a second one ends the process."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def hear(number: int, _frame: object) -> None:
        asked.set()
        signal.signal(number, before[number])

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, hear)
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def shown(run: Run) -> None:
    """How far a run is, for whoever waits at a terminal."""
    if sys.stderr.isatty():
        print(f"\r{run.title}: {run.step:,} of {run.of:,} steps, {run.state}", end="", file=sys.stderr, flush=True)


def _wait(stop: Callable[[], bool], more: bool) -> None:
    if more and not stop():
        time.sleep(GLANCE)

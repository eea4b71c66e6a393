"""Performing: every run that a store does not have yet, by as many processes as are started; each run by one of them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from benchmarks.reproduce.asked import Asked
from benchmarks.reproduce.cards import Cards
from pruneviz.runs.perform import enter, perform
from pruneviz.runs.store import Store
from pruneviz.runs.store.records import Run

GLANCE = 0.5
"""Seconds between two looks at what others perform."""


def renew(store: Store, cards: Cards, asked: Sequence[Asked]) -> None:
    """What failed, or was cancelled or damaged, waits again."""
    for one in asked:
        try:
            run = cards.run(one)
        except ValueError:
            continue
        if run.state in ("failed", "cancelled"):
            store.resume(run.key)


def every(store: Store, cards: Cards, asked: Sequence[Asked], stop: Callable[[], bool]) -> list[Run]:
    """Performs what is not done and waits for what others perform; the runs that ended, done or not. One whose parent
    failed is left out."""
    left, ended = list(asked), {}
    while left and not stop():
        before = len(left)
        for one in list(left):
            if stop():
                break
            run = _one(store, cards, one, stop)
            if run == NEVER or (run is not None and run.state not in ("running", "waiting")):
                left.remove(one)
                ended |= {} if run == NEVER else {run.key: run}
        if left and len(left) == before:
            time.sleep(GLANCE)
    return list(ended.values())


NEVER = "never"
"""Where a run's parent came to nothing."""


def _one(store: Store, cards: Cards, asked: Asked, stop: Callable[[], bool]) -> Run | str | None:
    """One run as it is after it was this process's turn; None where its parent is not done."""
    subject = cards.subject(asked) if asked.parent is None or _entered(cards, asked.parent) else None
    if subject is None:
        return NEVER if asked.parent and _lost(cards, asked.parent) else None
    run = enter(store, subject, asked.recipe, f"{asked.lane}, seed {asked.seed}")
    if run.over:
        return run
    said = run.step
    for now in perform(store, run.key, subject, stop=stop):
        run = now
    if run.step > said and run.over:
        print(f"{run.title}: {run.state}{f' ({run.trouble})' if run.trouble else ''}", file=sys.stderr, flush=True)
    return run


def _entered(cards: Cards, asked: Asked) -> bool:
    try:
        cards.run(asked)
    except ValueError:
        return False
    return True


def _lost(cards: Cards, asked: Asked) -> bool:
    return _entered(cards, asked) and cards.run(asked).state in ("failed", "cancelled")

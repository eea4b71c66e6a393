"""Lives: a process performs a run until it is killed, at any instant; the next goes on. What was acknowledged is there.

Each life is forked from this process, which has imported all that it needs, and tells through a pipe what the store
acknowledged.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import select, text

from pruneviz.engine.sources import card
from pruneviz.engine.training import labs
from pruneviz.runs import perform as performing
from pruneviz.runs.perform import enter, perform
from pruneviz.runs.store import Store
from pruneviz.runs.store.tables import artifacts
from tests.runs import tiny_lab

Place = tuple[Path, str | None]
"""The folder of a store, and the address of its database where that is not in it."""
MOMENTS, MILLISECONDS = 24, 20
LONGEST = 4 * MOMENTS * MILLISECONDS / 1000
"""Seconds until a life is killed, at most: some end before their first moment, some after the run's last."""
RECIPE = replace(
    tiny_lab.RECIPE,
    course=replace(tiny_lab.COURSE, steps=MOMENTS // 2, retrain=MOMENTS // 2, times=MILLISECONDS + 1),
)


@dataclass
class Tally:
    """What the lives came to."""

    kills: int = 0
    runs: int = 0
    lost: int = 0
    broken: list[str] = field(default_factory=list)
    different: int = 0
    resumed: list[float] = field(default_factory=list)


@contextmanager
def shelf():
    """The shelf of labs has the tiny one; every moment is stored as it comes."""
    true = labs.shelf, performing.OFTEN
    labs.shelf, performing.OFTEN = (lambda: {"tiny": tiny_lab.LAB}), 0.0
    try:
        yield
    finally:
        labs.shelf, performing.OFTEN = true


def uninterrupted(folder: Path):
    """The moments and the result of the run that nobody kills."""
    subject, store = card.load("digits_mlp"), Store(folder)
    run = enter(store, subject, RECIPE)
    *_, done = perform(store, run.key, subject)
    found = store.moments(run.key), done.memory
    store.close()
    return found


def killed(place: Place, kills: int, lots: random.Random, expected, tally: Tally | None = None) -> Tally:
    """So many kills; whenever a run came to its end it is compared with the one that was not killed, and begun anew."""
    tally = tally or Tally()
    subject = card.load("digits_mlp")
    store = Store(*place)
    key = enter(store, subject, RECIPE).key
    store.close()
    acknowledged = 0
    while tally.kills < kills or acknowledged:
        wait = lots.uniform(0.0, LONGEST) if tally.kills < kills else None
        told, ended = _life(place, key, subject, wait)
        tally.kills += not ended
        if told:
            tally.resumed.append(told[0][1])
            acknowledged = told[-1][0]
        acknowledged = _looked(place, key, acknowledged, expected, tally, ended)
    return tally


def _life(place: Place, key: str, subject, wait: float | None) -> tuple[list[tuple[int, float]], bool]:
    """What one process was told, (moments, seconds since its birth) each, and whether it came to the end by itself."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        _perform(place, key, subject, into)
    os.close(into)
    if wait is not None:
        time.sleep(wait)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(out, "rb") as pipe:
        lines = pipe.read().split(b"\n")[:-1]
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), f"a life ended with {status}"
    return [(int(one), float(other)) for one, other in map(bytes.split, lines)], status == 0


def _perform(place: Place, key: str, subject, into: int) -> None:
    code = 1
    try:
        began = time.monotonic()
        for run in perform(Store(*place), key, subject):
            os.write(into, b"%d %f\n" % (run.moments, time.monotonic() - began))
        code = 0
    finally:
        os._exit(code)


def _looked(place: Place, key: str, acknowledged: int, expected, tally: Tally, ended: bool) -> int:
    """Looks at what lies there after a life; how many moments are acknowledged from here on."""
    store = Store(*place)
    run, told = store.find(key), store.moments(key)
    tally.lost += max(0, acknowledged - len(told))
    with store._database.reading() as connection:
        said = connection.scalar(text("PRAGMA integrity_check")) if store._database.local else "ok"
        named = set(connection.scalars(select(artifacts.c.sha256)))
    if said != "ok":
        tally.broken.append(said)
    if run.moments != len(told) or run.step != (told[-1].step if told else 0):
        tally.broken.append(f"{len(told)} moments, and {run.moments} are counted")
    for sha256 in named:
        store._beside.read(sha256)
    moments, result = expected
    tally.different += sum(not one.same(other) for one, other in zip(told, moments, strict=False))
    if ended:
        tally.runs += 1
        tally.different += run.state != "done" or run.memory != result or len(told) != len(moments)
        store.forget(key)
        enter(store, card.load("digits_mlp"), RECIPE)
    store.close()
    return 0 if ended else len(told)

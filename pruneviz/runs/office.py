"""The office: where pages ask for runs. Equal runs are one; they go on when whoever asked has left; all of it is stored.

It has a queue and a worker process of its own, so that a run of minutes never stands before somebody's slider.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from pruneviz.caps import Caps
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.runs import performed
from pruneviz.runs.jobs import Job
from pruneviz.runs.queue import Queue
from pruneviz.runs.store import Store, naming
from pruneviz.runs.store.changes import held
from pruneviz.runs.store.records import Run
from pruneviz.runs.ticket import Ticket

WAITING = 60
"""Runs that wait here at most; one visitor may have a third of them."""
FOREVER = 10**6
"""Seconds: a run takes what it takes. It can be cancelled, and goes on where it ended. (A wait of a month is refused by the
system.)"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A run that somebody asks for: the Recipe, the card of its model as jobs name it, and the sha256 of the model's and of
    the data's files. `job` has the limits with which a brought model was let in."""

    recipe: Recipe
    card: str
    hashes: tuple[str, str]
    title: str = ""
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """A run as it is now. `position` is its place in the queue, `left` the seconds it still takes, where that can be told.
    Where it is `idle`, it is not over and nobody performs it, or is going to: it waits to be started again."""

    run: Run
    position: int | None = None
    left: float | None = None
    idle: bool = False


class Office:
    """Runs of one store, performed by `workers` processes. Any thread may ask."""

    def __init__(self, store: Store, workers: int = 1):
        self.store = store
        self._queue: Queue | None = None
        self._workers = workers
        self._tickets: dict[str, Ticket] = {}
        self._watchers: dict[str, set[str]] = {}
        self._guard = threading.Lock()

    def find(self, recipe: Recipe, hashes: tuple[str, str]) -> Run | None:
        """The run of this Recipe, if anybody ever asked for it."""
        try:
            return self.store.find(naming.key(recipe, *hashes))
        except ValueError:
            return None

    def start(self, asked: Asked, who: str) -> Run:
        """The run goes on, or begins, or is done already. It raises QueueFull, one sentence, where too many wait."""
        recipe = naming.decides(asked.recipe)
        run = self.store.resume(self.store.enter(recipe, *asked.hashes, title=asked.title).key)
        if run.over:
            return run
        with self._guard:
            nodes = str(self.store.folder), self.store.address, run.key
            like = asked.job or Job("", recipe, asked.card)
            job = replace(like, kind=performed.KIND, recipe=recipe, card=asked.card, nodes=nodes, keep=True)
            queue = self._opened()
            queue.outdated(job)  # what ended a moment ago, paused or performed elsewhere, is not what is asked for
            self._tickets[run.key] = queue.watch(job, f"{who}/{run.key}")
            self._watchers.setdefault(run.key, set()).add(who)
        return run

    def watch(self, key: str) -> Watched:
        """A run as it is now."""
        run, ticket = self.store.find(key), self._tickets.get(key)
        if ticket is not None and ticket.over:
            if ticket.state == "failed":
                run = self.store.settle(run.key, "failed", ticket.trouble)
            elif not run.over:
                run = self.store.find(key)  # as it was when the worker let go of it, and not a moment before
            ticket = None
        idle = ticket is None and not run.over and not held(run, self.store.now())
        return Watched(run, ticket.position if ticket else None, run.left or (ticket.seconds_left if ticket else None), idle)

    def moments(self, key: str, after: int = 0) -> list[Moment]:
        """What has come of a run, but for the first `after` moments."""
        return self.store.moments(key, after)

    def cancel(self, key: str, who: str) -> Run:
        """`who` wants it no more. It ends, within two seconds, unless others who asked for it are still here."""
        with self._guard:
            others = self._watchers.get(key, set())
            others.discard(who)
            ticket = self._tickets.get(key)
        if others:
            return self.store.find(key)
        run = self.store.cancel(key)
        if ticket is None or ticket.over:
            return run
        ticket.cancel()
        return self.store.settle(key, "cancelled")

    def gone(self, who: str) -> None:
        """`who` has left: what they asked for goes on, and anybody else who asked for it may cancel it."""
        with self._guard:
            for watchers in self._watchers.values():
                watchers.discard(who)

    def past(self, lab: str = "") -> list[Run]:
        """All runs of the store, or of one lab; the latest first."""
        return self.store.list(lab=lab)

    def forget(self, key: str) -> None:
        """A run is no more, and nothing of it lies anywhere."""
        ticket = self._tickets.pop(key, None)
        if ticket is not None and not ticket.over:
            ticket.cancel()
        self.store.forget(key)

    def pids(self) -> list[int]:
        """The processes that perform runs."""
        return self._queue.pids() if self._queue else []

    def close(self) -> None:
        """Runs in hand are paused where they are."""
        if self._queue is not None:
            self._queue.close()
        self.store.close()

    def _opened(self) -> Queue:
        if self._queue is None:
            caps = replace(Caps(), jobs=self._workers, queue=WAITING, job_seconds=FOREVER)
            self._queue = Queue(caps, threads=1)
        return self._queue

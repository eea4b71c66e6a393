"""The office: where pages ask for runs. Equal runs are one; they go on when whoever asked has left; all of it is stored.

It has a queue and a worker process of its own, so that a run of minutes never stands before somebody's slider.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace

from pruneviz.caps import LOCAL, Caps
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.runs import keeping, listing, performed
from pruneviz.runs.hand import Hand, Wanted
from pruneviz.runs.jobs import Job
from pruneviz.runs.listing import ANY, Wanting
from pruneviz.runs.queue import Queue, QueueFull
from pruneviz.runs.store import Store, naming, space
from pruneviz.runs.store.changes import held
from pruneviz.runs.store.records import Run

WAITING = 60
"""Runs that wait here at most."""
KNOWN_PACE = 60.0
"""Seconds after which what a run has taken tells what it will take."""
SEEN = 3_600.0
"""Seconds for which a run that somebody has looked at makes no room for others."""
DOORS = 64
"""Runs that may be started or ended at the same time; two that share a door wait for each other."""


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
    """Runs of one store, performed by `workers` processes, within the `caps`. Any thread may ask."""

    def __init__(self, store: Store, workers: int = 1, caps: Caps = LOCAL):
        self.store = store
        self._queue: Queue | None = None
        self._workers, self._caps = workers, caps
        self._hands: dict[str, Hand] = {}
        self._seen: dict[str, float] = {}
        self._guard = threading.Lock()
        self._doors = [threading.RLock() for _ in range(DOORS)]

    def find(self, recipe: Recipe, hashes: tuple[str, str]) -> Run | None:
        """The run of this Recipe, if anybody ever asked for it."""
        try:
            return self.store.find(naming.key(recipe, *hashes))
        except ValueError:
            return None

    def start(self, asked: Asked, who: str) -> Run:
        """The run goes on, or begins, or is done already. It raises RuntimeError, one sentence, where too many wait, the
        disk has no room for it, or it has taken all the time that a run may take."""
        recipe, there = naming.decides(asked.recipe), self.find(asked.recipe, asked.hashes)
        self._tidy()
        if there is None or there.state != "done":
            self._check(there)
        key = self.store.enter(recipe, *asked.hashes, title=asked.title).key
        with self._door(key):
            run = self.store.resume(key)
            if run.over:
                return run
            nodes = str(self.store.folder), self.store.address, key
            like = asked.job or Job("", recipe, asked.card)
            job = replace(like, kind=performed.KIND, recipe=recipe, card=asked.card, nodes=nodes, keep=True)
            queue = self._opened()
            queue.outdated(job)  # what ended a moment ago, paused or performed elsewhere, is not what is asked for
            try:
                ticket = queue.watch(job, f"{who}/{key}")
            except QueueFull:
                if there is None and key not in self._hands:
                    self.store.forget(key)  # nothing ever came of it
                raise
            with self._guard:
                hand = self._hands.get(key)
                if hand is None or hand.ticket is not ticket:
                    hand = self._hands[key] = Hand(key, ticket)
                hand.join(who)
        return run

    def watch(self, key: str) -> Watched:
        """A run as it is now."""
        run, hand = self.store.find(key), self._hands.get(key)
        ticket = hand.ticket if hand else None
        if ticket is not None and ticket.over:
            run, ticket = self._let_go(key, hand), None
        idle = ticket is None and not run.over and not held(run, self.store.now())
        return Watched(run, ticket.position if ticket else None, run.left or (ticket.seconds_left if ticket else None), idle)

    def moments(self, key: str, after: int = 0) -> list[Moment]:
        """What has come of a run, but for the first `after` moments."""
        return self.store.moments(key, after)

    def seen(self, key: str) -> None:
        """Somebody looks at a run."""
        with self._guard:
            self._seen[key] = time.monotonic()

    def cancel(self, key: str, who: str, *, owner: bool = False) -> Run:
        """`who` wants it no more. It ends, within two seconds, unless others who asked for it are still here.

        A run that is performed is ended by who asked for it, or by the machine's `owner`; `Wanted` where it goes on. Whoever
        starts it meanwhile waits until it has ended, and then it goes on.
        """
        with self._door(key):
            with self._guard:
                hand = self._hands.get(key)
                if hand is not None and not hand.ticket.over:
                    hand.leave(who, owner)
                elif not owner and held(self.store.find(key), self.store.now()):
                    raise Wanted("this run is performed elsewhere, so it goes on: whoever started it there can cancel it")
            run = self.store.cancel(key)
            if hand is None or hand.ticket.over:
                return run
            hand.ticket.cancel()
            self._drop(key, hand)
            return self.store.settle(key, "cancelled")

    def gone(self, who: str) -> None:
        """`who` has left: what they asked for goes on, and others who asked for it may cancel it."""
        with self._guard:
            for hand in self._hands.values():
                hand.gone(who)

    def past(self, lab: str = "", wanted: Wanting = ANY, most: int = 1000) -> list[Run]:
        """The latest runs of the store, or of one lab, that are wanted; the latest first."""
        return listing.latest(self.store, lab, wanted, most)

    def forget(self, key: str) -> None:
        """A run is no more, and nothing of it lies anywhere."""
        with self._door(key):
            hand = self._hands.pop(key, None)
            if hand is not None and not hand.ticket.over:
                hand.ticket.cancel()
            self.store.forget(key)

    def pids(self) -> list[int]:
        """The processes that perform runs."""
        return self._queue.pids() if self._queue else []

    def close(self) -> None:
        """Runs in hand are paused where they are."""
        if self._queue is not None:
            self._queue.close()
        self.store.close()

    def _tidy(self) -> None:
        """Forgets what is over, and who looked at what an hour ago."""
        for key, hand in list(self._hands.items()):
            if hand.ticket.over:
                self._let_go(key, hand)
        before = time.monotonic() - SEEN
        with self._guard:
            self._seen = {key: when for key, when in self._seen.items() if when > before}

    def _check(self, there: Run | None) -> None:
        """Refuses, in one sentence, a run that there is no time or no room for; what was over first makes room."""
        most = self._caps.run_seconds
        if there is not None and there.step and there.seconds > KNOWN_PACE:
            takes = there.seconds / there.step * there.of
            if takes > most:
                raise RuntimeError(
                    f"at its pace so far it takes about {takes:,.0f} seconds, and a run here may take {most:,}: what came "
                    "of it is kept, choose fewer steps"
                )
        self._make_room(there)
        if short := space.short(self.store.folder):
            raise RuntimeError(short)

    def _make_room(self, there: Run | None) -> None:
        """Runs that were over first go where all of them fill more than they may; never one that is in hand or looked at."""
        most = self._caps.store_bytes
        if not (many := keeping.too_many(self.store, most)):
            return
        with self._guard:
            spared = self._seen.keys() | self._hands.keys() | ({there.key} if there else set())
        for key in keeping.to_go(self.store, many, spared):
            with self._door(key), suppress(ValueError):
                if self.store.find(key).over and key not in self._hands:
                    self.store.forget(key)
        if keeping.too_many(self.store, most):
            raise RuntimeError(
                f"the runs that are kept here fill the {most / 1e6:,.0f} MB that they may fill, and none of them can make "
                "room now: try again in an hour"
            )

    def _let_go(self, key: str, hand: Hand) -> Run:
        """A ticket is over: the run as it was left, when the worker let go of it and not a moment before."""
        with self._door(key):
            run = self.store.find(key)
            if self._hands.get(key) is not hand:
                return run
            if hand.ticket.state == "failed":
                run = self.store.settle(key, "failed", hand.ticket.trouble)
            self._drop(key, hand)
        return run

    def _drop(self, key: str, hand: Hand) -> None:
        with self._guard:
            if self._hands.get(key) is hand:
                del self._hands[key]

    def _door(self, key: str) -> threading.RLock:
        """Held while a run is started or ended, so that neither falls into the other."""
        return self._doors[int(key[:8], 16) % DOORS]

    def _opened(self) -> Queue:
        with self._guard:
            if self._queue is None:
                caps = replace(Caps(), jobs=self._workers, queue=WAITING, job_seconds=self._caps.run_seconds)
                self._queue = Queue(caps, threads=1, each=self._caps.runs_each)
            return self._queue

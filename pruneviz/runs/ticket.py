"""Ticket: one job in the queue, as those who watch it see it."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Condition
from typing import TYPE_CHECKING, Any

from pruneviz.runs.jobs import Job, Step

if TYPE_CHECKING:
    from pruneviz.runs.queue import Queue

ENDED = ("done", "cancelled", "failed")
OVERRUN = 1.0
"""Seconds that a step may take to hear that its job is cancelled; then its process is ended."""
UNWATCHED = 10.0
"""The same where nobody waits for the end: a worker that knows the model is worth more than a few seconds."""
CANCELLED = "cancelled", "", ""
KEPT = 600.0
"""Seconds that a job to keep goes on with nobody watching."""


class Ticket:
    """A job on its way: `state` is waiting, running, done, cancelled or failed. All who watch equal jobs hold the same one.

    `results` are those so far; they stay when the job is cancelled. `trouble` says in one sentence why it failed, and `code`
    in one word, where there is one. `owner` is the visitor who asked for it first.
    """

    def __init__(self, number: int, job: Job, queue: Queue, owner: str = ""):
        self.number, self.job, self.owner = number, job, owner
        self.state, self.trouble, self.code = "waiting", "", ""
        self.results: list[Any] = []
        self.steps = 0
        self.progress: tuple[float, float] | None = None
        self.watchers: set[str] = set()
        self.started: float | None = None
        self.ended: float | None = None
        self.crashes = 0
        self.sent = False
        self.stop_by: float | None = None
        self.ending: tuple[str, str, str] | None = None
        self.left: float | None = None
        self._queue = queue
        self._changed: Condition = queue.changed
        self._first: tuple[float, float] | None = None
        self._before: tuple[float, float] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED

    @property
    def position(self) -> int | None:
        """1 for who is next; None for who waits no more."""
        return self._queue.position(self)

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take, as far as its own steps so far, and those of its kind before it, tell."""
        return self._queue.seconds_left(self)

    @property
    def pace(self) -> float | None:
        """Seconds that the rest will take at the speed so far."""
        if self.progress is None or self._first is None:
            return None
        (done, of), (then, at) = self.progress, self._first
        return (time.monotonic() - at) / (done - then) * (of - done) if of > 0 and done > then else None

    def leave(self, who: str) -> None:
        """`who` watches no more. The last one to leave cancels it, or, where it is to be kept, lets it go on for a while."""
        self._queue.leave(self, who)

    def cancel(self) -> str:
        """Ends it for all who watch, and waits until it has; at most two seconds."""
        return self._queue.cancel(self)

    def wait(self, seconds: float | None = None, until: Callable[[Ticket], bool] | None = None) -> bool:
        """Waits until it is over, or until something else is true of it; whether it came to that."""
        wanted = until or (lambda ticket: ticket.over)
        with self._changed:
            return self._changed.wait_for(lambda: wanted(self) or self.over, seconds)

    # What follows is for the queue and its foremen, who hold the lock.

    def begin(self) -> None:
        """It is in a worker's hands."""
        self.state, self.started = "running", self.started or time.monotonic()

    def take(self, step: Step) -> None:
        """One step was made. After a restart earlier steps come again: nobody sees a result grow younger."""
        self.steps += 1
        again = self._before is not None and step.of == self._before[1] and step.done < self._before[0]
        if step.of > 0 and not again:
            if self._first is None or self.progress is None or self.progress[1] != step.of:
                self._first = step.done, time.monotonic()  # something else is counted from here on
            self.progress = step.done, step.of
        if step.result is not None and not again:
            self.results[step.place : step.place + 1] = [step.result]

    def back(self) -> None:
        """The worker is gone, and not by this job's fault: it will be given to the next one."""
        self.sent, self._first, self._before = False, None, self.progress or self._before

    def finish(self, state: str, trouble: str = "", code: str = "") -> None:
        """It is over; one that was asked to end ended for the reason that was given then."""
        if not self.over:
            self.state, self.trouble, self.code = (
                (state, trouble, code) if state == "done" or not self.ending else self.ending
            )
            self.ended = time.monotonic()

    def stop(self, ending: tuple[str, str, str], patience: float) -> None:
        """It is asked to end: between two steps, or by force when the patience of whoever asked is over."""
        self.ending = self.ending or ending
        self.stop_by = min(self.stop_by or float("inf"), time.monotonic() + patience)

    def deadline(self, job_seconds: float) -> float | None:
        """When somebody has to look after it: its time is up, nobody has come back, or it did not end when asked."""
        if self.stop_by is not None:
            return self.stop_by
        wall = None if self.started is None else self.started + job_seconds
        kept = None if self.left is None else self.left + KEPT
        return min((one for one in (wall, kept) if one is not None), default=None)

"""Queue: who is next. A job that somebody asks for already is joined, not done twice; what nobody watches is not done."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import shutil
import threading
import time
import weakref
from collections import defaultdict, deque

from pruneviz import nursery
from pruneviz.caps import Caps
from pruneviz.runs import machine
from pruneviz.runs.foreman import Foreman
from pruneviz.runs.jobs import Job
from pruneviz.runs.ticket import CANCELLED, OVERRUN, UNWATCHED, Ticket
from pruneviz.runs.turns import by_turns

PATIENCE = 5.0
"""Seconds that a cancellation is waited for; it takes at most two."""
FRESH = 60.0
"""Seconds that what is done is handed to whoever asks for the same."""
SHARE = 3
"""One visitor has at most a third of the queue."""


class QueueFull(RuntimeError):
    """No more can wait; one sentence."""


class Queue:
    """Heavy jobs of all visitors. `caps` say how many run, how many wait, and for how long; `larder_bytes` how much a worker
    keeps of what it worked on last. With `each`, so many of one visitor's wait or run, and visitors take turns. Any thread
    may ask."""

    def __init__(self, caps: Caps, *, threads: int = 0, larder_bytes: int | None = None, each: int | None = None):
        self.caps, self._each = caps, each
        self._served: dict[str, int] = {}
        self.changed = threading.Condition(threading.RLock())
        self.folder = machine.folder()
        self._numbers = itertools.count(1)
        self._waiting: list[Ticket] = []
        self._live: dict[Job, Ticket] = {}
        self._fresh: deque[Ticket] = deque(maxlen=64)
        self._seconds: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=8))
        options = {
            "threads": threads or max(1, machine.cores() // caps.jobs),
            "larder_bytes": larder_bytes if larder_bytes is not None else machine.larder_bytes(caps.held_bytes),
            "folder": str(self.folder),
        }
        self._foremen = [Foreman(self, options, caps.job_seconds) for _ in range(caps.jobs)]
        self._closed = False
        _queues.add(self)
        nursery.warm()

    def watch(self, job: Job, who: str) -> Ticket:
        """The ticket of this job, new or joined. `who` is «visitor/tab»: it watches one job of a kind at a time, so a newer
        one leaves the older."""
        with self.changed:
            self._check_open()
            ticket = self._live.get(job) or self._done(job)
            others = [one for one in self._live.values() if one.job.kind == job.kind and one is not ticket]
            older = [one for one in others if who in one.watchers]
            if ticket is None:
                # It may be refused: whoever asked then goes on with what there was.
                ticket = self._enter(job, who, [one for one in older if one.watchers == {who}])
            for other in older:
                self.leave(other, who)
            ticket.watchers.add(who)
            ticket.left = None
            self.deal()
            return ticket

    def leave(self, ticket: Ticket, who: str) -> None:
        """`who` watches this ticket no more."""
        with self.changed:
            if who not in ticket.watchers:
                return
            ticket.watchers.discard(who)
            if ticket.watchers or ticket.over:
                return
            if ticket.job.keep:
                ticket.left = time.monotonic()
                self._wake()
            else:
                self._stop(ticket, UNWATCHED)

    def gone(self, who: str) -> None:
        """`who` has left altogether: a tab, or with all its tabs a visitor."""
        with self.changed:
            for ticket in list(self._live.values()):
                for one in [one for one in ticket.watchers if one == who or one.startswith(f"{who}/")]:
                    self.leave(ticket, one)

    def cancel(self, ticket: Ticket) -> str:
        """Ends a job for all who watch it, and waits until it has ended: the state it came to."""
        with self.changed:
            self._stop(ticket, OVERRUN)
        ticket.wait(PATIENCE)
        return ticket.state

    def forget(self, card: str) -> None:
        """Nobody has this model any more: its jobs end, and workers give back what they keep of it."""
        with self.changed:
            for ticket in [one for one in self._live.values() if one.job.card == card]:
                self._stop(ticket, UNWATCHED)
            for ticket in [one for one in self._fresh if one.job.card == card]:
                self._fresh.remove(ticket)
            for foreman in self._foremen:
                foreman.forget(card)
        for path in self.folder.glob(f"{machine.name_of(card)}-*"):
            path.unlink(missing_ok=True)

    def outdated(self, job: Job) -> None:
        """What was done of a job is handed to nobody any more: whoever asks for the same has it done once more."""
        with self.changed:
            for ticket in [one for one in self._fresh if one.job == job]:
                self._fresh.remove(ticket)

    def position(self, ticket: Ticket) -> int | None:
        with self.changed:
            order = self._order()
            return order.index(ticket) + 1 if ticket in order else None

    def seconds_left(self, ticket: Ticket) -> float | None:
        with self.changed:
            if ticket.state == "running":
                return ticket.pace
            if ticket.state != "waiting":
                return None
            order = self._order()
            before = [*self._in_hand(ticket.job.kind), *order[: order.index(ticket)]] if ticket in order else []
            left = [self._usual(one) for one in (*before, ticket)]
            return None if None in left else sum(left) / len(self._foremen)

    def tickets(self) -> list[Ticket]:
        """All that wait or run."""
        with self.changed:
            return [*(ticket for foreman in self._foremen for ticket in foreman.tickets), *self._order()]

    def pids(self) -> list[int]:
        """The processes that work."""
        return [foreman.pid for foreman in self._foremen if foreman.pid is not None]

    def close(self) -> None:
        """Ends all work and all workers."""
        with self.changed:
            if self._closed:
                return
            self._closed = True
            for ticket in self._waiting:
                ticket.finish("cancelled")
            self._waiting.clear()
            for foreman in self._foremen:
                foreman.close()
            self.changed.notify_all()
        for foreman in self._foremen:
            foreman.join(PATIENCE)
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)

    # What follows is called with the lock held.

    def deal(self) -> None:
        """Gives out what waits to who has a hand free; those who know the model already are asked first."""
        for ticket in self._order():
            if (ticket.deadline(self.caps.job_seconds) or float("inf")) <= time.monotonic():
                self._stop(ticket, UNWATCHED)
                continue
            free = [foreman for foreman in self._foremen if foreman.room(ticket.job)]
            if free:
                self._waiting.remove(ticket)
                self._serve(ticket)
                max(free, key=lambda foreman: foreman.knows(ticket.job.card)).give(ticket)

    def settle(self, ticket: Ticket) -> None:
        """A ticket is over: note what it took, and give the place to the next."""
        if self._live.get(ticket.job) is ticket:
            del self._live[ticket.job]
        if ticket.state == "done":
            self._fresh.append(ticket)
            self._seconds[ticket.job.kind].append(ticket.ended - ticket.started)
        self.deal()
        self.changed.notify_all()

    def _enter(self, job: Job, who: str, left: list[Ticket]) -> Ticket:
        """A new ticket. Those `left` count no more: nobody watches them once this one is in."""
        visitor = who.partition("/")[0]
        most = self._each or max(4, self.caps.queue // SHARE)
        counted = [ticket for ticket in self._live.values() if ticket not in left]
        own = sum(any(one.partition("/")[0] == visitor for one in ticket.watchers) for ticket in counted)
        if own >= most:
            raise QueueFull(f"{own} jobs of yours wait or run, and one visitor may have {most}: cancel one, or wait for one")
        ticket = Ticket(next(self._numbers), job, self, visitor)
        self._waiting.append(ticket)
        self.deal()
        going = [one for one in left if one in self._waiting and not one.job.keep]
        if ticket in self._waiting and len(self._waiting) - len(going) > self.caps.queue:
            self._waiting.remove(ticket)
            raise QueueFull(f"{self.caps.queue} jobs wait already, as many as this server lets wait: try again in a minute")
        self._live[job] = ticket
        return ticket

    def _done(self, job: Job) -> Ticket | None:
        now = time.monotonic()
        while self._fresh and self._fresh[0].ended + FRESH < now:
            self._fresh.popleft()
        return next((ticket for ticket in self._fresh if ticket.job == job), None)

    def expire(self, ticket: Ticket, ending: tuple[str, str, str], patience: float = OVERRUN) -> None:
        """A ticket is asked to end. Whoever asks for the same anew gets a new one."""
        if self._live.get(ticket.job) is ticket:
            del self._live[ticket.job]
        ticket.stop(ending, patience)

    def _stop(self, ticket: Ticket, patience: float) -> None:
        """It ends: at once where no worker has it yet, else after the step that it is in."""
        if ticket.over:
            return
        self.expire(ticket, CANCELLED, patience)
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            ticket.finish("cancelled")
            self.changed.notify_all()
            return
        for foreman in self._foremen:
            foreman.dismiss(ticket)

    def _serve(self, ticket: Ticket) -> None:
        """Its owner has had a turn. Who waits for none any more is forgotten."""
        waiting = {one.owner for one in self._waiting}
        self._served = {one: when for one, when in self._served.items() if one in waiting}
        self._served[ticket.owner] = next(self._numbers)

    def _order(self) -> list[Ticket]:
        if self._each is not None:
            return by_turns(self._waiting, self._served)
        return sorted(self._waiting, key=lambda ticket: (ticket.job.urgency, ticket.number))

    def _in_hand(self, kind: str) -> list[Ticket]:
        return [ticket for foreman in self._foremen for ticket in foreman.tickets if ticket.job.kind == kind]

    def _usual(self, ticket: Ticket) -> float | None:
        if ticket.pace is not None:
            return ticket.pace
        known = self._seconds[ticket.job.kind]
        return sum(known) / len(known) if known else None

    def _wake(self) -> None:
        for foreman in self._foremen:
            foreman.wake()

    def _check_open(self) -> None:
        if self._closed:
            raise QueueFull("the app is closing and takes no more jobs: start it again")


_queues: weakref.WeakSet[Queue] = weakref.WeakSet()


@atexit.register
def _close() -> None:
    for queue in list(_queues):
        queue.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_queues.clear)

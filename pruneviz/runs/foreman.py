"""Foreman: the thread that leads one worker process. It hands out jobs, hears steps, and ends what does not end itself."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from collections import OrderedDict
from multiprocessing import connection as connections
from typing import TYPE_CHECKING

from pruneviz import nursery
from pruneviz.runs import machine
from pruneviz.runs.jobs import Job
from pruneviz.runs.ticket import Ticket

if TYPE_CHECKING:
    from pruneviz.runs.queue import Queue

WORK = "pruneviz.runs.worker:work"
TRIES = 3
"""How many workers may break off under a job before it counts as the cause."""
KNOWN = 8


class Foreman:
    """Leads one worker. All that is said to the worker, this thread says; others leave word and wake it."""

    def __init__(self, queue: Queue, options: dict, job_seconds: float):
        self.tickets: list[Ticket] = []
        self._queue, self._options, self._job_seconds = queue, options, job_seconds
        self._child: nursery.Child | None = None
        self._at: int | None = None
        self._stopped: set[int] = set()
        self._forgotten: list[str] = []
        self._cards: OrderedDict[str, None] = OrderedDict()
        self._closing = False
        self._pipe = threading.Lock()
        self._bell, self._ring = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._ring, False)
        self._thread: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        child = self._child
        return child.pid if child is not None and child.alive() else None

    # Called by the queue, with the lock held.

    def room(self, job: Job) -> bool:
        """Whether there is a hand free for a job of this kind."""
        return sum(ticket.job.kind == job.kind for ticket in self.tickets) < job.at_once and not self._closing

    def knows(self, card: str) -> bool:
        """Whether the worker had this model in hand lately."""
        return card in self._cards

    def give(self, ticket: Ticket) -> None:
        """A job for the worker."""
        ticket.begin()
        self.tickets.append(ticket)
        self._cards[ticket.job.card] = None
        self._cards.move_to_end(ticket.job.card)
        while len(self._cards) > KNOWN:
            self._cards.popitem(last=False)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="pruneviz-foreman", daemon=True)
            self._thread.start()
        self.wake()

    def dismiss(self, ticket: Ticket) -> None:
        """A job of the worker's is to end. One that it has not heard of yet has ended already."""
        if ticket in self.tickets and not ticket.sent:
            self._over(ticket, "cancelled")
        self.wake()

    def forget(self, card: str) -> None:
        """The worker gives back what it keeps of this model."""
        self._cards.pop(card, None)
        self._forgotten.append(card)
        self.wake()

    def close(self) -> None:
        """The thread ends its worker and itself."""
        self._closing = True
        self.wake()

    def wake(self) -> None:
        with contextlib.suppress(BlockingIOError), self._pipe:  # it is awake
            if self._ring >= 0:  # else it has gone, and there is nothing to hear
                os.write(self._ring, b"!")

    def join(self, seconds: float) -> None:
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                return
        with self._pipe:
            if self._ring >= 0:
                os.close(self._bell)
                os.close(self._ring)
                self._bell = self._ring = -1

    # The thread.

    def _run(self) -> None:
        while not self._closing:
            try:
                self._turn()
            except Exception:  # a fault of ours must not leave visitors waiting for ever
                traceback.print_exc(file=sys.stderr)
                self._fail("the process that worked on it could not be led any further: try again")
        self._end()
        with self._queue.changed:
            for ticket in list(self.tickets):
                self._over(ticket, "cancelled")

    def _turn(self) -> None:
        """One round: send what is to be sent, then sleep until something happens or somebody's time is up."""
        with self._queue.changed:
            needed = bool(self.tickets)
        if needed and self._child is None:
            try:
                self._child = nursery.bear(WORK, self._options, bounds=nursery.Bounds(nice=machine.niceness()))
            except nursery.NurseryError as problem:
                self._fail(str(problem))
                return
        try:
            self._send()
            child = self._child
            ready = connections.wait([self._bell] + ([child.connection] if child else []), self._patience())
            if self._bell in ready:
                self._empty_bell()
            if child is not None and child.connection in ready:
                self._hear(child.connection)
        except (EOFError, OSError):
            self._bury()
            return
        self._enforce()

    def _send(self) -> None:
        if self._child is None:
            self._forgotten.clear()
            return
        with self._queue.changed:
            said = [("forget", card) for card in self._forgotten]
            self._forgotten.clear()
            for ticket in self.tickets:
                if not ticket.sent:
                    ticket.sent = True
                    said.append(("job", ticket.number, ticket.job, list(ticket.results)))
                if ticket.stop_by is not None and ticket.number not in self._stopped:
                    self._stopped.add(ticket.number)
                    said.append(("stop", ticket.number))
        for message in said:
            self._child.connection.send(message)

    def _patience(self) -> float | None:
        with self._queue.changed:
            times = [ticket.deadline(self._job_seconds) for ticket in self.tickets]
        times = [one for one in times if one is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _empty_bell(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._bell, 4096):
                pass

    def _hear(self, connection) -> None:
        """All that the worker has said by now."""
        while connection.poll():
            word, number, *rest = connection.recv()
            with self._queue.changed:
                ticket = next((one for one in self.tickets if one.number == number), None)
                if word == "at":
                    self._at = number
                elif ticket is None:
                    continue
                elif word == "step":
                    ticket.take(*rest)
                    self._queue.changed.notify_all()
                else:
                    self._over(ticket, *rest)

    def _enforce(self) -> None:
        """Whose time is up is asked to end; who did not, ends by force, and the others go on in a new worker."""
        now = time.monotonic()
        with self._queue.changed:
            for ticket in self.tickets:
                if ticket.stop_by is None and (ticket.deadline(self._job_seconds) or now + 1) <= now:
                    self._queue.expire(ticket, _why(ticket, self._job_seconds))
            late = any(ticket.stop_by is not None and ticket.stop_by <= now for ticket in self.tickets)
        if late:
            self._end()
            with self._queue.changed:
                self._return()

    def _bury(self) -> None:
        """The worker ended by itself: the job that it was at failed, the others go on in a new one."""
        child, self._child = self._child, None
        status = child.end(0.2) if child is not None else None
        with self._queue.changed:
            for ticket in list(self.tickets):
                ticket.crashes += 1
                if ticket.number == self._at or ticket.crashes >= TRIES:
                    self._over(ticket, "failed", _last_words(status), "crash")
            self._return()

    def _return(self) -> None:
        """The worker is gone: who was asked to end has ended, all others will be sent to the next one."""
        self._at = None
        self._stopped.clear()
        self._cards.clear()
        for ticket in list(self.tickets):
            if ticket.stop_by is None:
                ticket.back()
            else:
                self._over(ticket, "cancelled")

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end(0.0)

    def _fail(self, sentence: str) -> None:
        self._end()
        with self._queue.changed:
            for ticket in list(self.tickets):
                self._over(ticket, "failed", sentence)
            self._return()

    def _over(self, ticket: Ticket, state: str, trouble: str = "", code: str = "") -> None:
        self.tickets.remove(ticket)
        self._stopped.discard(ticket.number)
        if self._at == ticket.number:
            self._at = None
        ticket.finish(state, trouble, code)
        self._queue.settle(ticket)


def _why(ticket: Ticket, job_seconds: float) -> tuple[str, str, str]:
    if ticket.left is not None:
        return "cancelled", "nobody watched it any more", "left"
    seconds = f"{job_seconds:,.0f} second{'s' * (job_seconds != 1)}"
    sentence = f"it was ended after {seconds}, the most that a job may take here: what it had found is kept, give less to do"
    return "failed", sentence, "job-seconds"


def _last_words(status: int | None) -> str:
    if status == -9:
        return (
            "the system ended the process that worked on it, most likely because memory ran out: give fewer samples or a "
            "smaller model, or close other programs"
        )
    how = f"signal {-status}" if status is not None and status < 0 else f"status {status}"
    return f"the process that worked on it broke off ({how}): try again, and see the server's log if it happens again"

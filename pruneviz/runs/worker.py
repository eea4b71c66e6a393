"""Worker: a process that makes one small step at a time, always for the most urgent of its jobs, and listens in between."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from pruneviz.runs import kinds
from pruneviz.runs.jobs import LEAST, Job, Step
from pruneviz.runs.larder import BeingMade, Larder


class Stopped(BaseException):
    """The job whose step this is has been asked to end. No handler of errors may keep it from doing so."""


@dataclass(eq=False)
class _Running:
    number: int
    job: Job
    results: list[Any]
    steps: int = 0
    turn: float = 0.0
    stopped: bool = False
    waits: bool = False
    generator: Iterator[Step] | None = field(default=None, repr=False)

    @property
    def urgency(self) -> int:
        """Once a measurement has a first number, what is still to come is no more urgent than a chart."""
        return self.job.urgency if not self.steps or self.job.share == 1.0 else LEAST


def work(connection: Connection, options: dict) -> None:
    """The life of a worker: until the queue lets go of the connection."""
    import torch

    torch.set_num_threads(options["threads"])
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        Worker(connection, options).run()


class Worker:
    """Steps through jobs. Inside a long step the engine calls `pause`, where more urgent jobs get their turn."""

    def __init__(self, connection: Connection, options: dict):
        self.larder = Larder(options["larder_bytes"])
        self.folder = options["folder"]
        self._connection = connection
        self._jobs: dict[int, _Running] = {}
        self._stack: list[_Running] = []
        self._turn = 0.0

    def run(self) -> None:
        while True:
            self._listen(wait=not self._jobs)
            chosen = self._next()
            if chosen is not None:
                self._step(chosen)

    def pause(self, done: float, of: float) -> None:
        """Between two parts of one long step: say how far it is, listen, and let those go first who are more urgent."""
        current = self._stack[-1]
        self._connection.send(("step", current.number, Step(done, of)))
        self._listen(wait=False)
        while not current.stopped and (other := self._next(before=current.job.urgency)) is not None:
            self._step(other)
            self._connection.send(("at", current.number))
            self._listen(wait=False)
        if current.stopped:
            raise Stopped

    def stopped(self) -> bool:
        """Inside a step: whether its job has been asked to end by now."""
        self._listen(wait=False)
        return self._stack[-1].stopped

    def _listen(self, wait: bool) -> None:
        while wait or self._connection.poll():
            word, about, *rest = self._connection.recv()
            wait = False
            if word == "job":
                self._jobs[about] = _Running(about, *rest)
            elif word == "forget":
                self.larder.forget(about)
            elif about in self._jobs:
                running = self._jobs[about]
                running.stopped = True
                if running not in self._stack:
                    self._end(running, "cancelled")

    def _next(self, before: float = float("inf")) -> _Running | None:
        """Whose turn it is: first numbers come first; then what fills a chart takes turns with what makes a number better,
        so that neither waits for the end of the other. Inside another's step only what is more urgent goes, to its end."""
        inside = bool(self._stack)
        free = [
            one
            for one in self._jobs.values()
            if one not in self._stack and one.job.urgency < before and not (one.waits and inside)
        ]
        if inside:
            return min(free, key=lambda one: (one.job.urgency, one.steps, one.number), default=None)
        return min(free, key=lambda one: (one.urgency, one.turn, one.number), default=None)

    def _step(self, running: _Running) -> None:
        self._connection.send(("at", running.number))
        self._stack.append(running)
        try:
            with self.larder.used_by(running.number):
                running.waits = False
                if running.generator is None:
                    running.generator = kinds.find(running.job.kind)(running.job, self, running.results)
                step = next(running.generator, None)
        except BeingMade:
            # What it needs is half made, by the job inside whose step this one was let go first: it waits for that.
            running.generator, running.waits = None, True
            return
        except Stopped:
            step, ending = None, ("cancelled",)
        except (ValueError, OSError, RuntimeError, MemoryError, ImportError) as problem:
            step, ending = None, ("failed", _sentence(problem), _code(problem))
        except Exception as problem:
            traceback.print_exc(file=sys.stderr)
            sentence = f"an error of ours ended it ({type(problem).__name__}): please report it with the server's log"
            step, ending = None, ("failed", sentence, "error")
        else:
            ending = ("cancelled",) if running.stopped else ("done",)
        finally:
            self._stack.pop()
        if step is None:
            self._end(running, *ending)
        else:
            running.steps += 1
            running.turn = max(running.turn, self._turn) + running.job.share
            self._turn = min((one.turn for one in self._jobs.values() if one.steps), default=0.0)
            self._connection.send(("step", running.number, step))
            if running.stopped:
                self._end(running, "cancelled")

    def _end(self, running: _Running, *ending: str) -> None:
        del self._jobs[running.number]
        if running.generator is not None:
            running.generator.close()
            running.generator = None
        self.larder.release(running.number)
        self._connection.send(("end", running.number, *ending))


def _sentence(problem: BaseException) -> str:
    """What went wrong, in one line. What the system says of a file is said without where the file lies."""
    said = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return " ".join(said.split()) or type(problem).__name__


def _code(problem: BaseException) -> str:
    code = getattr(problem, "code", "")
    return code if isinstance(code, str) else ""

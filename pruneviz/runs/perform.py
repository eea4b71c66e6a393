"""Perform: a run from the store is claimed, gone on with where it ended, and stored moment by moment; by anybody, once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import torch

from pruneviz.engine.subject import Subject
from pruneviz.engine.training import labs
from pruneviz.engine.training.memory import Memory
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.runs.beating import Beating
from pruneviz.runs.store import LEASE, Store, space
from pruneviz.runs.store.records import Claim, Lost, Rotten, Run, StoreError

OFTEN = 1.0
"""Seconds after which what has come is stored; what comes more slowly is stored as it comes."""
STOPPED = "it was stopped before its end: resume it"


def enter(store: Store, subject: Subject, recipe: Recipe, title: str = "") -> Run:
    """The run of this Recipe on this subject, after a look at whether there is such a lab and it takes the subject."""
    lab = labs.find(recipe.course.lab)
    labs.check(subject)
    lab.planned(subject, recipe)
    return store.enter(recipe, subject.sha256, subject.data_sha256, title or f"{lab.title}: {subject.title}")


def perform(
    store: Store, key: str, subject: Subject, *, who: str = "", stop: Callable[[], bool] | None = None, lease: float = LEASE
) -> Iterator[Run]:
    """Performs a run: the run as it is stored, again and again, until it is over, or paused.

    Where another performs it, or it is over, that is all there is to say; where the disk has no room for it, it pauses.
    `stop` is asked after each moment; closing the iterator pauses the run. While a moment is worked on, torch has the
    threads of the run's course: that is the whole process's, so this is for a worker or for a command.
    """
    run = store.find(key)
    if (subject.sha256, subject.data_sha256) != (run.model_sha256, run.data_sha256):
        raise ValueError(
            f"run {key[:12]} is of another model or of other data than {subject.title} is here: give it those files"
        )
    short = space.short(store.folder)
    claim = store.claim(key, who, lease)
    if claim is None:
        yield store.find(key)
        return
    if short:
        yield store.end(claim, "paused", short)
        return
    performance = _Performance(store, claim, subject, stop or (lambda: False))
    try:
        with Beating(store, claim) as performance.beating:
            yield from performance.runs(run)
    except Lost as problem:
        yield _left(store, run, str(problem))
    except StoreError as problem:
        yield _paused(store, claim, run, str(problem))
    except (ValueError, RuntimeError, OSError, MemoryError, ImportError) as problem:
        yield store.end(claim, "failed", _sentence(problem))
    except Exception as problem:
        with suppress(StoreError):
            store.end(claim, "failed", f"an error of ours ended it ({type(problem).__name__}): please report it")
        raise
    except BaseException:  # whoever iterates goes, or the process is asked to
        with suppress(StoreError):
            store.end(claim, "paused", STOPPED)
        raise


class _Performance:
    """A run in hand."""

    beating: Beating

    def __init__(self, store: Store, claim: Claim, subject: Subject, stop: Callable[[], bool]):
        self._store, self._claim, self._subject, self._stop = store, claim, subject, stop
        self._moments: list[Moment] = []
        self._since = time.monotonic()

    def runs(self, run: Run) -> Iterator[Run]:
        memory = self._remembered(run)
        if memory.under(labs.RESULT):  # it had come to its end, and nobody was left to say so
            yield self._stored(memory, done=True)
            return
        with closing(labs.find(run.lab).run(self._subject, run.recipe, memory)) as moments:
            while (moment := self._next(moments, run.recipe.course.threads)) is not None:
                self._moments.append(moment)
                stopped = self._stop()
                if stopped or self.beating.cancelling or self.beating.lost or time.monotonic() - self._since >= OFTEN:
                    run = self._stored(memory)
                    short = space.short(self._store.folder)
                    if run.cancelling or stopped or short:
                        ending = ("cancelled", "") if run.cancelling else ("paused", short or STOPPED)
                        run = self._store.end(self._claim, *ending)
                    yield run
                    if run.state != "running":  # one that was cancelled may be wanted again by now
                        return
        yield self._stored(memory, done=True)

    def _remembered(self, run: Run) -> Memory:
        """What the run goes on from, or nothing, where that was damaged: then it begins anew."""
        try:
            return Memory(self._store.memory(self._store.find(run.key)))
        except Rotten:
            self._store.restart(self._claim)
            return Memory()

    def _next(self, moments: Iterator[Moment], threads: int) -> Moment | None:
        with _threads(threads):
            return next(moments, None)

    def _stored(self, memory: Memory, *, done: bool = False) -> Run:
        now = time.monotonic()
        run = self._store.add(self._claim, self._moments, memory.tensors(), now - self._since, done=done)
        self._moments, self._since = [], now
        return run


def _left(store: Store, run: Run, trouble: str) -> Run:
    """The run as whoever took it over has it; or, where it was forgotten, its last words."""
    try:
        return store.find(run.key)
    except ValueError:
        return replace(run, state="cancelled", trouble=trouble)


def _paused(store: Store, claim: Claim, run: Run, trouble: str) -> Run:
    """The store cannot be written: the run pauses, and says why if not even that can be stored."""
    try:
        return store.end(claim, "paused", trouble)
    except StoreError:
        with suppress(StoreError):
            run = store.find(run.key)
        return replace(run, state="paused", trouble=trouble)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _sentence(problem: BaseException) -> str:
    """What went wrong, in one line; of a file, without where it lies."""
    said = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    return " ".join(said.split()) or type(problem).__name__

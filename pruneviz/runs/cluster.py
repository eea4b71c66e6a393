"""Cluster: the same runs as Ray's tasks, into the same store. A task whose node dies is given to another, and goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.runs import foreground
from pruneviz.runs.store import Store
from pruneviz.runs.store.records import Run

if TYPE_CHECKING:
    from pruneviz.engine.sources.asked import Asked

ADDRESS = "PRUNEVIZ_RAY_ADDRESS"
ROOT = Path(__file__).resolve().parent.parent.parent
TRIES = 3
"""Tasks of a run that may die at the same place; then it has failed."""
DIED = ("WorkerCrashedError", "NodeDiedError", "OutOfMemoryError", "LocalRayletDiedError")
"""What Ray says where a task's process or its node ended without a word."""
DEAD = (
    f"{TRIES} processes that performed it ended without a word at the same place, often for want of memory: see "
    "`ray status`, give its nodes more, and resume it"
)


def address(environment: Mapping[str, str] | None = None) -> str:
    """The cluster's address; empty where there is none."""
    return (os.environ if environment is None else environment).get(ADDRESS, "").strip()


def all_of(
    store: Store, runs: Sequence[Run], asked: Callable[[Run], Asked], told: Callable[[Run], None], stop: Callable[[], bool]
) -> list[Run]:
    """Performs these runs on the cluster: one task each, with as many processors as its course has threads."""
    with _connected() as ray:
        sweep = _Sweep(ray, store, asked)
        try:
            for run in runs:
                sweep.begin(run)
            while sweep.left and not stop():
                for run in sweep.ended():
                    told(run)
        finally:
            sweep.cancel()
    return [store.find(run.key) for run in runs]


class _Sweep:
    """The tasks of some runs; and those runs whose tasks died too often, which have failed once the last lease is over."""

    def __init__(self, ray: Any, store: Store, asked: Callable[[Run], Asked]):
        self._ray, self._store, self._asked = ray, store, asked
        self._task = ray.remote(_perform)
        self._tasks: dict[Any, Run] = {}
        self._dead: set[str] = set()
        self._deaths: dict[str, tuple[int, int]] = {}
        """The step at which each run's task died last, and how often it did there."""

    @property
    def left(self) -> bool:
        """Whether there is a run that has not come to an end."""
        return bool(self._tasks or self._dead)

    def begin(self, run: Run) -> None:
        """Gives the run to a node. Whether it is given to another is ours to say: Ray does not know how far it came."""
        how = self._task.options(num_cpus=run.recipe.course.threads, max_retries=0)
        self._tasks[how.remote(str(self._store.folder), self._store.address, run.key, self._asked(run))] = run

    def ended(self) -> list[Run]:
        """The runs that have come to an end by now; it waits a moment for one."""
        found = []
        for task in self._ready():
            run = self._tasks.pop(task)
            lives, now = _answered(self._ray, task, run), self._store.find(run.key)
            if lives:
                found.append(now)
            elif self._again(now):
                self.begin(run)
            else:
                self._dead.add(run.key)
        over = [one for key in self._dead if (one := self._store.settle(key, "failed", DEAD)).state != "running"]
        self._dead -= {one.key for one in over}
        return found + over

    def cancel(self) -> None:
        """Ends the tasks there are: their runs pause, and another sweep goes on with them."""
        for task in self._tasks:
            self._ray.cancel(task)

    def _ready(self) -> Sequence[Any]:
        if self._tasks:
            return self._ray.wait(list(self._tasks), timeout=foreground.GLANCE)[0]
        time.sleep(foreground.GLANCE)
        return ()

    def _again(self, run: Run) -> bool:
        """Whether a run whose task died is tried once more."""
        step, often = self._deaths.get(run.key, (run.step, 0))
        often = often + 1 if step == run.step else 1
        self._deaths[run.key] = run.step, often
        return often < TRIES


def _perform(folder: str, address: str, key: str, asked: Asked) -> None:
    """One task: performs the run, or waits until whoever performs it has ended, or was not heard of for too long."""
    from pruneviz import caps
    from pruneviz.engine.sources.fetching import Fetch
    from pruneviz.runs import trained

    store = Store(folder, address)
    try:
        found = trained.asked(asked, Fetch(caps.downloads(own=True)))
        foreground.all_of(store, [store.find(key)], lambda _run: found)
    finally:
        store.close()


def _answered(ray: Any, task: Any, run: Run) -> bool:
    """Whether the task came to its end; not where its process or its node ended without a word."""
    try:
        ray.get(task)
    except ray.exceptions.RayError as problem:
        if type(problem).__name__ in DIED:
            return False
        said = str(getattr(problem, "cause", None) or problem).strip().splitlines() or [type(problem).__name__]
        raise RuntimeError(f"the cluster could not perform {run.title}: {said[-1][:200]}") from None
    return True


@contextmanager
def _connected() -> Iterator[Any]:
    try:
        import ray
    except ImportError:
        raise ValueError(f"{ADDRESS} is set, and Ray is missing: pip install -r requirements-ray.txt") from None
    environment = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    try:
        ray.init(address(), runtime_env={"env_vars": environment}, log_to_driver=False, logging_level="ERROR")
    except ConnectionError as problem:
        said = str(problem).strip().splitlines()[0][:160]
        raise ValueError(f"the cluster at {ADDRESS} cannot be reached ({said}): see `ray status` there") from None
    try:
        yield ray
    finally:
        ray.shutdown()

"""Cluster: the same runs as Ray's tasks, into the same store. A task whose node dies is given to another, and goes on."""

from __future__ import annotations

import os
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


def address(environment: Mapping[str, str] | None = None) -> str:
    """The cluster's address; empty where there is none."""
    return (os.environ if environment is None else environment).get(ADDRESS, "").strip()


def all_of(
    store: Store, runs: Sequence[Run], asked: Callable[[Run], Asked], told: Callable[[Run], None], stop: Callable[[], bool]
) -> list[Run]:
    """Performs these runs on the cluster: one task each, with as many processors as its course has threads."""
    with _connected() as ray:
        task = ray.remote(_perform)
        left = {}
        for run in runs:
            how = task.options(num_cpus=run.recipe.course.threads, max_retries=-1)
            left[how.remote(str(store.folder), store.address, run.key, asked(run))] = run
        try:
            while left and not stop():
                for one in ray.wait(list(left), timeout=foreground.GLANCE)[0]:
                    run = left.pop(one)
                    _answered(ray, one, run)
                    told(store.find(run.key))
        finally:
            for one in left:
                ray.cancel(one)  # its run pauses, and another sweep goes on with it
    return [store.find(run.key) for run in runs]


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


def _answered(ray: Any, task: Any, run: Run) -> None:
    try:
        ray.get(task)
    except ray.exceptions.RayError as problem:
        said = str(getattr(problem, "cause", None) or problem).strip().splitlines() or [type(problem).__name__]
        raise RuntimeError(f"the cluster could not perform {run.title}: {said[-1][:200]}") from None


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

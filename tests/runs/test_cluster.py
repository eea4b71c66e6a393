"""The cluster: what Ray is told, with a stand-in for Ray; `python -m tests.crash.cluster` has a real one."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pruneviz.engine.sources.asked import Asked
from pruneviz.runs import cluster
from pruneviz.runs import perform as performing
from pruneviz.runs.perform import enter, perform
from pruneviz.runs.store import Store


class RayError(Exception):
    pass


class WorkerCrashedError(RayError):
    pass


class StandIn(SimpleNamespace):
    """A cluster of one: each task is performed when it is waited for."""

    def __init__(self):
        super().__init__(exceptions=SimpleNamespace(RayError=RayError), asked=[], cancelled=[], results={}, over=False)

    def init(self, address, **_how):
        if address == "nowhere:1":
            raise ConnectionError("no such cluster\nand much more")

    def shutdown(self):
        self.over = True

    def remote(self, function):
        return SimpleNamespace(options=lambda **how: SimpleNamespace(remote=lambda *given: self._ask(function, how, given)))

    def _ask(self, function, how, given):
        self.asked.append((how, given))
        self.results[len(self.asked)] = lambda: function(*given)
        return len(self.asked)

    def wait(self, tasks, timeout):
        return tasks[:1], tasks[1:]

    def get(self, task):
        try:
            return self.results[task]()
        except ValueError as problem:
            raise RayError(f"Traceback\n  lines\n{problem}") from None

    def cancel(self, task):
        self.cancelled.append(task)


@pytest.fixture
def ray(monkeypatch):
    made = StandIn()
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.setenv(cluster.ADDRESS, "here:6379")
    return made


def entered(tmp_path, digits, tiny):
    store = Store(tmp_path)
    return store, [enter(store, digits, replace(tiny, seed=seed)) for seed in range(3)]


def test_each_run_is_a_task_that_is_tried_again_and_takes_its_threads(tmp_path, digits, tiny, ray):
    store, runs = entered(tmp_path, digits, tiny)
    seen = []
    done = cluster.all_of(store, runs, lambda run: Asked(run.recipe.subject), seen.append, lambda: False)
    assert [run.state for run in done] == ["done"] * 3 == [run.state for run in seen] and ray.over
    assert {tuple(how.items()) for how, _ in ray.asked} == {(("num_cpus", 1), ("max_retries", 0))}
    store.close()


def test_a_task_that_dies_goes_on_while_it_comes_further(tmp_path, digits, tiny, ray, monkeypatch):
    """It dies at 2, 4, 6 … of 12 steps: tried as often as that takes."""
    monkeypatch.setattr(performing, "OFTEN", 0.0)
    store, (run, *_) = entered(tmp_path, digits, tiny)

    def dies(_folder, _address, key, _asked):
        before = store.find(key).step
        for now in perform(store, key, digits, stop=lambda: False):
            if now.step == before + 2 and now.state == "running":
                raise WorkerCrashedError("The worker died unexpectedly")

    monkeypatch.setattr(cluster, "_perform", dies)
    told = []
    (done,) = cluster.all_of(store, [run], lambda run: Asked(run.recipe.subject), told.append, lambda: False)
    assert done.state == "done" and len(ray.asked) >= 6 and told == [done]
    store.close()


def test_a_task_that_dies_at_one_place_has_failed_and_the_others_are_done(tmp_path, digits, tiny, ray, monkeypatch):
    """Its lease goes on for a moment after its last death, as that of a process of another machine does."""
    store, runs = entered(tmp_path, digits, tiny)
    true = cluster._perform

    def dies(folder, address, key, asked):
        if key != runs[1].key:
            return true(folder, address, key, asked)
        store.claim(key, "elsewhere", lease=0.4)
        raise WorkerCrashedError("The worker died unexpectedly")

    monkeypatch.setattr(cluster, "_perform", dies)
    told = []
    done = cluster.all_of(store, runs, lambda run: Asked(run.recipe.subject), told.append, lambda: False)
    assert [run.state for run in done] == ["done", "failed", "done"] and len(ray.asked) == 2 + cluster.TRIES
    assert (
        "3 processes" in done[1].trouble
        and "memory" in done[1].trouble
        and {run.key for run in told} == {run.key for run in runs}
    )
    assert store.resume(runs[1].key).state == "waiting"
    store.close()


def test_who_stops_a_sweep_cancels_what_is_left(tmp_path, digits, tiny, ray):
    store, runs = entered(tmp_path, digits, tiny)
    found = cluster.all_of(store, runs, lambda run: Asked(run.recipe.subject), lambda run: None, lambda: True)
    assert ray.cancelled == [1, 2, 3] and {run.state for run in found} == {"waiting"} and ray.over
    store.close()


def test_what_a_node_cannot_do_is_one_sentence(tmp_path, digits, tiny, ray):
    store, runs = entered(tmp_path, digits, tiny)
    with pytest.raises(RuntimeError, match="the cluster could not perform Tiny.*none_such"):
        cluster.all_of(store, runs, lambda run: Asked("none_such"), lambda run: None, lambda: False)
    assert ray.cancelled == [2, 3] and ray.over
    store.close()


def test_a_cluster_that_is_not_there(tmp_path, ray, monkeypatch):
    monkeypatch.setenv(cluster.ADDRESS, "nowhere:1")
    with pytest.raises(ValueError, match=r"cannot be reached \(no such cluster\)"):
        cluster.all_of(Store(tmp_path), [], None, None, lambda: False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError, match="requirements-ray.txt"):
        cluster.all_of(Store(tmp_path), [], None, None, lambda: False)


def test_where_it_is():
    assert cluster.address({}) == "" and cluster.address({cluster.ADDRESS: " auto "}) == "auto"

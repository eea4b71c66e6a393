"""The cluster: what Ray is told, with a stand-in for Ray; `python -m tests.crash.cluster` has a real one."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pruneviz.engine.sources.asked import Asked
from pruneviz.runs import cluster
from pruneviz.runs.perform import enter
from pruneviz.runs.store import Store


class RayError(Exception):
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
    assert {tuple(how.items()) for how, _ in ray.asked} == {(("num_cpus", 1), ("max_retries", -1))}
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

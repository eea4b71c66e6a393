"""A real Ray of one node performs runs as this machine does; of two, one of them killed: `python -m tests.crash.cluster`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.engine.sources.asked import Asked
from pruneviz.engine.training import labs
from pruneviz.runs import cluster, foreground
from pruneviz.runs.perform import enter
from pruneviz.runs.store import Store

pytestmark = pytest.mark.ray
FEW = {"steps": 20, "retrain": 5, "every": 5, "times": 2}


@pytest.fixture
def node(monkeypatch):
    """A cluster of this machine alone, with one processor for runs; it asks nobody and tells nobody anything."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray = pytest.importorskip("ray", reason="no Ray here: pip install -r requirements-ray.txt to run this test")
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 << 20}
    made = Cluster(initialize_head=True, head_node_args=head)
    monkeypatch.setenv(cluster.ADDRESS, made.address)
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_cluster_performs_what_this_machine_does(tmp_path, digits, node):
    default = labs.find("schedule").default
    recipe = replace(default, subject="digits_mlp", course=replace(default.course, **FEW))
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    runs = {store: [enter(store, digits, replace(recipe, seed=seed)) for seed in (0, 1)] for store in (here, there)}
    own = foreground.all_of(here, runs[here], lambda _run: digits)
    told = []
    far = cluster.all_of(there, runs[there], lambda run: Asked(run.recipe.subject), told.append, lambda: False)
    assert [run.state for run in far] == ["done", "done"] and {run.key for run in told} == {run.key for run in far}
    assert [run.memory for run in far] == [run.memory for run in own], "the same network, to the bit"
    for store in (here, there):
        store.close()


def test_a_run_that_kills_its_process_has_failed_and_is_not_tried_for_ever(tmp_path, digits, node, monkeypatch):
    """As one does that takes more memory than there is."""

    def dies(_folder, _address, key, _asked):
        import os

        os.open(f"{place}/{os.getpid()}", os.O_CREAT)
        os.kill(os.getpid(), 9)

    place = tmp_path / "died"
    place.mkdir()
    monkeypatch.setattr(cluster, "_perform", dies)
    default = labs.find("schedule").default
    store = Store(tmp_path / "store")
    run = enter(store, digits, replace(default, subject="digits_mlp"))
    (failed,) = cluster.all_of(store, [run], lambda run: Asked(run.recipe.subject), lambda run: None, lambda: False)
    assert failed.state == "failed" and "without a word" in failed.trouble
    assert len(list(place.iterdir())) == cluster.TRIES
    store.close()

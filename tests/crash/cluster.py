"""A sweep of 24 runs on a real Ray cluster of two nodes of which one is killed half-way, against the same on this machine.

`python -m tests.crash.cluster`, in an environment with requirements-ray.txt.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from pruneviz import run_arguments
from pruneviz.engine.sources import card
from pruneviz.engine.sources.asked import Asked
from pruneviz.engine.training import labs
from pruneviz.recipe import Recipe
from pruneviz.runs import cluster, foreground
from pruneviz.runs.perform import enter
from pruneviz.runs.store import Store
from pruneviz.runs.store.records import Run

NAME = "digits_mlp"
SEEDS = tuple(range(12))
SET = {"subject": NAME, "steps": "200", "retrain": "0", "every": "10"}
VARY = ("schedule=one-shot,cubic",)


def main() -> int:
    """Says what both came to; 0 where they are equal and every run was done."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        here = entered(Store(Path(place, "here")))
        local = foreground.all_of(*here, lambda _run: card.load(NAME))
        print(f"this machine: {len(local)} runs, {time.monotonic() - began:.0f} s", flush=True)
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        node = made.add_node(num_cpus=1)
        os.environ[cluster.ADDRESS] = made.address
        store, runs = entered(Store(Path(place, "there")))
        thread = threading.Thread(target=killed, args=(made, node, store, len(runs) // 2))
        thread.start()
        began = time.monotonic()
        spread = cluster.all_of(store, runs, lambda run: Asked(run.recipe.subject), lambda run: None, lambda: False)
        thread.join()
        print(f"two nodes, one of them killed: {len(spread)} runs, {time.monotonic() - began:.0f} s")
        made.shutdown()
        equal = sum(one.memory == other.memory for one, other in zip(local, spread, strict=True))
        whole = sum(
            len(store.moments(run.key)) == run.moments == one.moments for one, run in zip(local, spread, strict=True)
        )
        print(f"done {sum(run.state == 'done' for run in spread)}, results equal {equal}, moments all there {whole}")
    return 0 if equal == whole == len(runs) else 1


def entered(store: Store) -> tuple[Store, list[Run]]:
    """The runs of the sweep, waiting in a store."""
    subject, recipe = card.load(NAME), Recipe(course=labs.find("schedule").default.course, amount=0.9)
    for name, value in SET.items():
        recipe = run_arguments.put(recipe, name, value)
    return store, [enter(store, subject, one) for _, one in run_arguments.varied(recipe, SEEDS, VARY)]


def killed(made, node, store: Store, half: int) -> None:
    """Ends one node, without a word, when half of the runs are done and it has one in hand."""
    while len(store.list(state="done")) < half or len(store.list(state="running")) < 2:
        time.sleep(0.05)
    before = len(store.list(state="done"))
    made.remove_node(node, allow_graceful=False)
    print(f"a node was killed after {before} runs", flush=True)


if __name__ == "__main__":
    sys.exit(main())

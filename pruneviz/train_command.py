"""Train commands: `python -m pruneviz train` performs one run here, `sweep` many; what was stored is gone on with."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz import run_arguments
from pruneviz.recipe import Recipe

if TYPE_CHECKING:
    from pruneviz.engine.subject import Subject
    from pruneviz.runs.store import Store
    from pruneviz.runs.store.records import Run

PROCESSES = 64
Loads = Callable[[str], "Subject"]
"""The model of this name, with the files that the command line gives."""


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """What `train` takes."""
    run_arguments.add_arguments(parser)
    parser.add_argument("--out", default="", metavar="FILE.safetensors", help="write the network that came of it")


def add_sweep_arguments(parser: argparse.ArgumentParser) -> None:
    """What `sweep` takes."""
    run_arguments.add_arguments(parser)
    parser.add_argument("--seeds", type=run_arguments.seeds, default=(0,), metavar="0..7", help="seeds, from..to or a,b,c")
    said = "a choice that varies, such as rate=0.001,0.002; several are combined"
    parser.add_argument("--vary", action="append", default=[], metavar="NAME=A,B,…", help=said)
    parser.add_argument("--processes", type=_processes, default=1, help="processes of this machine that share the runs")


def recipe(chosen: argparse.Namespace) -> Recipe:
    """The Recipe that a command line asks for."""
    from pruneviz.engine.training import labs

    return run_arguments.recipe(chosen, lambda name: labs.find(name).default)


def train(loads: Loads, chosen: argparse.Namespace) -> dict[str, Any]:
    """Performs one run, or goes on with it, or finds it done."""
    from pruneviz.runs import foreground, told
    from pruneviz.runs.perform import enter
    from pruneviz.runs.store import Store

    asked, store = recipe(chosen), Store()
    subject = loads(asked.subject)
    run = store.resume(enter(store, subject, asked).key)
    with foreground.stoppable() as stop:
        (run,) = foreground.all_of(store, [run], lambda _run: subject, foreground.shown, stop)
    if chosen.out and run.state == "done":
        write(store, run, Path(chosen.out))
    return told.table(run, store.moments(run.key, run.moments - 1, arrays=False))


def sweep(loads: Loads, chosen: argparse.Namespace) -> dict[str, Any]:
    """Performs many runs, in one process or several, and answers with each, and with the spread over the seeds."""
    from pruneviz.runs import cluster, told
    from pruneviz.runs.perform import enter
    from pruneviz.runs.store import Store

    asked, store = recipe(chosen), Store()
    found = list(run_arguments.varied(asked, chosen.seeds, chosen.vary))
    subjects = {name: loads(name) for name in dict.fromkeys(one.subject for _, one in found)}
    runs = [store.resume(enter(store, subjects[one.subject], one).key) for _, one in found]
    runs = (_on_the_cluster if cluster.address() else _here)(store, runs, subjects, chosen)
    tables = [told.table(run, store.moments(run.key, run.moments - 1, arrays=False)) for run in runs]
    done = [(way, one["last"]) for (way, _), one in zip(found, tables, strict=True) if one["state"] == "done"]
    return {"settings": told.settings(done), "runs": tables}


def write(store: Store, run: Run, path: Path) -> None:
    """The network that came of a run, as safetensors under its parameters' own names."""
    from pruneviz.engine.training import labs
    from pruneviz.runs.store.tensors import pack

    network, _ = labs.concluded(store.memory(run))
    path.write_bytes(pack(network, {"run": run.key}))


def code(answer: dict[str, Any]) -> int:
    """The exit code of a command that performs runs: 0 where all of them are done."""
    runs = answer.get("runs", [answer])
    return 0 if all(one["state"] == "done" for one in runs) else 1


def _here(store: Store, runs: list[Run], subjects: Mapping[str, Subject], chosen: argparse.Namespace) -> list[Run]:
    """This process performs them, and as many others as were asked for."""
    from pruneviz.runs import foreground

    helpers = [_helper(chosen, runs[at:] + runs[:at]) for at in range(1, min(chosen.processes, len(runs)))]
    try:
        with foreground.stoppable() as stop:
            return foreground.all_of(store, runs, lambda run: subjects[run.recipe.subject], foreground.shown, stop)
    finally:
        for helper in helpers:
            helper.terminate()
            helper.wait()


def _on_the_cluster(store: Store, runs: list[Run], _subjects: Mapping, chosen: argparse.Namespace) -> list[Run]:
    """Ray performs them; each node reads the model for itself."""
    from pruneviz.engine.sources.asked import Asked
    from pruneviz.runs import cluster, foreground

    def asked(run: Run) -> Asked:
        return Asked(chosen.subject or run.recipe.subject, chosen.weights, chosen.data, tuple(chosen.say))

    with foreground.stoppable() as stop:
        return cluster.all_of(store, runs, asked, foreground.shown, stop)


def _helper(chosen: argparse.Namespace, runs: list[Run]) -> subprocess.Popen:
    """Another process that performs the same runs: of each, whoever comes first does it."""
    said = [f"--{name}={getattr(chosen, name)}" for name in ("subject", "weights", "data") if getattr(chosen, name)]
    said += [f"--say={one}" for one in chosen.say]
    command = [sys.executable, "-m", "pruneviz", "runs", "resume", *(run.key for run in runs), *said]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _processes(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= PROCESSES:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; give one from 1 to {PROCESSES}")
    return int(text)

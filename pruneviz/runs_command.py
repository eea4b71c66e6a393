"""Runs command: `python -m pruneviz runs` lists what the store has; shows, cancels, resumes and forgets single runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pruneviz import run_arguments

if TYPE_CHECKING:
    from pruneviz.engine.subject import Subject
    from pruneviz.runs.store import Store
    from pruneviz.runs.store.records import Run

VERBS = ("list", "show", "cancel", "resume", "forget")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("verb", nargs="?", choices=VERBS, default="list", help="what to do; list, if nothing is said")
    parser.add_argument("keys", nargs="*", metavar="KEY", help="runs, each by its key or the beginning of it")
    parser.add_argument("--state", default="", help="list only those that are waiting, running, paused, done, …")
    parser.add_argument("--lab", default="", help="list only those of this lab")
    run_arguments.add_subject_arguments(parser)


def run(loads: Callable[[str], Subject], chosen: argparse.Namespace) -> dict[str, Any]:
    """Does it, and answers with the runs as they are then."""
    from pruneviz.runs import told
    from pruneviz.runs.store import Store
    from pruneviz.runs.store.records import STATES

    store = Store()
    if chosen.state and chosen.state not in STATES:
        raise ValueError(f"unknown state {chosen.state[:40]!r}; there are {', '.join(STATES)}")
    if chosen.verb == "list":
        found = store.list(state=chosen.state, lab=chosen.lab)
        return {"store": str(store.folder), "runs": [told.table(one) for one in found]}
    if not chosen.keys:
        raise ValueError(f"which run? Write python -m pruneviz runs {chosen.verb} KEY; `runs` alone lists them")
    found = [store.find(key) for key in chosen.keys]
    if chosen.verb == "resume":
        found = _resumed(store, found, loads)
    elif chosen.verb != "show":
        done = store.cancel if chosen.verb == "cancel" else partial(store.forget, lost=True)
        found = [done(one.key) or one for one in found]
    tables = []
    for one in found:
        moments = [] if chosen.verb == "forget" else store.moments(one.key, arrays=chosen.verb == "show")
        tables.append(told.table(one, moments))
        if chosen.verb == "show":
            tables[-1]["story"] = [told.instant(number, moment) for number, moment in enumerate(moments)]
    return {"runs": tables}


def _resumed(store: Store, runs: list[Run], loads: Callable[[str], Subject]) -> list[Run]:
    from pruneviz.runs import foreground

    subjects: dict[str, Subject] = {}

    def subject_of(one: Run) -> Subject:
        name = one.recipe.subject
        if name not in subjects:
            subjects[name] = loads(name)
        return subjects[name]

    waiting = [store.resume(one.key) for one in runs]
    with foreground.stoppable() as stop:
        return foreground.all_of(store, waiting, subject_of, foreground.shown, stop)

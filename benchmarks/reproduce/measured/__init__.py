"""The shelf of measurements: every file here is a table that is measured on a network as it is, found by looking.

A file has a docstring (the text in docs/results.md), `order`, `title`, `edition` (one more whenever what is measured
changes), `subjects` (what it is about, by the names of `cards`), `measure(cards)`, which answers with plain data for JSON,
and `told(found)`, which makes lines of Markdown of it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.reproduce.cards import Cards
from pruneviz.runs.store.instants import versions


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is measured once, and how it is told."""

    key: str
    title: str
    text: str
    edition: int
    subjects: tuple[str, ...]
    measure: Callable[[Cards], dict[str, Any]]
    told: Callable[[dict[str, Any]], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What was measured, how long that took on one thread, and with what."""

    found: dict[str, Any]
    seconds: float
    versions: str


@cache
def shelf() -> dict[str, Measurement]:
    """Every measurement there is, by key, in the order in which they are told."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {
        name: Measurement(
            name, one.title, inspect.getdoc(one) or "", one.edition, tuple(one.subjects), one.measure, one.told
        )
        for name, one in sorted(modules.items(), key=lambda pair: pair[1].order)
    }


def read(folder: Path, one: Measurement) -> Kept | None:
    """What a folder has of a measurement; None where it was never made, or when something else was measured."""
    try:
        table = json.loads(_place(folder, one).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return Kept(table["found"], table["seconds"], table["versions"]) if table["edition"] == one.edition else None


def perform(folder: Path, one: Measurement, cards: Cards) -> Kept:
    """What was measured already, or is now, and kept."""
    if (known := read(folder, one)) is not None:
        return known
    started = time.process_time()
    found = json.loads(json.dumps(one.measure(cards), allow_nan=False))  # as it will be read
    kept = Kept(found, time.process_time() - started, versions())
    table = {"edition": one.edition, "seconds": kept.seconds, "versions": kept.versions, "found": found}
    place = _place(folder, one)
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f"unfinished-{os.getpid()}")
    unfinished.write_text(json.dumps(table), "utf-8")
    unfinished.replace(place)
    return kept


def lines(folder: Path) -> Iterator[str]:
    """Every measurement's heading, text, rows and bill."""
    for one in shelf().values():
        kept = read(folder, one)
        yield from ("", f"## {one.title}", "", one.text, "")
        yield from one.told(kept.found) if kept else ["Not performed yet."]
        if kept:
            said = ", ".join(f"{name} {value}" for name, value in json.loads(kept.versions).items())
            yield from ("", f"*Bill: {kept.seconds / 60:,.1f} minutes of one thread, with {said}.*")


def _place(folder: Path, one: Measurement) -> Path:
    return folder / "measured" / f"{one.key}.json"

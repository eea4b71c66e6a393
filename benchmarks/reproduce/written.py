"""Written: docs/results.md, its tables between markers, from what the store has."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.reproduce.asked import Table
from benchmarks.reproduce.cards import Cards
from benchmarks.reproduce.found import Found
from pruneviz.runs.store import Store
from pruneviz.runs.store.records import Run

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results.md"
PATTERN = re.compile(r"(<!-- results:begin -->\n).*?(<!-- results:end -->)", re.S)


def into(text: str, lines: Sequence[str]) -> str:
    """The text with these lines between its markers."""
    if not PATTERN.search(text):
        raise ValueError("the text has no line <!-- results:begin --> with <!-- results:end --> after it: put both back")
    body = "\n".join(lines)
    return PATTERN.sub(lambda found: f"{found[1]}{body}\n{found[2]}", text)


def lines(store: Store, cards: Cards, tables: Sequence[Table], more: Iterable[str] = ()) -> Iterator[str]:
    """Every table's heading, text, rows, judgement and bill; then `more`, and with what the runs were performed."""
    runs: list[Run] = []
    for table in tables:
        asked = table.every()
        found = Found(store, cards, asked)
        runs += found.runs
        yield from ("", f"## {table.title}", "", table.text, "")
        yield from table.told(found) if found.runs else ["Not performed yet."]
        if found.runs:
            yield from ("", bill(found.runs, len(asked)))
    yield from more
    yield from ("", "## What the runs were performed with", "", *_with(runs))


def bill(runs: Sequence[Run], of: int) -> str:
    """How many runs, steps and seconds."""
    steps, seconds = sum(run.step for run in runs), sum(run.seconds for run in runs)
    part = f"{len(runs)} runs" if len(runs) == of else f"{len(runs)} of {of} runs (the rest is still to be performed)"
    return f"*Bill: {part}, {steps:,} training steps, {seconds / 60:,.1f} minutes of one thread.*"


def _with(runs: Sequence[Run]) -> Iterator[str]:
    """Versions as the store has them, each once."""
    if not runs:
        yield "Nothing yet."
        return
    for said in sorted({json.dumps(dict(run.versions), sort_keys=True) for run in runs}):
        yield "- " + ", ".join(f"{name} {value}" for name, value in json.loads(said).items())
    yield f"- processor of the machine that wrote this: {_processor()}; every run on one thread"
    whole = sum(run.seconds for run in runs) / 3600
    yield f"- in all {len(runs)} runs and {whole:.2f} hours of one thread"


def _processor() -> str:
    try:
        said = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        said = ""
    named = re.search(r"^model name\s*:\s*(.+)$", said, re.M)
    return named[1].strip() if named else platform.processor() or platform.machine()

"""`python -m benchmarks.reproduce [TABLE …]` performs what these tables, or all, still need, and writes docs/results.md.

It can be ended at any time and started again: what was stored is gone on with. `--estimate` only tells how long it will
take, `--write` only writes from what there is.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is there: each process has one thread

from benchmarks.reproduce import estimate, measured, performing, tables, written  # noqa: E402
from benchmarks.reproduce.asked import Table  # noqa: E402
from benchmarks.reproduce.cards import Cards  # noqa: E402
from pruneviz.runs import foreground  # noqa: E402
from pruneviz.runs.store import Store  # noqa: E402
from pruneviz.runs.store.place import FILE  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / ".reproduce"


def main(arguments: list[str]) -> int:
    chosen = _parser().parse_args(arguments)
    wanted, looked = _asked_for(chosen.tables)
    with closing(Store(chosen.folder, f"sqlite:///{(chosen.folder / FILE).absolute()}")) as store:
        cards = Cards(chosen.folder / "cards", store)
        asked = list(dict.fromkeys(one for table in wanted for one in table.every()))
        if absent := sorted({one.recipe.subject for one in asked if cards.missing(one)}):
            print(f"the data of {', '.join(absent)} are not here: what is about them is left out", file=sys.stderr)
            asked = [one for one in asked if not cards.missing(one)]
        if not (chosen.write or chosen.helps):
            pace = estimate.Pace(cards)
            estimate.tell([(table, pace.left(table)) for table in wanted], chosen.processes)
        if chosen.estimate:
            return 0
        runs = [] if chosen.write or not asked else _performed(store, cards, asked, chosen)
        if not (chosen.write or chosen.helps):
            _measured(cards, looked, chosen.folder)
        if not chosen.helps:
            text = written.RESULTS.read_text("utf-8")
            told = list(written.lines(store, cards, list(tables.shelf().values()), measured.lines(chosen.folder)))
            written.RESULTS.write_text(written.into(text, told), "utf-8")
    return 0 if chosen.write or [run.state for run in runs] == ["done"] * len(asked) else 1


def _asked_for(keys: Sequence[str]) -> tuple[list[Table], list[measured.Measurement]]:
    """The tables of runs and those that are measured; all where none is named."""
    known = [*tables.shelf(), *measured.shelf()]
    for key in keys:
        if key not in known:
            raise ValueError(f"unknown table {key[:40]!r}; there are {', '.join(known)}")
    return (
        [one for key, one in tables.shelf().items() if key in keys or not keys],
        [one for key, one in measured.shelf().items() if key in keys or not keys],
    )


def _performed(store: Store, cards: Cards, asked: list, chosen: argparse.Namespace) -> list:
    """All runs, with as many processes beside this one as were asked for."""
    helpers = []
    if not chosen.helps:
        performing.renew(store, cards, asked)
        command = [sys.executable, "-m", "benchmarks.reproduce", "--helps", f"--folder={chosen.folder}", *chosen.tables]
        # Ctrl-C is for this process, which ends the others after the moments that they are at.
        helpers = [subprocess.Popen(command, start_new_session=True) for _ in range(chosen.processes - 1)]
    try:
        with foreground.stoppable() as stop:
            return performing.every(store, cards, asked, stop)
    finally:
        for helper in helpers:
            helper.terminate()
            helper.wait()


def _measured(cards: Cards, looked: Sequence[measured.Measurement], folder: Path) -> None:
    """What is measured without a run, one after another."""
    for one in looked:
        if absent := [name for name in one.subjects if cards.lacks(name)]:
            print(f"the data of {', '.join(absent)} are not here: {one.key} is left out", file=sys.stderr)
        else:
            kept = measured.perform(folder, one, cards)
            print(f"{one.key}: measured in {kept.seconds:.0f} s", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reproduce", description=__doc__)
    names = [*tables.shelf(), *measured.shelf()]
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"{', '.join(names)}; all, if nothing is said")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the store of these runs lies")
    parser.add_argument("--processes", type=int, choices=range(1, 65), default=2, metavar="N", help="2, if nothing is said")
    parser.add_argument("--estimate", action="store_true", help="only tell how long it will take")
    parser.add_argument("--write", action="store_true", help="only write, from what is in the store")
    parser.add_argument("--helps", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

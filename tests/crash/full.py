"""A full disk: a real one, of four megabytes in memory, where this account may mount one.

`python -m tests.crash.full` says whether it may: exit 0.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from pruneviz.engine.sources import card
from pruneviz.runs.perform import enter, perform
from pruneviz.runs.store import Store
from tests.crash import lives

SIZE = "4m"


@contextmanager
def disk(folder: Path) -> Iterator[bool]:
    """A small disk at this folder, while inside; False where none may be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True, timeout=20)


def filled(folder: Path) -> Path:
    """A file that takes all the room there is."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path


def paused_and_resumed(folder: Path):
    """A run meets a full disk after a few moments, pauses, and goes on when there is room: as it was then, and at its end,
    its moments, and what SQLite thinks of its file."""
    subject, store = card.load("digits_mlp"), Store(folder / "store")
    key, filler = enter(store, subject, lives.RECIPE).key, None
    for run in perform(store, key, subject):
        if run.moments == 3:
            filler = filled(folder)
    stored, there = store.find(key), len(store.moments(key))
    os.unlink(filler)
    *_, done = perform(store, key, subject)
    with store._database.reading() as connection:
        said = connection.scalar(text("PRAGMA integrity_check"))
    moments = store.moments(key)
    store.close()
    return run, stored, there, done, moments, said


def told(place: Path, expected) -> bool:
    """Says how it went; whether well. Not where it could not be tried, and `PRUNEVIZ_NO_SKIP` asks for it."""
    os.environ["PRUNEVIZ_FREE_BYTES"] = "0"  # else no run begins on so small a disk: this is about one that is full
    with disk(place / "disk") as mounted:
        if not mounted:
            print("disk full: not tried, this account may mount nothing")
            return "disk" not in os.environ.get("PRUNEVIZ_NO_SKIP", "").split(",")
        paused, stored, there, done, moments, said = paused_and_resumed(place / "disk")
        same = done.memory == expected[1] and all(one.same(other) for one, other in zip(moments, expected[0], strict=True))
        print(f"disk full: {paused.state} after {there} moments («{paused.trouble}»), then {done.state}, equal: {same}")
        return paused.state == stored.state == "paused" and there >= 3 and same and said == "ok"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place, disk(Path(place, "disk")) as mounted:
        sys.exit(0 if mounted else 1)

"""Machine: how much of it a worker takes, and where its files lie while the app runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from pruneviz import caps

SHARE = 8
"""A worker keeps at most an eighth of the memory for what it may need again."""


def cores() -> int:
    """Physical cores that this process may use, or what OMP_NUM_THREADS says: two threads on one core only wait."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdigit() and int(said):
        return int(said)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    found = set()
    for number in allowed:
        siblings = str(number)
        with contextlib.suppress(OSError):
            siblings = Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list").read_text("ascii").strip()
        found.add(siblings)
    return max(1, len(found))


def niceness() -> int:
    """How far a worker stands back for pages: a cap. A server with one that is none does not start."""
    return caps.read(own=True).nice


def larder_bytes(held_bytes: int) -> int:
    """What a worker may keep: as much as all visitors' models together, and never a large part of the memory."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        memory = 8 << 30
    return min(held_bytes, memory // SHARE)


PREFIX = "pruneviz-runs-"


def folder() -> Path:
    """A folder of this process's own. Those of processes that are gone, and could not clean up, go now."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = path.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if owner.isdigit() and not _lives(int(owner)) and path.stat().st_uid == os.getuid():
                shutil.rmtree(path)
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's, but there
    return True


def name_of(card: str) -> str:
    """What files of this card are called, whatever characters its path has."""
    return hashlib.sha256(card.encode("utf-8", "surrogatepass")).hexdigest()[:24]

"""Holder: who performs a run, said so that others on the same machine can see whether that process still lives."""

from __future__ import annotations

import contextlib
import os
import platform
from pathlib import Path


def me() -> str:
    """This process: its machine, when that was started, its number there, and when it was born."""
    return f"{_here()}/{os.getpid()}/{_born(os.getpid())}"


def gone(holder: str) -> bool:
    """Whether a process of this machine has ended for certain. Of others nothing is known: their lease tells."""
    place, _, rest = holder.partition("/")
    pid, _, born = rest.partition("/")
    if place != _here() or not pid.isdigit() or not born:
        return False
    return _born(int(pid)) != born


def _here() -> str:
    """The machine, and the space in which its processes are numbered. A machine that was started anew is another."""
    said = [platform.node().replace("/", "_")]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with contextlib.suppress(OSError):
            said.append(os.readlink(path) if path.endswith("pid") else Path(path).read_text("ascii").strip())
    return " ".join(said)


def _born(pid: int) -> str:
    """When a process was born, in the system's ticks; empty where that cannot be told, or it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]

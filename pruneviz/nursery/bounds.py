"""Bounds: how much a child may take, and how alone it is."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may take. None is no bound.

    `address_bytes` is how much more address space it may have than after its imports. `alone` takes away its environment,
    its network and all ways to run something else (`cage`): `imports` are modules that it has before that door closes, and
    `writes` the very paths that Python may still open for writing.
    """

    address_bytes: int | None = None
    cpu_seconds: int | None = None
    file_bytes: int | None = None
    nice: int = 0
    alone: bool = False
    imports: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


def impose(bounds: Bounds) -> None:
    """Sets the limits of this process. What it has now is what `address_bytes` counts from."""
    import resource

    if bounds.nice:
        os.nice(bounds.nice)
    wanted = {resource.RLIMIT_CORE: 0}
    held = _address_bytes()
    if bounds.address_bytes is not None and held is not None:
        wanted[resource.RLIMIT_AS] = held + bounds.address_bytes
    if bounds.cpu_seconds is not None:
        wanted[resource.RLIMIT_CPU] = bounds.cpu_seconds
    if bounds.file_bytes is not None:
        wanted[resource.RLIMIT_FSIZE] = bounds.file_bytes
    for kind, most in wanted.items():
        ceiling = resource.getrlimit(kind)[1]
        most = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
        # Where the soft limit of the processor is reached, SIGXCPU ends the process; a second later SIGKILL does.
        later = most + 1 if kind == resource.RLIMIT_CPU and ceiling == resource.RLIM_INFINITY else most
        resource.setrlimit(kind, (most, later))


def spend_first() -> None:
    """Where memory runs out, the system ends this process before the one that visitors talk to."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("500")


def end_with(parent: int) -> None:
    """From now on this process ends when the process that bore it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _address_bytes() -> int | None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None

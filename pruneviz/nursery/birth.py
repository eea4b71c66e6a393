"""Birth: what a forked child does before, and after, the work that it was asked for."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import sys
import traceback
from multiprocessing.connection import Connection

from pruneviz.nursery.bounds import Bounds, end_with, impose, spend_first
from pruneviz.nursery.cage import close, separate
from pruneviz.nursery.children import adopt

STDERR = 2


def live(request: dict, descriptor: int, line: socket.socket | None, parent: int) -> None:
    """The child's whole life. It never returns."""
    status = 1
    try:
        _settle(descriptor, line)
        own = request["bounds"]
        limits = Bounds(**own | {"imports": tuple(own["imports"]), "writes": tuple(own["writes"])})
        for name in limits.imports:
            importlib.import_module(name)
        work = _found(request["target"])
        spend_first()
        if limits.alone:
            _silence()
            separate()
        # After the separation: a name space of one's own takes this wish away.
        end_with(parent)
        impose(limits)
        if limits.alone:
            close(limits.imports, limits.writes)
        with Connection(descriptor) as connection:
            work(connection, *request["arguments"])
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        with contextlib.suppress(BaseException):
            traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        # Not `sys.exit`: what the server would do at its end is not the child's to do.
        os._exit(status)


def _settle(descriptor: int, line: socket.socket | None) -> None:
    """A group of its own, ordinary signals, and no descriptor but its own."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    keep = {descriptor} | ({line.fileno()} if line else set())
    for other in _descriptors():
        if other > STDERR and other not in keep:
            with contextlib.suppress(OSError):
                os.close(other)
    if line:
        adopt(line)


def _descriptors() -> list[int]:
    for folder in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            return [int(name) for name in os.listdir(folder)]
    return list(range(4096))


def _silence() -> None:
    """What it would print, it prints to nobody."""
    nobody = os.open(os.devnull, os.O_RDWR)
    for stream in range(STDERR + 1):
        os.dup2(nobody, stream)
    os.close(nobody)


def _found(target: str):
    module, _, function = target.partition(":")
    return getattr(importlib.import_module(module), function)

"""Children: asking the nursery for one, speaking with it, and ending it. Any thread may ask."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pruneviz.nursery.bounds import Bounds
from pruneviz.nursery.cage import FORBIDDEN
from pruneviz.nursery.wire import hear, say

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = ("torch", "numpy", "safetensors.torch", "pruneviz.engine.evaluate", "pruneviz.engine.sources.card")
"""What every child has from its first moment; only packages that start no thread when they are imported."""
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
PATIENCE = 120.0
"""Seconds that a birth may take: the first one waits until torch is imported."""
BURIAL = 5.0
"""Seconds until a child that was killed must be gone."""


class NurseryError(RuntimeError):
    """No child could be born; one sentence."""


class Child:
    """A process that was born for one piece of work. `connection` leads to it."""

    def __init__(self, server: _Server, number: int, connection: Connection, alone: bool):
        self.connection = connection
        self._alone = alone
        self._server, self._number = server, number
        self._born, self._ended = threading.Event(), threading.Event()
        self._pid: int | None = None
        self._status: int | None = None
        self._refused = ""

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def status(self) -> int | None:
        """The exit status, or minus the signal that ended it; FORBIDDEN where it tried what it must not; None till then."""
        return self._status

    def alive(self) -> bool:
        return not self._ended.is_set()

    def wait(self, seconds: float | None = None) -> int | None:
        """Waits until it has ended; its status, or None where it lives on."""
        self._ended.wait(seconds)
        return self._status

    def end(self, grace: float = 0.5) -> int | None:
        """Asks it to end, ends it after `grace` seconds, and waits until it is gone."""
        if self.alive() and grace > 0:
            self._server.signal(self._number, signal.SIGTERM)
            self._ended.wait(grace)
        if self.alive():
            self._server.signal(self._number, signal.SIGKILL)
            self._ended.wait(BURIAL)
        return self._status

    def _hear(self, table: dict) -> None:
        if "born" in table:
            self._pid = table["pid"]
        elif "refused" in table:
            self._refused = table["why"]
            self._ended.set()
        else:
            self._status = table["status"]
            if self._alone and self._status == -signal.SIGSYS:  # the kernel's filter saw what the hook could not
                self._status = FORBIDDEN
            self._ended.set()
        self._born.set()


def warm(modules: Sequence[str] = MODULES) -> None:
    """Starts the server where none runs, and where one can. It imports `modules` on its own time; nobody waits here."""
    if hasattr(os, "fork"):
        _running(tuple(modules))


def bear(target: str, *arguments: Any, bounds: Bounds = Bounds()) -> Child:  # noqa: B008 (frozen)
    """A child that calls `module:function`(connection, *arguments), with arguments that JSON can say.

    Its exit status is 0 when the function returns, 1 when it raises. What a child that is `alone` says is bytes: nothing
    that it sends is ever unpickled here.
    """
    for _attempt in range(2):
        server = _running(MODULES)
        child = server.ask(target, arguments, bounds)
        if child is not None:
            return child
        server.close()
    raise NurseryError("the process that starts child processes ended twice; restart the app, and see its log for the cause")


class _Server:
    """This process's line to the nursery. `process` is the server itself, where this process started it."""

    def __init__(self, line: socket.socket, process: subprocess.Popen | None):
        self._line, self._process = line, process
        self._lock, self._numbers = threading.Lock(), itertools.count()
        self._children: dict[int, Child] = {}
        self._gone = threading.Event()
        self._reader = threading.Thread(target=self._read, name="nursery", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        return not self._gone.is_set()

    def ask(self, target: str, arguments: tuple, bounds: Bounds) -> Child | None:
        """The child, once it is born; None where the server is gone."""
        mine, theirs = socket.socketpair()
        child = Child(self, next(self._numbers), Connection(mine.detach()), bounds.alone)
        request = {"bear": child._number, "target": target, "arguments": list(arguments), "bounds": asdict(bounds)}
        with theirs:
            try:
                with self._lock:
                    self._children[child._number] = child
                    say(self._line, request, [theirs.fileno()])
            except OSError:
                self._gone.set()
        if not self._gone.is_set():
            child._born.wait(PATIENCE)
        if child._refused:
            child.connection.close()
            raise NurseryError(f"no child process can be started ({child._refused}): close other programs and try again")
        if child._pid is None:
            child.connection.close()
            return None
        return child

    def signal(self, number: int, what: int) -> None:
        with contextlib.suppress(OSError), self._lock:
            say(self._line, {"end": number, "signal": int(what)})

    def forget(self) -> None:
        """In a copy of this process: lets go of the line, and leaves the server to the original."""
        self._line.close()

    def close(self) -> None:
        """Ends the server, and with it all its children."""
        self._gone.set()
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._reader:
            self._reader.join(BURIAL)
        if self._process is not None:
            try:
                self._process.wait(BURIAL)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _read(self) -> None:
        while (heard := hear(self._line)) is not None:
            table = heard[0]
            number = next(table[key] for key in ("born", "refused", "ended") if key in table)
            child = self._children.get(number)
            if child is not None:
                if "born" not in table:
                    self._children.pop(number, None)
                child._hear(table)
        self._gone.set()
        with self._lock:
            left, self._children = self._children, {}
        for child in left.values():
            # The server is gone, and the system has ended its children with it.
            child._hear({"status": -signal.SIGKILL})


_server: _Server | None = None
_starting = threading.Lock()


def adopt(line: socket.socket) -> None:
    """In a child: it asks the server that bore it, and starts none of its own."""
    global _server, _starting, _adopted
    _server, _starting, _adopted = None, threading.Lock(), line


_adopted: socket.socket | None = None


def _running(modules: tuple[str, ...]) -> _Server:
    global _server, _adopted
    with _starting:
        if _server is not None and _server.alive:
            return _server
        if _server is not None:
            _server.close()
        if _adopted is not None:
            # The reader begins only with the first question: until then the child has one thread.
            _server, _adopted = _Server(_adopted, None), None
        else:
            _server = _started(modules)
        return _server


def _started(modules: tuple[str, ...]) -> _Server:
    if not hasattr(os, "fork"):
        raise NurseryError("this needs child processes, which this system cannot fork; run the app on Linux, macOS or WSL")
    mine, theirs = socket.socketpair()
    environment = {**os.environ, **dict.fromkeys(ONE_THREAD, "1")}
    environment.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(ROOT), *filter(None, sys.path)]))
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "pruneviz.nursery", str(theirs.fileno())],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment, pass_fds=[theirs.fileno()],
            start_new_session=True,  # a Ctrl-C in the terminal is for the app, which then ends this one itself
        )  # fmt: skip
    with contextlib.suppress(OSError):  # it ended at once: whoever asks for a child will hear of it
        say(mine, {"modules": list(modules)})
    return _Server(mine, process)


def _forget() -> None:
    """After a fork of this process: the line is the parent's, and so is its thread."""
    global _server, _starting
    if _server is not None:
        _server.forget()
    _server, _starting = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@atexit.register
def _close() -> None:
    if _server is not None:
        _server.close()

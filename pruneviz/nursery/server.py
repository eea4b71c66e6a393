"""Server: one thread that has torch imported, forks a child for whoever asks, and says how each one ended."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import selectors
import signal
import socket
from dataclasses import dataclass, field

from pruneviz.nursery.birth import live
from pruneviz.nursery.wire import hear, say


@dataclass(eq=False)
class _Line:
    """Somebody who asks for children: the app, or one of its children. `born` holds who lives, by the asker's number."""

    socket: socket.socket
    born: dict[int, int] = field(default_factory=dict)


def serve(descriptor: int) -> None:
    """Imports what the first message names, then serves until the app closes its line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = socket.socket(fileno=descriptor)
    heard = hear(line)
    if heard is None:
        return
    for name in heard[0]["modules"]:
        with contextlib.suppress(Exception):  # whoever needs it will say why it is not there
            importlib.import_module(name)
    # What is here now stays: the collector need not write into pages that every child shares.
    gc.collect()
    gc.freeze()
    _Server(line).run()


class _Server:
    def __init__(self, line: socket.socket):
        self._app = _Line(line)
        self._lines = {line: self._app}
        self._owner: dict[int, tuple[_Line, int]] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(line, selectors.EVENT_READ)
        ended, self._bell = socket.socketpair()
        for end in (ended, self._bell):
            end.setblocking(False)
        self._selector.register(ended, selectors.EVENT_READ)
        self._ended = ended
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)

    def run(self) -> None:
        while self._app.socket in self._lines:
            for key, _ in self._selector.select():
                if key.fileobj is self._ended:
                    with contextlib.suppress(BlockingIOError):
                        self._ended.recv(4096)
                elif key.fileobj in self._lines:
                    self._listen(self._lines[key.fileobj])
            self._bury()
        signal.set_wakeup_fd(-1)
        for line in list(self._lines.values()):
            self._leave(line)

    def _listen(self, line: _Line) -> None:
        heard = hear(line.socket)
        if heard is None:
            self._leave(line)
            return
        table, descriptors = heard
        if "bear" in table:
            self._bear(line, table, descriptors[0])
        elif table["end"] in line.born:
            _signal(line.born[table["end"]], table["signal"])

    def _bear(self, line: _Line, request: dict, descriptor: int) -> None:
        """Forks a child. The one that is not alone gets a line of its own, to ask for children itself."""
        number = request["bear"]
        mine, theirs = (None, None) if request["bounds"]["alone"] else socket.socketpair()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as problem:
            self._say(line, {"refused": number, "why": str(problem)})
        else:
            if pid == 0:
                live(request, descriptor, theirs, parent)
            with contextlib.suppress(OSError):  # the child does the same; whoever comes first
                os.setpgid(pid, pid)
            line.born[number] = pid
            self._owner[pid] = (line, number)
            if mine:
                self._lines[mine] = _Line(mine)
                self._selector.register(mine, selectors.EVENT_READ)
            self._say(line, {"born": number, "pid": pid})
        os.close(descriptor)
        if theirs:
            theirs.close()

    def _bury(self) -> None:
        """Takes note of all who ended. Whoever is left of a child's group ends with it."""
        for pid in list(self._owner):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            line, number = self._owner.pop(pid)
            line.born.pop(number, None)
            self._say(line, {"ended": number, "status": os.waitstatus_to_exitcode(status)})

    def _leave(self, line: _Line) -> None:
        """Nobody asks on this line any more: who was born for it ends."""
        if self._lines.pop(line.socket, None) is None:
            return
        self._selector.unregister(line.socket)
        line.socket.close()
        for pid in line.born.values():
            _signal(pid, signal.SIGKILL)

    def _say(self, line: _Line, table: dict) -> None:
        if line.socket in self._lines:
            try:
                say(line.socket, table)
            except OSError:
                self._leave(line)


def _signal(pid: int, number: int) -> None:
    """To the child's whole group. It is not buried yet, so the number is still its own."""
    try:
        os.killpg(pid, number)
    except OSError:
        with contextlib.suppress(OSError):
            os.kill(pid, number)

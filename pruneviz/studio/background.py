"""Background: threads that end before the interpreter does. A thread that is inside native code when the interpreter goes
takes the whole process down with an abort; so each is asked to stop, and waited for."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import Any

_closing = threading.Event()
_threads: set[threading.Thread] = set()
PATIENCE = 30.0


def start(name: str, work: Callable[..., None], *arguments: Any) -> None:
    """Runs `work` in a thread of its own. Long work asks `closing()` between its steps."""

    def run() -> None:
        try:
            work(*arguments)
        finally:
            _threads.discard(thread)

    thread = threading.Thread(target=run, name=name, daemon=True)
    _threads.add(thread)
    thread.start()


def closing() -> bool:
    """Whether the process is going."""
    return _closing.is_set()


@atexit.register
def _close() -> None:
    _closing.set()
    for thread in list(_threads):
        thread.join(PATIENCE)

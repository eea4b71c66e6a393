"""Larder: all that is kept of one model lies in one place, so that it can be given back at once.

A step that is worth keeping is decorated with `kept`; its first argument names the model, or is a Recipe that does. Equal
steps asked for at once are computed once, others are not held up. When all models together fill more than they may, the
one looked at longest ago makes room. What lies here is shared by all visitors: nobody changes it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from pruneviz.studio import house_rules, scales

Found = TypeVar("Found")
MODELS = 24
"""Models of which something is kept at a time."""
AGAIN = 5.0
"""Seconds after which what grows is weighed again: walking through a network takes a hundredth of one."""
ROOM = 0.5
"""The share of this machine's memory that may be filled, where no cap says less."""


@dataclass(eq=False)
class Jar:
    """One result, or the place where it is being made. Whoever comes meanwhile waits at its lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    ready: bool = False
    value: Any = None
    blocks: dict[Hashable, int] = field(default_factory=dict)
    grows: bool = False
    at: float = -math.inf


@dataclass(eq=False)
class Shelf:
    """All that is kept of one model. What several results share is counted once."""

    jars: dict[str, OrderedDict[Hashable, Jar]] = field(default_factory=dict)
    shared: Counter = field(default_factory=Counter)
    filled: int = 0

    def count(self, jar: Jar, blocks: dict[Hashable, int]) -> None:
        """Counts the memory that a result fills, once more where it grew."""
        self.discount(jar)
        jar.blocks, jar.at = blocks, time.monotonic()
        for block, size in blocks.items():
            self.filled += size if not self.shared[block] else 0
            self.shared[block] += 1

    def discount(self, jar: Jar) -> None:
        """Counts a result no longer."""
        for block, size in jar.blocks.items():
            self.shared[block] -= 1
            if not self.shared[block]:
                del self.shared[block]
                self.filled -= size
        jar.blocks = {}

    def growing(self) -> list[Jar]:
        """Results that fill more room as they are used, and were not weighed just now."""
        before = time.monotonic() - AGAIN
        return [jar for jars in self.jars.values() for jar in jars.values() if jar.grows and jar.ready and jar.at <= before]


class Larder:
    """Shelves by model, the one looked at last in front. `limit` says how many bytes all may fill together."""

    def __init__(self, limit: Callable[[], int], models: int = MODELS):
        self._limit, self._models = limit, models
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()
        self._lock = threading.RLock()

    def kept(
        self, entries: int, *, dry: bool = False, grows: bool = False
    ) -> Callable[[Callable[..., Found]], Callable[..., Found]]:
        """Keeps the last `entries` results of a step for each model. The arrays of what is `dry` become read-only: whoever
        wrote into them would write into everybody's. What `grows` fills more room as it is used."""

        def decorate(make: Callable[..., Found]) -> Callable[..., Found]:
            step = f"{make.__module__}.{make.__qualname__}"
            made = (lambda *arguments: sealed(make(*arguments))) if dry else make

            @wraps(make)
            def asked(*arguments: Hashable) -> Found:
                jar = self._jar(step, arguments, entries, grows)
                with jar.lock:
                    if not jar.ready:
                        self._fill(jar, step, arguments, made)
                    return jar.value

            asked.clear = lambda *arguments: self._forget(step, arguments)
            asked.known = lambda *arguments: self._known(step, arguments)
            return asked

        return decorate

    def drop(self, model: str) -> None:
        """Gives back all that is kept of a model; who is still using it keeps it alive until they are done."""
        with self._lock:
            found = self._shelves.pop(model, None)
        if found is not None:
            del found
            give_back()

    def held(self) -> dict[str, int]:
        """The bytes that each model fills."""
        with self._lock:
            return {model: shelf.filled for model, shelf in self._shelves.items()}

    def _jar(self, step: str, arguments: tuple, entries: int, grows: bool) -> Jar:
        with self._lock:
            model = _model(arguments)
            shelf = self._shelves.setdefault(model, Shelf())
            self._shelves.move_to_end(model)
            jars = shelf.jars.setdefault(step, OrderedDict())
            jar = jars.setdefault(arguments, Jar(grows=grows))
            jars.move_to_end(arguments)
            while len(jars) > entries:
                shelf.discount(jars.popitem(last=False)[1])
            return jar

    def _fill(self, jar: Jar, step: str, arguments: tuple, make: Callable[..., Any]) -> None:
        try:
            jar.value = make(*arguments)
        except BaseException:
            self._forget(step, arguments, jar)
            raise
        jar.ready = True
        for one in (jar, *self._growing(_model(arguments))):
            self._weigh(_model(arguments), one)
        with self._lock:
            crowded = self._make_room(_model(arguments))
        if crowded:
            give_back()

    def _growing(self, model: str) -> list[Jar]:
        with self._lock:
            return self._shelves[model].growing() if model in self._shelves else []

    def _weigh(self, model: str, jar: Jar) -> None:
        blocks = scales.blocks(jar.value)  # outside of the lock: a model of many parts takes a moment
        with self._lock:
            shelf = self._shelves.get(model)
            if shelf is not None and any(jar is one for jars in shelf.jars.values() for one in jars.values()):
                shelf.count(jar, blocks)  # else it was given back meanwhile: who asked has it, nobody keeps it

    def _make_room(self, wanted: str) -> bool:
        """Takes away the models looked at longest ago, all but the wanted one, until the rest fits."""
        limit, taken = self._limit(), False
        while len(self._shelves) > 1:
            fits = sum(shelf.filled for shelf in self._shelves.values()) <= limit
            if fits and len(self._shelves) <= self._models:
                break
            del self._shelves[next(model for model in self._shelves if model != wanted)]
            taken = True
        return taken

    def _known(self, step: str, arguments: tuple) -> Any:
        with self._lock:
            shelf = self._shelves.get(_model(arguments))
            jar = shelf.jars.get(step, {}).get(arguments) if shelf else None
            return jar.value if jar is not None and jar.ready else None

    def _forget(self, step: str, arguments: tuple, only: Jar | None = None) -> None:
        """Keeps a result of a step no longer; all of its results where no arguments are named."""
        with self._lock:
            if not arguments:
                for shelf in self._shelves.values():
                    for jar in shelf.jars.pop(step, {}).values():
                        shelf.discount(jar)
                return
            shelf = self._shelves.get(_model(arguments))
            jar = shelf.jars.get(step, {}).get(arguments) if shelf else None
            if jar is not None and only in (None, jar):
                shelf.discount(shelf.jars[step].pop(arguments))


def _model(arguments: tuple) -> str:
    """The model that a step is about: its first argument, or the one that a Recipe there names."""
    first = arguments[0]
    return first if isinstance(first, str) else first.subject


def sealed(found: Found) -> Found:
    """The same, its arrays made read-only."""
    for array in scales.arrays(found):
        array.flags.writeable = False
    return found


def give_back() -> None:
    """Frees what nobody holds, and hands it back to the system: otherwise the process would stay as large as it ever was."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # only glibc has it; elsewhere freeing is all that can be done
        ctypes.CDLL(None).malloc_trim(0)


def _room() -> int:
    """How many bytes may be filled: what the caps say, and never more than a share of the memory there is."""
    return min(house_rules.caps().held_bytes, int(ROOM * scales.memory()))


LARDER = Larder(_room)
kept, drop, held = LARDER.kept, LARDER.drop, LARDER.held

"""Larder: what a worker worked on last, kept while there is room for it: models, rankings, networks made ready."""

from __future__ import annotations

import contextlib
import ctypes
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch


class BeingMade(BaseException):
    """What is asked for is half made by somebody who let the asker go first."""


@dataclass(eq=False)
class _Kept:
    card: str
    value: Any
    users: set[int] = field(default_factory=set)
    forgotten: bool = False


class Larder:
    """Values by key, made once and kept up to `most` bytes. What a job in hand uses stays whatever it weighs."""

    def __init__(self, most: int):
        self.most = most
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._users: list[int] = []
        self._making: set[Hashable] = set()

    @contextlib.contextmanager
    def used_by(self, user: int) -> Iterator[None]:
        """Whatever is asked for inside is used by this job until it is released."""
        self._users.append(user)
        try:
            yield
        finally:
            self._users.pop()

    def get(self, card: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of a card under this key."""
        place = card, key
        kept = self._kept.get(place)
        if kept is None or kept.forgotten:
            kept = self._kept[place] = _Kept(card, self._made(place, make))
        kept.users.update(self._users[-1:])
        self._kept.move_to_end(place)
        return kept.value

    def _made(self, place: Hashable, make: Callable[[], Any]) -> Any:
        if place in self._making:
            raise BeingMade
        self._making.add(place)
        try:
            return make()
        finally:
            self._making.discard(place)

    def release(self, user: int) -> None:
        """A job is over: what it used stays while there is room."""
        for kept in self._kept.values():
            kept.users.discard(user)
        self._trim()

    def forget(self, card: str) -> None:
        """Nothing of this card is kept; what is in use goes when it is released."""
        for kept in self._kept.values():
            kept.forgotten |= kept.card == card
        self._trim()

    def bytes(self) -> int:
        """What the arrays of all values fill, shared ones counted once."""
        return weigh(kept.value for kept in self._kept.values())

    def _trim(self) -> None:
        before = len(self._kept)
        for key in [key for key, kept in self._kept.items() if kept.forgotten and not kept.users]:
            del self._kept[key]
        idle = [key for key, kept in self._kept.items() if not kept.users]
        while idle and self.bytes() > self.most:
            del self._kept[idle.pop(0)]
        if len(self._kept) < before:
            _give_back()


def weigh(values: Iterable[Any]) -> int:
    """Bytes of all arrays that can be reached from these values; each storage counts once."""
    sizes: dict[int, int] = {}
    seen: set[int] = set()
    left = list(values)
    while left:
        value = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, torch.Tensor):
            with contextlib.suppress(RuntimeError, NotImplementedError):  # a tensor without numbers has no storage
                storage = value.untyped_storage()
                sizes[storage.data_ptr()] = storage.nbytes()
        elif isinstance(value, np.ndarray):
            owner = value
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            sizes[owner.__array_interface__["data"][0]] = owner.nbytes
        else:
            left.extend(_inside(value))
    return sum(sizes.values())


def _inside(value: Any) -> list[Any]:
    """What a value holds: items of containers, and fields of objects that are ours or a network's."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return [] if value and all(isinstance(one, str | int | float) for one in value) else list(value)
    if isinstance(value, torch.nn.Module) or type(value).__module__.partition(".")[0] == "pruneviz":
        slots = [getattr(value, name, None) for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        return [*getattr(value, "__dict__", {}).values(), *slots]
    return []


def _give_back() -> None:
    """Freed memory goes back to the system, where its allocator can be asked to."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)

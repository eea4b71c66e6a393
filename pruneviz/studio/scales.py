"""Scales: how many bytes something keeps in memory. Tensors and arrays that lie in one place are weighed once."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Hashable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

WEIGHTLESS = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, int, float, complex, bool, type(None))
SMALL = 1 << 12
"""Texts up to so many bytes are not worth a place of their own."""


def blocks(thing: Any) -> dict[Hashable, int]:
    """The blocks of memory that a thing keeps, by where they lie: bytes of each. Small change is not counted."""
    found: dict[Hashable, int] = {}
    for one in _walk(thing):
        if hasattr(one, "untyped_storage"):  # a tensor; this room does not import torch to ask
            _put(found, *_storage(one))
        elif isinstance(one, np.ndarray):
            _put(found, *_array(one))
        elif isinstance(one, bytes | bytearray | str) and len(one) > SMALL:
            _put(found, ("text", id(one)), len(one))
    return found


def arrays(thing: Any) -> Iterator[np.ndarray]:
    """Every array in a thing."""
    return (one for one in _walk(thing) if isinstance(one, np.ndarray))


def _walk(thing: Any) -> Iterator[Any]:
    """Everything that a thing is made of, once."""
    seen: dict[int, Any] = {}
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        if isinstance(one, WEIGHTLESS) or id(one) in seen:
            continue
        seen[id(one)] = one  # held, so that no other thing takes its number meanwhile
        yield one
        waiting.extend(_parts(one))


def memory() -> int:
    """The bytes of memory of this machine, or of the box that it is allowed to fill."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
            return min(whole, int(file.read()))
    except (OSError, ValueError):  # no box, or one without a limit («max»)
        return whole


def _put(found: dict[Hashable, int], place: Hashable, size: int) -> None:
    if size:
        found[place] = max(size, found.get(place, 0))


def _storage(tensor: Any) -> tuple[Hashable, int]:
    try:
        storage = tensor.untyped_storage()
        return storage.data_ptr(), storage.nbytes()
    except (NotImplementedError, RuntimeError):  # a sparse tensor has no storage of its own
        return ("tensor", id(tensor)), 0


def _array(array: np.ndarray) -> tuple[Hashable, int]:
    while isinstance(array.base, np.ndarray):
        array = array.base
    if hasattr(array.base, "untyped_storage"):  # an array that looks into a tensor
        return _storage(array.base)
    return array.__array_interface__["data"][0], array.nbytes


def _parts(one: Any) -> Iterator[Any]:
    """What a thing is made of: what a collection holds, and what an object remembers."""
    if hasattr(one, "untyped_storage"):
        yield getattr(one, "grad", None)
        return
    if isinstance(one, np.ndarray | bytes | bytearray | str):
        return
    if isinstance(one, Mapping):
        yield from list(one.keys())
        yield from list(one.values())
    elif isinstance(one, list | tuple | set | frozenset | deque):
        yield from list(one)
    yield from list(getattr(one, "__dict__", {}).values())
    for kind in type(one).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(one, name):
                yield getattr(one, name)

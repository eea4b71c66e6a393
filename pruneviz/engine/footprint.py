"""Footprint: how much memory a sample takes on its way through a network, known before any of it is taken.

The network runs on shapes alone, without numbers. A few pixels that a card wants made larger, to thousands a side, are
gigabytes between the layers of a small network.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pruneviz.engine.subject import Samples, Subject

HELD = 3
"""So many times what the largest step takes and gives: what goes past it, around a block, is held, too."""
UNKNOWN = 64
"""So many times its input a sample takes where a network cannot be run on shapes."""

_known: WeakKeyDictionary[Subject, int] = WeakKeyDictionary()
_lock = threading.Lock()


def each(subject: Subject) -> int:
    """About how many bytes one held-out sample takes at most while the network runs."""
    with _lock:
        if subject not in _known:
            _known[subject] = _measured(subject)
        return _known[subject]


def together(subject: Subject, most: int, budget: int) -> int:
    """How many samples may run at once: as many as fit into so many bytes, one at least and `most` at most."""
    return max(1, min(most, budget // max(1, each(subject))))


def _measured(subject: Subject) -> int:
    network, inputs = subject.skeleton().eval(), _inputs(subject)
    shapes = {name: one.to("meta") for name, one in (*network.named_parameters(), *network.named_buffers())}
    plain, named = ((), inputs) if isinstance(inputs, Mapping) else ((inputs,), {})
    largest = _Largest({_place(one) for one in shapes.values()})
    try:
        with torch.no_grad(), largest:
            torch.func.functional_call(network, shapes, plain, named)
    except Exception:  # whatever a network does with tensors that hold nothing
        return UNKNOWN * sum(one.numel() * one.element_size() for one in _tensors(inputs))
    return HELD * largest.bytes


def _inputs(subject: Subject) -> Tensor | dict[str, Tensor]:
    """One sample's inputs, as shapes; of texts the longest."""
    held = subject.held_out
    if isinstance(held, Samples):
        side = None if held.preparation.crop else held.preparation.resize
        return torch.empty(1, held.stored.shape[1], *((side, side) if side else held.stored.shape[2:]), device="meta")
    lengths = getattr(held, "lengths", None)
    at = slice(0, 1) if lengths is None else lengths.argmax().view(1)
    found = held.inputs(at)
    return {name: one.to("meta") for name, one in found.items()} if isinstance(found, Mapping) else found.to("meta")


class _Largest(TorchDispatchMode):
    """Notes the bytes of the step that takes and gives most: the weights are there anyway, and views take nothing."""

    def __init__(self, weights: set[int]) -> None:
        super().__init__()
        self.bytes = 0
        self._weights = weights

    def __torch_dispatch__(self, function: Any, types: Any, arguments: tuple = (), named: dict | None = None) -> Any:
        found = function(*arguments, **(named or {}))
        flowing = {_place(one): one.untyped_storage().nbytes() for one in _tensors([*arguments, found])}
        self.bytes = max(self.bytes, sum(size for place, size in flowing.items() if place not in self._weights))
        return found


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _tensors(one)


def _place(tensor: Tensor) -> int:
    """What tells its memory from another's, though there is none."""
    return tensor.untyped_storage()._cdata

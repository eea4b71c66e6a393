"""Labels: what is known of a tensor while a network is followed. It has channels along one axis, or it is a parameter.

A tensor without a label is rigid: no channel, as far as anybody reading it is concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.structure.channels import RIGID, Channels


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """Channel `ids` [size] along `axis`; along all other axes the channel is the same."""

    axis: int
    ids: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """This tensor is parameter `name`, or a view of it: `index` says which element of it lies where, None: all, in place."""

    name: str
    shape: tuple[int, ...]
    index: Tensor | None = None

    def elements(self) -> Tensor:
        if self.index is not None:
            return self.index
        return torch.arange(int(np.prod(self.shape)), dtype=torch.int64).reshape(self.shape)

    def coordinate(self, axis: int) -> Tensor:
        """Which position along the parameter's own axis each element has, int64, in this tensor's shape."""
        return self.elements() // int(np.prod(self.shape[axis + 1 :])) % self.shape[axis]


class Labels:
    """The labels of all tensors met so far. A labelled tensor is kept alive, so that its id stays its own."""

    def __init__(self, network: nn.Module) -> None:
        self._known: dict[int, tuple[Tensor, Label | Origin]] = {}
        first: dict[tuple, str] = {}
        named = (*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False))
        for name, tensor in named:
            canonical = first.setdefault(place(tensor), name)
            self._known.setdefault(id(tensor), (tensor, Origin(canonical, tuple(tensor.shape))))

    def of(self, tensor: Tensor) -> Label | Origin | None:
        known = self._known.get(id(tensor))
        return known[1] if known else None

    def put(self, tensor: object, label: Label | Origin | None) -> None:
        if isinstance(tensor, Tensor):
            if label is None:
                self._known.pop(id(tensor), None)
            else:
                self._known[id(tensor)] = tensor, label


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One operation that ran: what went in, what came out, inside which module; and the books to write into."""

    name: str
    function: Callable[..., Any]
    args: tuple
    kwargs: dict[str, Any]
    output: Any
    where: str
    owner: nn.Module
    channels: Channels
    labels: Labels

    def bound(self, *names: str) -> list[Any]:
        """The arguments by name, None where they are missing."""
        return [self.args[at] if at < len(self.args) else self.kwargs.get(name) for at, name in enumerate(names)]

    def label(self, tensor: object) -> Label | None:
        found = self.labels.of(tensor) if isinstance(tensor, Tensor) else None
        return found if isinstance(found, Label) else None

    def origin(self, tensor: object) -> Origin | None:
        found = self.labels.of(tensor) if isinstance(tensor, Tensor) else None
        return found if isinstance(found, Origin) else None

    def parameter(self, tensor: object) -> Origin | None:
        """The whole parameter that this tensor is; None if it is computed, or only part of one."""
        origin = self.origin(tensor)
        return origin if origin and origin.index is None else None

    @property
    def at(self) -> str:
        """«layer1.0 (add)»: where this happens, for reasons."""
        return f"{self.where or 'the network itself'} ({self.name})"

    def freeze(self, tensors: Iterable[object], why: str) -> None:
        """The channels of these tensors must stay, and these parameters keep their shape."""
        for tensor in tensors:
            label, origin = self.label(tensor), self.origin(tensor)
            if label:
                self.channels.freeze(label.ids, f"{self.at} {why}")
            elif origin:
                self.channels.pin(origin.name, origin.shape, f"{origin.name} is also used in {self.at}")

    def ids(self, tensor: Tensor, axis: int, why: str) -> np.ndarray:
        """The channels along this axis of a tensor, [size]; rigid, and frozen, if they lie along another one."""
        label = self.label(tensor)
        if label and label.axis == axis % tensor.ndim:
            return label.ids
        self.freeze([tensor], why)
        return np.full(tensor.shape[axis], RIGID)


def tensors(value: object) -> Iterator[Tensor]:
    """All tensors in nested arguments or outputs."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors(part)


def place(tensor: Tensor) -> tuple:
    """Where a tensor lies in memory and how it is read there: equal for tied ones and for nothing else."""
    if type(tensor) not in (Tensor, nn.Parameter, torch.nn.Buffer) or tensor.is_meta or not tensor.numel():
        return (id(tensor),)
    return (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())

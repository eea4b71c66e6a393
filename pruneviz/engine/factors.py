"""Factors: what the weights of a network are multiplied by, heard while it runs.

Every product that PyTorch computes is heard below its modules and its derivatives, so functional calls, attention's packed
matrices and a weight that is used twice are seen as they really ran. A weight that is made into something else before it
multiplies (standardised, normalised, folded) is refused: what meets it is not known.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

FACTORS = {"mm": (0, 1), "addmm": (1, 2), "bmm": (0, 1), "baddbmm": (1, 2), "mv": (0, 1), "addmv": (1, 2)}
"""Which arguments are multiplied: the last axis of the first meets the last but one of the second, or its only one."""


class Listener(TorchDispatchMode):
    """Hears every operation while it is entered, and sums the squares of what these weights meet.

    `largest` is how many numbers the largest result had that is not a weight's own memory.
    """

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.largest = 1
        self._weights = {name: weight.detach() for name, weight in weights.items()}
        self._squares: dict[str, Tensor] = {}
        self._spans = sorted((one.data_ptr(), one.data_ptr() + one.nbytes, name) for name, one in self._weights.items())
        self._storages = {one.untyped_storage().data_ptr() for one in self._weights.values()}

    def __torch_dispatch__(self, function: Any, types: Any, arguments: tuple = (), named: dict | None = None) -> Any:
        result = function(*arguments, **(named or {}))
        fresh = [one for one in _tensors(result) if one.untyped_storage().data_ptr() not in self._storages]
        self.largest = max(self.largest, *(one.numel() for one in fresh), 1)
        for place, argument in enumerate(arguments):
            for tensor in _tensors(argument):
                name = self._name(tensor)
                if name is not None and fresh:
                    self._hear(name, function.overloadpacket.__name__, place, arguments, fresh[0])
        return result

    def squares(self, name: str) -> Tensor:
        """Σ x² of all that met a weight, float64, in a shape that broadcasts against it."""
        return self._squares.get(name, torch.zeros([1] * self._weights[name].ndim, dtype=torch.float64))

    def _name(self, tensor: Tensor) -> str | None:
        """Whose memory a tensor looks at."""
        if tensor.untyped_storage().data_ptr() not in self._storages or not tensor.numel():
            return None
        at = bisect.bisect_right(self._spans, tensor.data_ptr(), key=lambda span: span[0]) - 1
        start, stop, name = self._spans[at]
        return name if start <= tensor.data_ptr() < stop else None

    def _hear(self, name: str, operation: str, place: int, arguments: tuple, result: Tensor) -> None:
        weight = self._weights[name]
        if operation == "convolution" and place == 1 and _same(arguments[1], weight):
            self._add(name, _patches(arguments, result))
            return
        factors = FACTORS.get(operation, ())
        if place in factors:
            first = place == factors[0]
            part = _part(arguments[place], weight, met=-1 if first else -2)
            if part is not None:
                other = arguments[factors[1] if first else factors[0]]
                self._add(name, _summed(other, kept=-2 if first and other.ndim > 1 else -1), *part)
                return
        raise ValueError(
            f"what {name} is multiplied by is not known, because it is made into something else first (by {operation}): "
            "choose a criterion that looks at weights or gradients"
        )

    def _add(self, name: str, squares: Tensor, axis: int | None = None, start: int = 0, size: int | None = None) -> None:
        """Adds to a weight's sums; of a matrix whose inputs lie along `axis`, to `size` of its outputs from `start` on."""
        if axis is None:
            self._squares[name] = self._squares.get(name, 0) + squares
            return
        weight, output = self._weights[name], 1 - axis
        squares = squares.unsqueeze(output)
        if size == weight.shape[output]:
            self._squares[name] = self._squares.get(name, 0) + squares
            return
        total = torch.zeros(weight.shape, dtype=torch.float64) + self._squares.get(name, 0)
        total.narrow(output, start, size).add_(squares)
        self._squares[name] = total


def _tensors(thing: Any) -> Iterator[Tensor]:
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, list | tuple):
        for one in thing:
            yield from _tensors(one)


def _same(one: Tensor, weight: Tensor) -> bool:
    return one.data_ptr() == weight.data_ptr() and one.shape == weight.shape and one.stride() == weight.stride()


def _part(factor: Tensor, weight: Tensor, met: int) -> tuple[int, int, int] | None:
    """How a factor looks at a matrix: the axis along which inputs meet it, and its outputs, the first and how many."""
    if factor.ndim == 3 and (factor.shape[0] == 1 or factor.stride(0) == 0):
        factor = factor[0]
    if factor.ndim != 2 or weight.ndim != 2:
        return None
    along = (factor.shape[met], factor.stride(met))
    size, step = factor.shape[-3 - met], factor.stride(-3 - met)
    offset = (factor.data_ptr() - weight.data_ptr()) // weight.element_size()
    for axis in (1, 0):
        stride = weight.stride(1 - axis)
        start = offset // max(1, stride)
        fits = start * stride == offset and start + size <= weight.shape[1 - axis] and (size == 1 or step == stride)
        if fits and (along == (weight.shape[axis], weight.stride(axis)) or along[0] == weight.shape[axis] == 1):
            return axis, start, size
    return None


def _summed(tensor: Tensor, kept: int) -> Tensor:
    """Σ x² along all axes but one, float64."""
    kept %= tensor.ndim
    return tensor.detach().to(torch.float64, copy=True).square_().sum([axis for axis in range(tensor.ndim) if axis != kept])


def _patches(arguments: Sequence[Any], result: Tensor) -> Tensor:
    """Σ x² over the patches that met each place of a kernel: [1, I, *K], [O, I, *K] in groups, [I, 1, *K] transposed."""
    inputs, weight, _, stride, padding, dilation, transposed, _, groups = arguments
    found = inputs.detach().to(torch.float64, copy=True).square_().sum(0)
    for axis, extent in enumerate(weight.shape[2:]):
        # The axes before were summed up and stand behind, so this one is always the second.
        step, before, apart = (values[axis % len(values)] for values in (stride, padding, dilation))
        reach, many = (result.shape[2 + axis], found.shape[1]) if transposed else (found.shape[1], result.shape[2 + axis])
        places = []
        for place in range(extent):
            ahead = place * apart - before  # of position p, p·step + ahead is met on the other side
            low, high = max(0, -(ahead // step)), min(many - 1, (reach - 1 - ahead) // step)
            at = slice(low, high + 1) if transposed else slice(low * step + ahead, max(0, high * step + ahead + 1), step)
            places.append(found[:, at].sum(1) if low <= high else torch.zeros_like(found[:, 0]))
        found = torch.stack(places, -1)
    if transposed:
        return found.unsqueeze(1)
    if groups == 1:
        return found.unsqueeze(0)
    return found.unflatten(0, (groups, -1)).repeat_interleave(weight.shape[0] // groups, 0)

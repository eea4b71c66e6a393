"""Where several tensors meet in one: their channels are united, and parameters get one number per channel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from pruneviz.engine.structure.labels import Call, Label, Origin, tensors

Placed = Callable[[Tensor, int], int]
"""Where an operand's axis lies in the output."""


def meet(call: Call, operands: list[Tensor], words: str, placed: Placed | None = None) -> Label | None:
    """The label of what these operands give together, broadcast against each other if `placed` does not say otherwise.

    Everything that varies along the channels' axis must be channels, or a parameter's numbers; a constant there must keep
    its size, and with it the channels stay.
    """
    result = next(tensors(call.output))
    placed = placed or (lambda tensor, axis: axis + result.ndim - tensor.ndim)
    labelled = {id(one): label for one in operands if (label := call.label(one))}
    if not labelled:
        if sum(call.origin(one) is not None for one in operands) > 1:
            call.freeze(operands, "")
        return None
    axes = {placed(one, labelled[id(one)].axis) for one in operands if id(one) in labelled}
    if len(axes) > 1:
        call.freeze(operands, "has channels along different axes meet")
        return None
    axis = axes.pop()
    lead = max(labelled.values(), key=lambda label: len(label.ids))
    for label in labelled.values():
        if len(label.ids) == len(lead.ids):
            call.channels.unite(lead.ids, label.ids, words, call.where)
    for one in operands:
        if id(one) not in labelled:
            _constant(call, one, axis - placed(one, 0), lead)
    return Label(axis, lead.ids) if result.shape[axis] == len(lead.ids) else None


def _constant(call: Call, one: Tensor, axis: int, lead: Label) -> None:
    """An operand that is no layer's output: it varies along the channels as a parameter does, or they must stay."""
    if not 0 <= axis < one.ndim or one.shape[axis] == 1:
        return
    origin = call.origin(one)
    if origin is None:
        call.channels.freeze(lead.ids, f"{call.at} combines them with numbers that are no layer's channels")
    elif not follow(call, origin, one, axis, lead.ids):
        call.freeze([one], "")
        call.channels.freeze(lead.ids, f"{call.at} combines them with {origin.name} in a way that cannot be followed")


def follow(call: Call, origin: Origin, tensor: Tensor, axis: int, ids: np.ndarray) -> bool:
    """Write down that a parameter has one number, or row, per channel along whichever axis of its own runs along `axis`."""
    found = (axis, np.arange(len(ids))) if origin.index is None else _own_axis(origin, tensor, axis)
    if found is None or len(found[1]) != len(ids):
        return False
    along, at = found
    here = np.full(origin.shape[along], -1)
    here[at] = ids
    call.channels.use(origin.name, along, here, "follows")
    for other, size in enumerate(origin.shape):
        if other != along and size > 1:
            call.channels.use(origin.name, other, np.full(size, -1))
    return True


def _own_axis(origin: Origin, tensor: Tensor, axis: int) -> tuple[int, np.ndarray] | None:
    """Of a view of a parameter: which of the parameter's own axes runs along `axis`, and its positions; None if not one."""
    running = [one for one, size in enumerate(origin.shape) if size > 1 and runs(origin.coordinate(one), axis)]
    if len(running) != 1:
        return None
    coordinate = origin.coordinate(running[0])
    if any(runs(coordinate, other) for other in range(tensor.ndim) if other != axis):
        return None
    at = coordinate.movedim(axis, 0).reshape(tensor.shape[axis], -1)[:, 0].numpy()
    return (running[0], at) if len(np.unique(at)) == len(at) else None


def runs(values: Tensor, axis: int) -> bool:
    """Do these values change along this axis?"""
    if values.shape[axis] <= 1 or values.stride(axis) == 0:
        return False
    return bool((values != values.narrow(axis, 0, 1)).any())

"""The rules of what only moves numbers: reshaping, transposing, cutting, joining, padding, pooling.

A move is repeated on the channels' positions. It is followed if the positions still run along one axis, all of them, in
their order: then moving the smaller tensor gives the smaller result. Anything else ends them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine.structure.labels import Call, Label, Origin, tensors
from pruneviz.engine.structure.rules.meeting import meet, runs

MOVING = """
T adjoint broadcast_to expand expand_as flatten getitem mT movedim moveaxis permute ravel reshape reshape_as squeeze swapaxes
swapdims t transpose unbind unflatten unsqueeze view view_as repeat tensor_split split
"""
POOLS = """
avg_pool max_pool lp_pool adaptive_avg_pool adaptive_max_pool max_pool_with_indices adaptive_max_pool_with_indices
"""
RESIZING = "interpolate upsample upsample_nearest upsample_bilinear grid_sample"


def move(call: Call) -> None:
    """Repeat the move on positions, and read off where the channels went."""
    if not call.args:
        call.freeze(tensors(call.kwargs), "is not followed when it is called by name")
        return
    inputs = call.args[0]
    label, origin = call.label(inputs), call.origin(inputs)
    others = list(tensors([call.args[1:], call.kwargs]))
    if call.name == "getitem" and others:
        call.freeze([inputs, *others], "picks positions by a table")
        return
    if origin and origin.index is None and origin.shape != tuple(inputs.shape):
        call.freeze([inputs], "")
        return
    if label is None and origin is None:
        return
    before = origin.elements() if origin else _positions(label, inputs)
    try:
        # Positions have no memory along the other axes: what is a view of the numbers may have to be a copy of these.
        function = {"view": Tensor.reshape, "view_as": Tensor.reshape_as}.get(call.name, call.function)
        after = function(before, *call.args[1:], **call.kwargs)
    except (RuntimeError, TypeError):
        call.freeze([inputs], "cannot be repeated on their positions")
        return
    for result, moved in zip(tensors(call.output), tensors(after), strict=True):
        if origin:
            call.labels.put(result, Origin(origin.name, origin.shape, moved))
            continue
        found = _read(moved, len(label.ids))
        if found is None and _dealt(inputs, moved, label):
            shuffled(call)
        elif found is None:
            call.freeze([inputs], "cuts them apart or changes their order: which ones meet depends on how many there are")
        call.labels.put(result, found and Label(found[0], label.ids[found[1]]))


def shuffled(call: Call) -> None:
    """Channels change places by their number: with another number, others would meet."""
    label = call.label(call.args[0]) if call.args else None
    if label is not None:
        where = call.where or "the network itself"
        call.channels.freeze(label.ids, f"{where} shuffles the channels: which ones it mixes depends on how many there are")


def _shuffle(call: Call) -> None:
    """Torch's own shuffle."""
    shuffled(call)
    call.freeze(tensors([call.args, call.kwargs]), "shuffles the channels")
    call.labels.put(call.output, None)


def _dealt(inputs: Tensor, moved: Tensor, label: Label) -> bool:
    """Whether an image's channels [N, C, H, W] were dealt out into groups [N, G, C/G, H, W], as before a shuffle."""
    return inputs.ndim == 4 and label.axis == 1 and moved.ndim == 5 and moved.shape[3:] == inputs.shape[2:]


def _positions(label: Label, tensor: Tensor) -> Tensor:
    """Each element's position along the channels' axis; no memory but for that axis."""
    size = [1] * tensor.ndim
    size[label.axis] = -1
    return torch.arange(len(label.ids)).view(size).expand(tensor.shape)


def _read(moved: Tensor, count: int) -> tuple[int, np.ndarray] | None:
    """(axis, positions along it) if the positions run along one axis and in their order; else None."""
    running = [axis for axis in range(moved.ndim) if runs(moved, axis)]
    if len(running) != 1:
        return None
    axis = running[0]
    found = moved.movedim(axis, 0).reshape(moved.shape[axis], -1)[:, 0].numpy()
    times, rest = divmod(len(found), count)
    if rest:
        return None
    # In their order: each repeated `inner` times in a row, and all of that again `times / inner` times.
    inner = next((at for at, value in enumerate(found) if value != found[0]), len(found))
    if times % inner:
        return None
    expected = np.tile(np.repeat(np.arange(count), inner), times // inner)
    return (axis, found) if (found == expected).all() else None


def chunk(call: Call) -> None:
    """Cut into so many equal parts: what lies at the same place of each part goes together."""
    inputs, parts, dim = call.bound("input", "chunks", "dim")
    label = call.label(inputs)
    if label is None or label.axis != (dim or 0) % inputs.ndim:
        move(call)
        return
    if len(label.ids) % parts:
        call.freeze([inputs], "cuts them into unequal parts")
        return
    pieces = np.split(label.ids, parts)
    for piece, result in zip(pieces, call.output, strict=True):
        call.channels.unite(pieces[0], piece, f"cut into {parts} equal parts", call.where)
        call.labels.put(result, Label(label.axis, piece))


def join(call: Call) -> None:
    """Put side by side: along the channels' axis they add up, along another one they are united."""
    pieces, dim = call.bound("tensors", "dim")
    pieces, new = list(pieces), call.name == "stack"
    dim = (dim or 0) % call.output.ndim
    labelled = [call.label(one) for one in pieces if call.label(one)]
    if not new and labelled and all(label.axis == dim for label in labelled):
        call.freeze([one for one in pieces if call.origin(one)], "")
        found = [call.label(one) for one in pieces]
        ids = [label.ids if label else np.full(one.shape[dim], -1) for label, one in zip(found, pieces, strict=True)]
        call.labels.put(call.output, Label(dim, np.concatenate(ids)))
        return
    shift = (lambda _, axis: axis + (new and axis >= dim)) if new else (lambda _, axis: axis)
    call.labels.put(call.output, meet(call, pieces, "laid side by side", shift))


def pad(call: Call) -> None:
    """Around the pixels the channels pass; new channels have no layer that makes them."""
    inputs, widths = call.bound("input", "pad")
    label = call.label(inputs)
    if label is None:
        call.freeze([inputs], "")
        return
    at = 2 * (inputs.ndim - 1 - label.axis)
    before, after = (widths[at], widths[at + 1]) if at < len(widths) else (0, 0)
    ids = label.ids
    if before or after:
        call.freeze([inputs], "adds channels of zeros around them: their number is written into the code")
        ids = np.concatenate([np.full(max(0, before), -1), ids, np.full(max(0, after), -1)])
        ids = ids[max(0, -before) : len(ids) - max(0, -after)]
    call.labels.put(call.output, Label(label.axis, ids))


def pool(call: Call) -> None:
    """Over pixels the channels pass."""
    inputs = call.args[0] if call.args else call.kwargs.get("input")
    label = call.label(inputs)
    digits = [int(one) for one in call.name if one.isdigit()]
    over = digits[0] if digits else inputs.ndim - 2
    if label is None or label.axis >= inputs.ndim - over:
        call.freeze(tensors([call.args, call.kwargs]), "mixes them as if they were pixels")
        return
    call.freeze([one for one in tensors([call.args, call.kwargs]) if one is not inputs], "reads them as coordinates")
    for one in tensors(call.output):
        call.labels.put(one, label)


RULES = {
    **dict.fromkeys(MOVING.split(), move),
    **{name.replace("_pool", f"_pool{count}d"): pool for name in POOLS.split() for count in (1, 2, 3)},
    **dict.fromkeys(RESIZING.split(), pool),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack"), join),
    **dict.fromkeys(("pad", "constant_pad_nd"), pad),
    "chunk": chunk,
    "channel_shuffle": _shuffle,
}

"""Keys: scores as integers that sort as the scores do, so that a selection can look at bits instead of comparing floats.

The bit pattern of a float that is not negative, read as an integer, sorts as the float does. Of magnitudes the key is the
weight's own bits without the sign: nothing is copied and nothing is computed ahead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine.evenly import evenly
from pruneviz.engine.scope import Scope

UNSIGNED = np.int32(0x7FFFFFFF)
"""Hides a float's sign: |w| and, with it, −0.0 = 0.0."""

AS_IT_IS = np.int32(-1)
INFINITE = 0x7F800000
"""The bits of +∞ in float32; every key of a magnitude from here on is an infinity or a NaN."""

ROW_BITS = 30
"""A place within a layer, as a share of it, has so many bits: rows are even to the weight in layers of up to 2²⁸ weights."""

AT_ONCE = 1 << 22
"""So many weights of a layer are sorted within their rows at a time."""

NONFINITE = 1 - 2**31
ZERO = NONFINITE + 1
"""Weights that are not finite go first (where they may be ranked at all), exact zeros next, whatever their score is; where
rows give equal shares, the zeros of each row go first in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """bits [n] & mask sorts as the scores do; least and most over all weights, reserved keys aside.

    `levels` holds the scores of keys that are not bit patterns (float64), `source` [n] the weights where keys are theirs.
    """

    bits: np.ndarray
    mask: np.int32
    least: int
    most: int
    levels: np.ndarray | None = None
    source: np.ndarray | None = None

    def score(self, key: int) -> float:
        """The score that a key stands for; an existing zero counts 0."""
        if key <= ZERO:
            return 0.0
        if self.levels is not None:
            return float(self.levels[key])
        return float(_unordered(np.array([key], dtype=np.int32))[0])


@dataclass(frozen=True, slots=True)
class Rows:
    """How a layer is made of output rows: along which axis they lie, and how much less of itself it gives than others."""

    axis: int
    later: float = 0.0


def keys_of(
    names: Sequence[str], weights: Sequence[Tensor], scores: Sequence[Tensor] | None, scope: Scope, nonfinite: str,
    rows: Sequence[Rows] = (),
) -> Keys:  # fmt: skip
    """The keys of all weights, in layer order; refuses what is not finite unless it may go first. `rows` are there where
    the scope is about them."""
    small = all(weight.is_floating_point() and weight.element_size() <= 4 for weight in weights)
    if scores is None and small and scope.values is None and not scope.rows:
        mine = _magnitudes(_flat(weights))
        if mine.most < INFINITE:
            return mine
    arrays = [_array(weight) for weight in weights]
    finite = [np.isfinite(array) for array in arrays]
    _refuse_nonfinite(names, finite, nonfinite)
    opinions = [np.abs(array) for array in arrays] if scores is None else [_array(score) for score in scores]
    _refuse_scores(names, opinions, finite)
    keys, levels = _ordered_keys(arrays, opinions, finite)
    if scope.values is not None:
        keys, levels = _interleaved(keys, arrays, opinions, scope), None
        _reserve(keys, arrays, finite, ZERO)
    elif scope.rows:
        keys, levels = _in_rows(keys, [tuple(weight.shape) for weight in weights], rows), None
        _reserve(keys, arrays, finite)
    free = keys > ZERO
    least = int(keys.min(where=free, initial=2**31 - 1))
    most = int(keys.max(where=free, initial=ZERO))
    return Keys(keys, AS_IT_IS, min(least, most), most, levels)


def _magnitudes(flat: np.ndarray) -> Keys:
    # A NaN or an infinity anywhere is the greatest of all by its bits, whatever its sign.
    ends = [abs(float(end)) for end in torch.aminmax(torch.from_numpy(flat))] if flat.size else [0.0]
    most = max(int(np.float32(end).view(np.int32)) & 0x7FFFFFFF for end in ends)
    return Keys(flat.view(np.int32), UNSIGNED, 0, most, None, flat)


def _flat(weights: Sequence[Tensor]) -> np.ndarray:
    """All weights as one float32 array [n]: the very memory they are in where they already lie end to end, else a copy."""
    tensors = [weight.detach() for weight in weights]
    if tensors and _end_to_end(tensors):
        n = sum(tensor.numel() for tensor in tensors)
        return torch.as_strided(tensors[0], (n,), (1,), tensors[0].storage_offset()).numpy()
    # One thread touches the fresh memory first, through numpy: several at once wait for each other's page faults.
    flat = torch.empty(sum(tensor.numel() for tensor in tensors), dtype=torch.float32).numpy()
    start = 0
    for tensor in tensors:
        flat[start : start + tensor.numel()] = tensor.to("cpu", torch.float32).reshape(-1).numpy()
        start += tensor.numel()
    return flat


def _end_to_end(tensors: Sequence[Tensor]) -> bool:
    at, storage = tensors[0].data_ptr(), tensors[0].untyped_storage().data_ptr()
    for tensor in tensors:
        plain = tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.is_contiguous()
        if not plain or tensor.data_ptr() != at or tensor.untyped_storage().data_ptr() != storage:
            return False
        at += 4 * tensor.numel()
    return True


def _array(tensor: Tensor) -> np.ndarray:
    """One layer as a flat float32 array [n_l], float64 where float32 would lose digits."""
    if tensor.is_complex():
        raise ValueError(f"a {tensor.dtype} tensor has no order; give real weights and scores")
    narrow = tensor.is_floating_point() and tensor.element_size() <= 4
    return tensor.detach().to("cpu", torch.float32 if narrow else torch.float64).contiguous().view(-1).numpy()


def _refuse_nonfinite(names: Sequence[str], finite: Sequence[np.ndarray], nonfinite: str) -> None:
    bad = {name: int(part.size - np.count_nonzero(part)) for name, part in zip(names, finite, strict=True)}
    where = ", ".join(f"{count} in {name}" for name, count in bad.items() if count)
    if where and nonfinite != "remove":
        raise ValueError(
            f"weights that are not finite (NaN or infinite) have no rank: {where}; `--nonfinite remove` ranks them first"
        )


def _refuse_scores(names: Sequence[str], scores: Sequence[np.ndarray], finite: Sequence[np.ndarray]) -> None:
    counts = {n: int(np.count_nonzero(~np.isfinite(s) & f)) for n, s, f in zip(names, scores, finite, strict=True)}
    where = ", ".join(f"{count} in {name}" for name, count in counts.items() if count)
    if where:
        raise ValueError(
            f"scores that are not finite have no rank: {where}; choose a criterion that needs no data, such as magnitude"
        )


def _ordered_keys(arrays, scores, finite) -> tuple[np.ndarray, np.ndarray | None]:
    """Keys that sort as the scores do, and the scores that they stand for where they are not their bits."""
    levels = None
    if any(score.dtype == np.float64 for score in scores):
        every = np.concatenate([np.where(ok, score, 0).astype(np.float64) for score, ok in zip(scores, finite, strict=True)])
        levels, inverse = np.unique(every, return_inverse=True)
        keys = inverse.astype(np.int32)
    else:
        keys = np.empty(sum(score.size for score in scores), dtype=np.int32)
        for start, score, ok in zip(_starts(scores), scores, finite, strict=True):
            keys[start : start + score.size] = _ordered(np.where(ok, score, np.float32(0)))
    _reserve(keys, arrays, finite, ZERO)
    return keys, levels


def _starts(arrays) -> list[int]:
    return np.cumsum([0, *(array.size for array in arrays)])[:-1].tolist()


def _reserve(keys: np.ndarray, arrays, finite, zero: int | None = None) -> None:
    """What is not finite goes before everything else; zeros next, where they have a key of their own."""
    for start, array, ok in zip(_starts(arrays), arrays, finite, strict=True):
        part = keys[start : start + array.size]
        if zero is not None:
            part[array == 0] = zero
        part[~ok] = NONFINITE


def _in_rows(keys: np.ndarray, shapes: Sequence[tuple[int, ...]], rows: Sequence[Rows]) -> np.ndarray:
    """Each weight's turn within its layer, as a share of the layer: the first of every row, then the second of every row …

    A line through these keys takes of every row the same number, or one more. Which rows give the one more first goes by the
    golden ratio, so at any amount they lie evenly. At a share that is a whole number in every row, all give just that.
    """
    found, start = np.empty_like(keys), 0
    for shape, how in zip(shapes, rows, strict=True):
        size, axis = math.prod(shape), how.axis
        stop = start + size
        if size:
            here = keys[start:stop].reshape(shape if len(shape) > 1 else (1, size))
            mine = np.ascontiguousarray(np.moveaxis(here, axis, 0)) if len(shape) > 1 else here
            turns = _turns(mine.reshape(len(mine), -1)) + round(how.later * 2**ROW_BITS)
            into = found[start:stop].reshape(here.shape)
            np.copyto(np.moveaxis(into, axis, 0) if len(shape) > 1 else into, turns.reshape(mine.shape))
        start = stop
    return found


def _turns(scores: np.ndarray) -> np.ndarray:
    """(2p + 1) / 2n, p the place of each of a layer's n weights [rows, length], in units of 2⁻³⁰: int32."""
    rows, length = scores.shape
    phase = np.empty(rows, dtype=np.int64)
    phase[evenly(rows)] = np.arange(rows)
    found, step = np.empty(scores.shape, dtype=np.int32), max(1, AT_ONCE // max(1, length))
    for first in range(0, rows, step):
        part = slice(first, first + step)
        packed = (scores[part].astype(np.int64) << 32) | np.arange(length)
        packed.sort(axis=1)
        place = np.arange(length) * rows + phase[part, None]
        share = (((2 * place + 1) << (ROW_BITS - 1)) // (rows * length)).astype(np.int32)
        np.put_along_axis(found[part], packed & 0xFFFFFFFF, share, axis=1)
    return found


def _interleaved(keys: np.ndarray, arrays, scores, scope: Scope) -> np.ndarray:
    """Ranks 0 … n−1 by the scope's float64 values. Inside a layer the order stays the score's, down to the last tie.

    Each layer is sorted by (key, index) and valued in that order, which never falls; a stable sort of these runs then
    merges the layers, with equal values in layer order.
    """
    order, values = [], []
    for start, array, score in zip(_starts(arrays), arrays, scores, strict=True):
        part = keys[start : start + array.size]
        packed = (part.astype(np.int64) << 32) | np.arange(part.size)
        packed.sort()
        here = packed & 0xFFFFFFFF
        alive = part[here] > ZERO
        values.append(scope.values(np.where(alive, score[here], 0).astype(np.float64), array))
        order.append(here + start)
    ranks = np.empty(keys.size, dtype=np.int32)
    if order:
        merged = np.argsort(np.concatenate(values), kind="stable")
        ranks[np.concatenate(order)[merged]] = np.arange(keys.size, dtype=np.int32)
    return ranks


def _ordered(score: np.ndarray) -> np.ndarray:
    """float32 → int32 that sorts alike: negative floats sort backwards by their bits, so theirs are flipped."""
    bits = (score + np.float32(0)).view(np.int32)
    return bits ^ ((bits >> 31) & UNSIGNED)


def _unordered(key: np.ndarray) -> np.ndarray:
    return (key ^ ((key >> 31) & UNSIGNED)).view(np.float32)

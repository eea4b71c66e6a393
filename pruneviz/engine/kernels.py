"""Kernels: what a ranking does to memory, in one pass each. Here in plain numpy; `compiled` has the same, compiled.

A weight's key is `bits[i] & mask`, an int32 that sorts as its score does. `segments` [S, 4] are rows of (start, stop,
low, width): indices [start, stop), keys below `low` go, keys in [low, low + width) are hits, to be decided by whoever asks.
"""

from __future__ import annotations

import heapq
import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import ModuleType

import numpy as np
import torch

CHUNK = 1 << 16
"""Plain numpy works on this many weights at a time, so that its temporary arrays stay small and in cache."""

ALONE = 1 << 18
"""Below this many weights a pass is over before a second thread has woken."""


def available() -> bool:
    """Whether the compiled passes can be used here."""
    try:
        importlib.import_module("pruneviz.engine.compiled")
    except ImportError:
        return False
    return True


def choose(compiled: bool | None = None) -> ModuleType:
    """The passes to use: compiled where numba is installed, or as asked for."""
    if compiled is None:
        compiled = available()
    return importlib.import_module("pruneviz.engine.compiled" if compiled else "pruneviz.engine.kernels")


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="ranking")


def spread(work: Callable, parts: Sequence) -> list:
    """`work` of each part, in order: the caller does the last part, helpers that are shared by all callers the others."""
    if len(parts) == 1:
        return [work(parts[0])]
    # A forked child inherits no threads, so the pool belongs to one process.
    helpers = _pool(os.getpid(), torch.get_num_threads())
    asked = [helpers.submit(work, part) for part in parts[:-1]]
    last = work(parts[-1])
    return [*(future.result() for future in asked), last]


def each(work: Callable, items: Sequence) -> None:
    """`work` of each item, taken in order by whichever thread is free."""
    waiting = iter(items)

    def take(_: int) -> None:
        for item in waiting:
            work(item)

    spread(take, range(torch.get_num_threads()))


def divide(segments: np.ndarray, threads: int | None = None) -> list[np.ndarray]:
    """The same segments in as many equal parts as there are threads, in order."""
    total = int((segments[:, 1] - segments[:, 0]).sum())
    threads = (torch.get_num_threads() if total >= ALONE else 1) if threads is None else threads
    share, parts, part, room = -(-total // threads), [], [], -(-total // threads)
    for start, stop, low, width in segments.tolist():
        while start < stop:
            end = min(stop, start + room)
            part.append((start, end, low, width))
            room, start = room - (end - start), end
            if not room:
                parts, part, room = [*parts, part], [], share
    parts = [*parts, part] if part else parts
    return [np.array(rows, dtype=np.int64).reshape(-1, 4) for rows in parts or [[]]]


def shares(starts: np.ndarray) -> list[np.ndarray]:
    """All layers in as many equal parts as there are threads, as rows (start, stop, layer, layer); `starts` [L+1] says where
    each begins among all weights."""
    layers = np.arange(len(starts) - 1)
    return divide(np.stack([starts[:-1], starts[1:], layers, layers], axis=1))


def _chunks(segments: np.ndarray) -> Iterator[tuple[slice, int, int]]:
    for start, stop, low, width in segments.tolist():
        for at in range(start, stop, CHUNK):
            yield slice(at, min(stop, at + CHUNK)), low, width


def _whole(start: int, stop: int) -> np.ndarray:
    return np.array([[start, stop, 0, 0]], dtype=np.int64)


def _note(key: np.ndarray, at: slice, low: int, width: int, hits: np.ndarray, found: int) -> int:
    inside = np.flatnonzero((key >= low) & (key.astype(np.int64) < low + width)) + at.start
    room = hits[found : found + inside.size]
    room[:] = inside[: room.size]
    return found + inside.size


def write(bits, mask, source, out, segments, hits, skew, streaming) -> int:
    """out = source where the key is at least `low`, else 0. Notes the indices of hits; returns how many there are."""
    found = 0
    for at, low, width in _chunks(segments):
        key = bits[at] & mask
        np.copyto(out[at], source[at])
        out[at][key < low] = 0
        found = _note(key, at, low, width, hits, found)
    return found


def gather(bits, mask, segments, hits) -> int:
    """Notes the indices of hits, in order; returns how many there are."""
    found = 0
    for at, low, width in _chunks(segments):
        found = _note(bits[at] & mask, at, low, width, hits, found)
    return found


def keep(bits, mask, segments, out) -> None:
    """out = whether the key is at least `low`."""
    for at, low, _ in _chunks(segments):
        np.greater_equal(bits[at] & mask, low, out=out[at])


def extremes(bits, mask, start, stop) -> tuple[int, int]:
    """The least and the greatest key of [start, stop)."""
    pairs = [((bits[at] & mask).min(), (bits[at] & mask).max()) for at, _, _ in _chunks(_whole(start, stop))]
    return (int(min(low for low, _ in pairs)), int(max(high for _, high in pairs))) if pairs else (2**31 - 1, -(2**31))


def histogram(bits, mask, start, stop, base, shift, least, most, out) -> None:
    """Adds to `out` how many keys of [start, stop) within [least, most] fall into each bin of 2^shift keys from `base`."""
    for at, _, _ in _chunks(_whole(start, stop)):
        key = (bits[at] & mask).astype(np.int64)
        key = key[(key >= least) & (key <= most)]
        out += np.bincount(np.maximum(key - base, 0) >> shift, minlength=out.size).astype(out.dtype)


def tally(bits, mask, start, stop, last, index) -> int:
    """How many of [start, stop) go no later than (last, index) does."""
    count = 0
    for at, _, _ in _chunks(_whole(start, stop)):
        key = bits[at] & mask
        here = np.arange(at.start, at.stop) <= index
        count += int(np.count_nonzero((key < last) | ((key == last) & here)))
    return count


def nth(bits, mask, segments, key, r) -> int:
    """The index of the r-th weight (from 1) with exactly this key; -1 where there are fewer."""
    for at, _, _ in _chunks(segments):
        same = np.flatnonzero((bits[at] & mask) == key)
        if r <= same.size:
            return int(same[r - 1]) + at.start
        r -= same.size
    return -1


def sweep(bits, mask, start, stop, cuts, ladder, base, shift, out) -> None:
    """out = how many of the ascending cuts, each key·2³² + index of the last to go, a weight survives. `ladder` says of each
    bin of 2^shift keys from `base` how many cuts lie before it: between its and the next one's lies what is to be found."""
    for at, _, _ in _chunks(_whole(start, stop)):
        place = ((bits[at] & mask).astype(np.int64) << 32) + np.arange(at.start, at.stop)
        out[at] = np.searchsorted(cuts, place, side="left")


def tabulate(values, places, start, stop, edges, absolute, table, squares) -> None:
    """Adds to `table` [P, B] how many of values [start, stop) have which place and lie in which bin of the ascending edges
    [B+1], to `squares` [P] the squares of those that are finite. What lies outside, and NaN, is in the outer bins; with
    `absolute` it is sizes that lie somewhere."""
    bins = table.shape[1]
    for at, _, _ in _chunks(_whole(start, stop)):
        value, place = values[at].astype(np.float64), places[at].astype(np.int64)
        spots = np.searchsorted(edges, np.abs(value) if absolute else value, side="right") - 1
        table += np.bincount(place * bins + np.clip(spots, 0, bins - 1), minlength=table.size).reshape(table.shape)
        finite = np.where(np.isfinite(value), value, 0.0)
        squares += np.bincount(place, weights=finite * finite, minlength=squares.size)


def stretch(source, out, first, spans, units, gone) -> None:
    """out = 0 in the stretches [first[u], first[u+1]) of `spans` of each unit u that is gone, else source."""
    for unit in units.tolist():
        for start, stop in spans[first[unit] : first[unit + 1]].tolist():
            out[start:stop] = 0 if gone[unit] else source[start:stop]


def turns(sizes, total, done, step, stop) -> None:
    """Gives out the turns [step, stop) among layers, earliest deadline first; `done` [L] counts them (see `scope`)."""
    sizes, count = sizes.tolist(), done.tolist()

    def release(layer: int) -> int:
        return (2 * count[layer] * total + sizes[layer]) // (2 * sizes[layer])

    def deadline(layer: int) -> int:
        return (2 * (count[layer] + 1) * total + sizes[layer] - 1) // (2 * sizes[layer])

    waiting = [(release(layer), layer) for layer in range(len(sizes))]
    heapq.heapify(waiting)
    ready: list[tuple[int, int]] = []
    for now in range(step, stop):
        while waiting and waiting[0][0] <= now:
            layer = heapq.heappop(waiting)[1]
            heapq.heappush(ready, (deadline(layer), layer))
        layer = heapq.heappop(ready)[1]
        count[layer] += 1
        heapq.heappush(waiting, (release(layer), layer))
    done[:] = count

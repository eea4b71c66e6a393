"""Selection: the k-th of millions, exactly, without sorting them.

Once, each layer's keys are counted in up to 65,536 bins. A question then needs the counts to find the bin, and one pass to
collect what lies in it: some ten thousand weights of a hundred million. Where a bin holds too much (ties, zeros), it is
counted again in finer bins until it does not, or until all in it are equal and only their order decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from pruneviz.engine import kernels
from pruneviz.engine.keys import Keys

BINS = 1 << 16
COUNTERS = 1 << 22
"""int32 counters of all layers together: 16 MiB, so layers have fewer bins each where there are many."""

HITS = 1 << 19
"""Weights that one question may collect (2 MiB of indices); a bin that holds more is counted again."""

OCTAVES = 1 << 28
"""Scores of one sign are counted finely down to 2⁻³² of the largest; what is smaller shares the first bin."""

NOBODY, EVERYBODY = -(2**31), 2**31 - 2
"""No weight has the one or the other for its key, so a line there takes none or all."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """below [L, B]: how many weights of each layer lie in this bin or a lower one. A bin holds 2^shift keys."""

    below: np.ndarray
    base: int
    shift: int

    def bounds(self, place: int) -> tuple[int, int]:
        """The least and the greatest key of a bin; the first reaches down to the end of the scale."""
        least = self.base + (place << self.shift) if place else NOBODY
        return least, min(EVERYBODY, self.base + ((place + 1) << self.shift) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Layers that compete with one another, and how many of their weights go."""

    layers: np.ndarray
    take: int


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Where a part's line lies: at `take` of the keys [low, low + width); width 0 means that (low, index) is the line."""

    part: Part
    low: int
    width: int
    take: int
    held: int
    index: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """The line: of layer l goes what comes no later than (key [l], index [l]), `counts` [l] weights in all."""

    key: np.ndarray
    index: np.ndarray
    counts: np.ndarray


def count(keys: Keys, starts: np.ndarray, passes: ModuleType) -> Counts:
    """The counts that every later question starts from: one pass."""
    layers = len(starts) - 1
    bits = int(np.log2(max(16, min(BINS, COUNTERS // max(1, layers)))))
    base = max(keys.least, keys.most - OCTAVES + 1) if keys.least >= 0 else keys.least
    shift = max(0, (keys.most - base).bit_length() - bits)
    below = np.zeros((layers, ((keys.most - base) >> shift) + 1 if layers else 1), dtype=np.int32)

    def work(layer: int) -> None:
        span = int(starts[layer]), int(starts[layer + 1])
        passes.histogram(keys.bits, keys.mask, *span, base, shift, NOBODY, EVERYBODY, below[layer])
        np.cumsum(below[layer], out=below[layer])

    if starts[-1] < kernels.ALONE:
        for layer in range(layers):
            work(layer)
    else:
        # The largest first, so that the threads finish together.
        kernels.each(work, np.argsort(-np.diff(starts)).tolist())
    return Counts(below, base, shift)


def locate(part: Part, totals: np.ndarray, counts: Counts, room: int, keys: Keys, starts: np.ndarray, passes) -> Search:
    """Where the part's line lies, as closely as counting says. `totals` [B] are the part's own counts."""
    if part.take <= 0:
        return Search(part, NOBODY, 0, 0, 0, index=0)
    if part.take >= totals[-1]:
        return Search(part, EVERYBODY, 0, 0, 0)
    place = int(np.searchsorted(totals, part.take))
    before = int(totals[place - 1]) if place else 0
    low, high = counts.bounds(place)
    search = Search(part, low, high - low + 1, part.take - before, int(totals[place]) - before)
    while search.width > 1 and search.held > room:
        search = _narrowed(search, keys, starts, passes)
    if search.held <= room:
        return search
    segments = segments_of([search], starts)
    return Search(part, low=search.low, width=0, take=0, held=0, index=_nth(search, segments, keys, passes))


def _narrowed(search: Search, keys: Keys, starts: np.ndarray, passes) -> Search:
    shift = max(0, (search.width - 1).bit_length() - 16)
    most = search.low + search.width - 1

    def work(segments: np.ndarray) -> np.ndarray:
        bins = np.zeros(BINS, dtype=np.int64)
        for start, stop in segments[:, :2].tolist():
            passes.histogram(keys.bits, keys.mask, start, stop, search.low, shift, search.low, most, bins)
        return bins

    totals = np.cumsum(sum(kernels.spread(work, kernels.divide(segments_of([search], starts)))))
    place = int(np.searchsorted(totals, search.take))
    before = int(totals[place - 1]) if place else 0
    low = search.low + (place << shift)
    width = min(1 << shift, most - low + 1)
    return Search(search.part, low, width, search.take - before, int(totals[place]) - before)


def _nth(search: Search, segments: np.ndarray, keys: Keys, passes) -> int:
    return int(passes.nth(keys.bits, keys.mask, segments, search.low, search.take))


def segments_of(searches: Sequence[Search], starts: np.ndarray) -> np.ndarray:
    """The searched layers as segments [S, 4] in the order of memory; neighbours with the same line are one segment."""
    rows = []
    for search in searches:
        for layer in search.part.layers.tolist():
            start, stop = int(starts[layer]), int(starts[layer + 1])
            rows += _rows(start, stop, search)
    merged: list[list[int]] = []
    for row in sorted(row for row in rows if row[0] < row[1]):
        if merged and merged[-1][1] == row[0] and merged[-1][2:] == row[2:]:
            merged[-1][1] = row[1]
        else:
            merged.append(row)
    return np.array(merged, dtype=np.int64).reshape(-1, 4)


def _rows(start: int, stop: int, search: Search) -> list[list[int]]:
    if search.width:
        return [[start, stop, search.low, search.width]]
    # Up to the index the line itself goes too; after it, it stays.
    turn = min(max(start, search.index + 1), stop) if search.low != EVERYBODY else stop
    return [[start, turn, search.low + 1, 0], [turn, stop, search.low, 0]]


def settle(
    searches: Sequence[Search], hits: np.ndarray, counts: Counts, keys: Keys, starts, passes
) -> tuple[Cut, np.ndarray]:
    """The line of each layer, and which of the hits go: the first of each part by (key, index)."""
    layers = len(starts) - 1
    cut = Cut(*(np.zeros(layers, dtype=np.int64) for _ in range(3)))
    owner = np.zeros(layers, dtype=np.int64)
    for number, search in enumerate(searches):
        owner[search.part.layers] = number
    layer = np.searchsorted(starts, hits, side="right") - 1
    key = (keys.bits[hits] & keys.mask).astype(np.int64)
    order = np.argsort(owner[layer], kind="stable")
    edges = np.searchsorted(owner[layer][order], np.arange(len(searches) + 1))
    gone = np.zeros(hits.size, dtype=bool)
    for number, search in enumerate(searches):
        mine = order[edges[number] : edges[number + 1]]
        if search.width and mine.size != search.held:
            raise RuntimeError("the weights changed after they were ranked; rank them again")
        line = _line(search, key[mine], hits[mine])
        going = mine[(key[mine] < line[0]) | ((key[mine] == line[0]) & (hits[mine] <= line[1]))]
        gone[going] = bool(search.width)
        cut.key[search.part.layers], cut.index[search.part.layers] = line
        cut.counts[search.part.layers] = _counted(search, line, layer[going], counts, keys, starts, passes)
    return cut, hits[gone]


def _line(search: Search, key: np.ndarray, index: np.ndarray) -> tuple[int, int]:
    if not search.width:
        return search.low, search.index
    last = int(np.partition(key, search.take - 1)[search.take - 1])
    ties = search.take - int(np.count_nonzero(key < last))
    return last, int(index[key == last][ties - 1])


def _counted(
    search: Search, line: tuple[int, int], going: np.ndarray, counts: Counts, keys: Keys, starts, passes
) -> np.ndarray:
    layers = search.part.layers
    if line[0] in (NOBODY, EVERYBODY):
        return np.where(line[0] == EVERYBODY, np.diff(starts)[layers], 0)
    if layers.size == 1:
        return np.array([search.part.take])
    place = max(0, line[0] - counts.base) >> counts.shift
    if search.width and search.low == counts.bounds(place)[0]:
        before = counts.below[layers, place - 1] if place else 0
        return before + np.bincount(going, minlength=len(starts) - 1)[layers]
    spans = [(int(starts[layer]), int(starts[layer + 1])) for layer in layers]
    return np.array([passes.tally(keys.bits, keys.mask, *span, *line) for span in spans])

"""Quota: how many go of each layer when so many go of all, by the layers' sizes and shapes alone.

All is in whole numbers and exact, and no layer ever gives fewer when more is asked for.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from types import ModuleType

import numpy as np

CHECKPOINTS = 1 << 20
"""Numbers kept of a sequence of turns (8 MiB), so that any count is a short way from one that is known."""

Quota = Callable[[int], np.ndarray]
"""How many [L] go of each layer when K go of all."""


def equally(sizes: Sequence[int], shapes: Sequence[tuple[int, ...]], passes: ModuleType) -> Quota:
    """Every layer gives the same share, to within one weight, of its own smallest scores."""
    return Turns(tuple(sizes), passes).counts


class Turns:
    """A fixed sequence of n turns in which layer l, of n_l weights, has its j-th turn within half a turn of its due time.

    The j-th turn of layer l falls into the window [⌊(j−1)n/n_l + ½⌋, ⌈jn/n_l − ½⌉), earliest deadline first (Tijdeman
    1980, the chairman assignment problem; Baruah et al. 1996, P-fairness; here with windows narrower by the half that
    rounding K = a·n may take). An interval [s, t) holds less than t − s + 1 windows, as not all (2t+1)n_l/2n can be whole,
    so a turn is never missing. Counts c_l then obey |c_l − a·n_l| < 1 for every amount a that rounds to K, and they never
    fall: the largest remainder gives up the second, divisor methods the first. All is integer arithmetic. The sequence
    repeats after n / gcd(n_1, …, n_L) turns, so few are ever played.
    """

    def __init__(self, sizes: tuple[int, ...], passes: ModuleType) -> None:
        self._where = np.flatnonzero(np.array(sizes, dtype=np.int64))
        self._layers = len(sizes)
        divisor = math.gcd(*sizes) or 1
        self._sizes = np.array(sizes, dtype=np.int64)[self._where] // divisor
        self._period = int(self._sizes.sum())
        self._stride = max(4096, -(-self._period * max(1, self._where.size) // CHECKPOINTS))
        self._known = [np.zeros(self._where.size, dtype=np.int64)]
        self._play = passes.turns
        self._lock = threading.Lock()

    def counts(self, k: int) -> np.ndarray:
        """How many [L] of the first k turns each layer has."""
        rounds, rest = divmod(k, self._period) if self._period else (0, 0)
        with self._lock:
            while len(self._known) <= rest // self._stride:
                done, step = self._known[-1].copy(), (len(self._known) - 1) * self._stride
                self._play(self._sizes, self._period, done, step, step + self._stride)
                self._known.append(done)
        done = self._known[rest // self._stride].copy()
        self._play(self._sizes, self._period, done, rest - rest % self._stride, rest)
        counts = np.zeros(self._layers, dtype=np.int64)
        counts[self._where] = rounds * self._sizes + done
        return counts


def sequence(sizes: Sequence[int]) -> np.ndarray:
    """Whose turn each of the n turns is, int64 [n]: the same turns that `Turns` counts, one by one. For units, not weights.

    `sequence(sizes)[:k]` names class c exactly `Turns(sizes).counts(k)[c]` times.
    """
    where = [at for at, size in enumerate(sizes) if size]
    divisor = math.gcd(*sizes) or 1
    period = list(_period([sizes[at] // divisor for at in where]))
    return np.tile(np.array(where, dtype=np.int64)[period], divisor) if period else np.zeros(0, dtype=np.int64)


def _period(sizes: list[int]) -> Iterator[int]:
    """One period of turns, earliest deadline first among those whose window is open."""
    total, done = sum(sizes), [0] * len(sizes)
    waiting, ready = [(0, at) for at in range(len(sizes))], []
    for now in range(total):
        while waiting and waiting[0][0] <= now:
            at = heapq.heappop(waiting)[1]
            heapq.heappush(ready, ((2 * (done[at] + 1) * total + sizes[at] - 1) // (2 * sizes[at]), at))
        at = heapq.heappop(ready)[1]
        done[at] += 1
        heapq.heappush(waiting, ((2 * done[at] * total + sizes[at]) // (2 * sizes[at]), at))
        yield at


def by_fans(sizes: Sequence[int], shapes: Sequence[tuple[int, ...]], passes: ModuleType) -> Quota:
    """A layer keeps in proportion to its fans, not to its weights: thin layers stay dense, wide ones give most.

    A layer keeps min(n_l, ε·s_l) weights, s_l = inputs + outputs + kernel extents, so one that would keep more than it has
    stays dense, and ε is such that the total is right. Whole numbers by Webster's method: one more for the layer with the
    smallest (2·kept_l + 1) / 2s_l, so the total is exact and nothing comes back.
    """
    fans = [max(1, sum(shape)) for shape in shapes]
    total = sum(sizes)

    def following(kept: list[int], layer: int) -> tuple[Fraction | float, int]:
        return (Fraction(2 * kept[layer] + 1, fans[layer]) if kept[layer] < sizes[layer] else math.inf, layer)

    def latest(kept: list[int], layer: int) -> tuple[Fraction | float, int]:
        return (Fraction(2 * kept[layer] - 1, fans[layer]) if kept[layer] else -math.inf, layer)

    def counts(k: int) -> np.ndarray:
        kept, layers = _water(sizes, fans, total - k), range(len(sizes))
        while sum(kept) < total - k:
            kept[min(following(kept, layer) for layer in layers)[1]] += 1
        while sum(kept) > total - k:
            kept[max(latest(kept, layer) for layer in layers)[1]] -= 1
        # The float start may be off by one on a tie: trade until nobody would.
        while layers and min(following(kept, i) for i in layers) < max(latest(kept, i) for i in layers):
            gains, gives = min(following(kept, i) for i in layers)[1], max(latest(kept, i) for i in layers)[1]
            kept[gains], kept[gives] = kept[gains] + 1, kept[gives] - 1
        return np.array(sizes, dtype=np.int64) - np.array(kept, dtype=np.int64)

    return counts


def _water(sizes: Sequence[int], fans: Sequence[int], budget: int) -> list[int]:
    """min(n_l, ε·s_l) rounded, with ε from filling the layers in the order in which they become dense."""
    left, weight = budget, sum(fans)
    level = 0.0
    for size, fan in sorted(zip(sizes, fans, strict=True), key=lambda pair: pair[0] / pair[1]):
        level = left / weight
        if size >= level * fan:
            break
        left, weight = left - size, weight - fan
        if not weight:
            break
    return [min(size, max(0, math.floor(level * fan + 0.5))) for size, fan in zip(sizes, fans, strict=True)]

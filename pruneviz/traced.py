"""Traced: a run as charts see it, whoever performed it; and what several seeds of one setting say together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

T975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448, 2.1314,
    2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
"""The 97.5 % points of Student's distribution with 1, 2, … degrees of freedom; with more, the last: a little wide."""
NORMAL975 = 1.959964
SHARE = "accuracy"
"""The value that is a share of the held-out samples."""


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """One run and its moments as far as they are. `state` is a word of the store's; `shipped` runs came with the sample."""

    recipe: Recipe
    title: str
    state: str
    step: int
    of: int
    moments: tuple[Moment, ...] = ()
    trouble: str = ""
    seconds: float = 0.0
    key: str = ""
    shipped: bool = False

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return self.state == "done"

    def series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The steps at which a value is known, and the value at each."""
        found = [(one.step, one.values[name]) for one in self.moments if name in one.values]
        return np.array([step for step, _ in found], dtype=np.int64), np.array(
            [value for _, value in found], dtype=np.float64
        )

    def last(self, name: str) -> float | None:
        """A value at the latest moment that has it."""
        return next((one.values[name] for one in reversed(self.moments) if name in one.values), None)

    def array(self, name: str) -> np.ndarray | None:
        """An array of the latest moment that has it."""
        return next((one.arrays[name] for one in reversed(self.moments) if name in one.arrays), None)

    def arrays(self, name: str) -> Iterator[tuple[Moment, np.ndarray]]:
        """Each moment that has an array of this name, with it."""
        return ((one, one.arrays[name]) for one in self.moments if name in one.arrays)

    def rows(self, name: str) -> np.ndarray | None:
        """The rows that moments add to one table, all of them [n, columns]; None where no moment has any such array."""
        found = [rows for _, rows in self.arrays(name)]
        return np.concatenate(found) if found else None


@dataclass(frozen=True, slots=True)
class Spread:
    """The mean over `n` seeds and its 95 % interval (Student); of one seed there is no interval, both ends are NaN."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return self.n > 1


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """The mean over `n` seeds and its 95 % interval at each of the steps that all of them have."""

    steps: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int


def spread(values: Sequence[float]) -> Spread:
    """Mean ± t · s / √n."""
    n = len(values)
    if not n:
        return Spread(math.nan, math.nan, math.nan, 0)
    mean = math.fsum(values) / n
    if n == 1:
        return Spread(mean, math.nan, math.nan, 1)
    deviation = math.sqrt(math.fsum((one - mean) ** 2 for one in values) / (n - 1))
    half = T975[min(n - 1, len(T975)) - 1] * deviation / math.sqrt(n)
    return Spread(mean, mean - half, mean + half, n)


def seeds(group: Sequence[Traced], name: str) -> Band:
    """A value of runs that differ by their seed alone, at the steps that all of them have come to."""
    known = [dict(zip(*(side.tolist() for side in run.series(name)), strict=True)) for run in group]
    known = [one for one in known if one]
    steps = sorted(set.intersection(*map(set, known))) if known else []
    found = [spread([one[step] for one in known]) for step in steps]
    mean, low, high = (np.array([getattr(one, side) for one in found]) for side in ("mean", "low", "high"))
    return Band(np.array(steps, dtype=np.int64), mean, low, high, len(known))


def ends(group: Sequence[Traced], name: str) -> Spread:
    """A value at the end of those runs that came to it."""
    found = [run.last(name) for run in group if run.done]
    return spread([one for one in found if one is not None])


def paired(values: Sequence[float], n: float | None) -> Spread:
    """The mean of differences between two shares of the same `n` samples, one difference for each seed, with Student's
    interval, which is never narrower than the samples' own chance.

    All seeds are judged on the same samples, so their spread tells nothing of other samples; where all differ by equally
    many it is none at all. Two networks that differ by the share d disagree on d of the samples at least, and on one: if on
    no more, the difference has the variance d (1 − d) / n (McNemar 1947). So of three samples in hundreds nobody can tell.
    """
    found = spread(values)
    if not (found.known and n):
        return found
    apart = min(1.0, abs(found.mean))
    half = NORMAL975 * math.sqrt(max(apart * (1 - apart), (1 - 1 / n) / n) / n)
    if half <= found.high - found.mean:
        return found
    return Spread(found.mean, found.mean - half, found.mean + half, found.n)


def difference(group: Sequence[Traced], other: Sequence[Traced], name: str) -> Spread:
    """How much higher a value ends in one group than in the other: seed by seed, for equal seeds start alike and see the
    same samples in the same order. Seeds that only one of them has say nothing."""
    one, two = ({run.recipe.seed: run.last(name) for run in runs if run.done} for runs in (group, other))
    shared = [seed for seed in sorted(one.keys() & two.keys()) if one[seed] is not None and two[seed] is not None]
    return paired([one[seed] - two[seed] for seed in shared], judged_on(group) if name == SHARE else None)


def judged_on(runs: Sequence[Traced]) -> float | None:
    """How many held-out samples the accuracies of these runs are shares of, where that is known."""
    return next((n for run in runs if (n := run.last("n"))), None)

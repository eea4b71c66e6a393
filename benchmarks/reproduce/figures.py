"""Figures: means over seeds with their spread, and differences of the same seeds with their interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scipy.special import stdtrit

from pruneviz.intervals import LEVEL

NOTHING = "–"
EQUAL = 1e-9
"""Deviations below this are rounding errors."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference over `n` pairs, and Student's 95 % interval of it; without bounds where there is one pair, or where
    counts of few samples are the same in all pairs: their spread tells nothing."""

    mean: float
    low: float
    high: float
    n: int

    def told(self, digits: int = 2) -> str:
        """«+0.12 [−0.03, +0.27]»."""
        if self.n < 2:
            return f"{signed(self.mean, digits)} (one seed)"
        if math.isinf(self.high):
            return f"{signed(self.mean, digits)} (the same in all {self.n})"
        return f"{signed(self.mean, digits)} [{signed(self.low, digits)}, {signed(self.high, digits)}]"


def difference(one: Mapping[int, float], other: Mapping[int, float]) -> Difference | None:
    """`one` − `other` over the seeds that both have; None where there is none."""
    return over([one[seed] - other[seed] for seed in sorted(one.keys() & other.keys())])


def over(found: Iterable[float]) -> Difference | None:
    """The mean of differences, with its interval."""
    values = list(found)
    if not values:
        return None
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Difference(mean, -math.inf, math.inf, 1)
    deviation = statistics.stdev(values)
    if deviation < EQUAL:
        return Difference(mean, -math.inf, math.inf, len(values))
    half = float(stdtrit(len(values) - 1, (1 + LEVEL) / 2)) * deviation / math.sqrt(len(values))
    return Difference(mean, mean - half, mean + half, len(values))


def spread(values: Iterable[float], digits: int = 2) -> str:
    """«98.12 ± 0.08»: the mean and the standard deviation."""
    found = list(values)
    if not found:
        return NOTHING
    if len(found) == 1:
        return f"{found[0]:.{digits}f}"
    return f"{statistics.fmean(found):.{digits}f} ± {statistics.stdev(found):.{digits}f}"


def signed(value: float, digits: int = 2) -> str:
    """With its sign, a proper minus; what rounds to nothing has none."""
    rounded = round(value, digits)
    return f"{'+' if rounded > 0 else '−' if rounded < 0 else ''}{abs(rounded):.{digits}f}"


def percent(values: Mapping[int, float]) -> dict[int, float]:
    """Shares as percent."""
    return {seed: 100 * value for seed, value in values.items()}


def rows(head: Iterable[str], body: Iterable[Iterable[str]]) -> list[str]:
    """A table in Markdown; nothing where it has no row."""
    lines, head = [" | ".join(row) for row in body], list(head)
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(f"| {line} |" for line in lines), ""] if lines else []

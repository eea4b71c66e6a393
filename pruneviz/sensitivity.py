"""Sensitivity: what each layer, or each group of units, costs when it alone is pruned. Plain records and what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pruneviz import intervals

POINT = 0.01
"""One point: a hundredth of the accuracy scale; of a loss-like metric, one hundredth more of it."""
CHANCE = 0.05
"""A difference is called one where chance explains it in fewer than one of twenty samples."""

ROBUST, FRAGILE, FIXED, OPEN = "robust", "fragile", "cannot be pruned", "not measured yet"
UNTOLD = "cannot tell"
"""What is said of a layer that neither loses a point for sure nor keeps within one for sure."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One layer alone at one amount, on n held-out samples, beside the dense network on the same.

    `dense` is the dense network's value there, `removed` of the layer's weights or units are gone. `rise` is the mean rise
    of a sample's loss, in nats, `error` its standard error; `newly_wrong` and `newly_right` are 0 where nothing is right or
    wrong.
    """

    amount: float
    removed: int
    n: int
    value: float
    dense: float
    interval: tuple[float, float]
    newly_wrong: int
    newly_right: int
    rise: float
    error: float


@dataclass(frozen=True, slots=True)
class Row:
    """One layer, or one group of units, pruned alone: its cells in the order of amounts, those that are known.

    `reason` says why it cannot be pruned alone; `others` are the modules whose units go along because they are coupled.
    """

    name: str
    label: str
    size: int
    cells: tuple[Cell, ...] = ()
    reason: str = ""
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Every layer alone at every amount: one shot, no fine-tuning, on n held-out samples once it is complete.

    `higher` says whether a high value is a good one, `shares` whether it is the share of samples that are right.
    """

    subject: str
    criterion: str
    granularity: str
    amounts: tuple[float, ...]
    rows: tuple[Row, ...]
    dense_value: float
    chance: float
    n: int
    metric: str
    noun: str
    higher: bool = True
    shares: bool = True

    @property
    def measured(self) -> int:
        """How many cells are known."""
        return sum(len(row.cells) for row in self.rows)

    @property
    def wanted(self) -> int:
        """How many cells there are to know."""
        return len(self.amounts) * sum(not row.reason for row in self.rows)

    @property
    def fewest(self) -> int:
        """The least number of samples that a cell was measured on."""
        return min((cell.n for row in self.rows for cell in row.cells), default=self.n)

    @property
    def seen(self) -> int:
        """How many samples were run for the cells that are known."""
        return sum(cell.n for row in self.rows for cell in row.cells)

    @property
    def whole(self) -> int:
        """How many samples all cells take together."""
        return self.wanted * self.n

    @property
    def complete(self) -> bool:
        return self.measured == self.wanted and self.fewest == self.n

    def lost(self, cell: Cell) -> float:
        """What a cell loses: a share of the scale (0.01 is one point); of a loss-like metric, of the dense value."""
        if self.higher:
            return cell.dense - cell.value
        return cell.value / cell.dense - 1 if cell.dense else 0.0

    def loses(self, cell: Cell) -> bool:
        """Whether a cell loses a point, and by more than chance explains."""
        return self.lost(cell) >= POINT - 1e-12 and certain(cell)

    def between(self, cell: Cell) -> tuple[float, float]:
        """The 95 % interval of what a cell loses, in the unit of `lost`: of the paired difference where samples are right or
        wrong (`intervals.paired`); of a loss-like metric by the standard error of the mean rise. Of any other metric only
        its own interval is known: then as far to either side as that is wide, which is further than need be."""
        if self.higher and self.shares:
            right, wrong = round(cell.dense * cell.n), cell.newly_wrong
            return intervals.paired(right - wrong, wrong, cell.newly_right, cell.n - right - cell.newly_right)
        lost = self.lost(cell)
        if self.higher:
            wide = cell.interval[1] - cell.interval[0]
            return lost - wide, lost + wide
        low, high = ((1 + lost) * math.exp(side * intervals.Z * cell.error) - 1 for side in (-1, 1))
        return low, high

    def holds(self, cell: Cell) -> bool:
        """Whether a cell keeps within a point for sure: the worse end of its interval lies there."""
        return self.between(cell)[1] <= POINT + 1e-12

    def breaks(self, row: Row) -> float | None:
        """The least measured amount at which a row loses a point; None where it never does."""
        return next((cell.amount for cell in row.cells if self.loses(cell)), None)

    def state(self, row: Row) -> str:
        """Fragile where a point is lost for sure, robust where every amount keeps within one for sure, else it cannot be
        told; cannot be pruned; or not measured yet, where nothing is lost so far and amounts are missing."""
        if row.reason:
            return FIXED
        if self.breaks(row) is not None:
            return FRAGILE
        if len(row.cells) < len(self.amounts):
            return OPEN
        return ROBUST if all(map(self.holds, row.cells)) else UNTOLD


def certain(cell: Cell) -> bool:
    """Whether chance explains a cell's loss in fewer than one of twenty samples: by the one-sided exact sign test of the
    samples that changed sides; where none is right or wrong, by the standard error of the paired losses."""
    if cell.newly_wrong or cell.newly_right:
        return sign_test(cell.newly_wrong, cell.newly_right) < CHANCE
    return cell.rise > 1.6448536269514722 * cell.error > 0


def sign_test(worse: int, better: int) -> float:
    """The probability of so many or more `worse` among all that changed, if worse and better were equally likely: the
    one-sided exact sign test (McNemar 1947, with the binomial law instead of its approximation)."""
    changed = worse + better
    if not changed:
        return 1.0
    half = changed * math.log(2.0)
    log_ways = (
        math.lgamma(changed + 1) - math.lgamma(k + 1) - math.lgamma(changed - k + 1) for k in range(worse, changed + 1)
    )
    return min(1.0, sum(math.exp(ways - half) for ways in log_ways))

"""Allocation: how much goes of each layer, found by search on one half of the held-out data and reported on the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from pruneviz.intervals import Z, ratio
from pruneviz.recipe import Recipe
from pruneviz.sensitivity import sign_test

SOLVER, UNIFORM, GLOBAL = "solver", "uniform", "global"
CURRENCIES = {"parameters": "parameters", "macs": "multiply-adds", "ms": "milliseconds"}
"""What is to become less, as a sentence says it."""
KEEPS, KEEPS_NOT, CANNOT_TELL = "keeps", "does not keep", "cannot tell"
"""Whether what was asked for is kept on the half that reports."""


@dataclass(frozen=True, slots=True)
class Half:
    """What one half of the held-out data says of a setting. `loss` is the mean loss of a prediction, in nats."""

    n: int
    correct: int | None
    value: float
    interval: tuple[float, float]
    loss: float


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to share the budget. `amounts` are of every layer that may lose anything, `left` is what is left of the
    currency; `scope` and `amount` are what gives the same without amounts of their own, where there is such.

    Against the solver, on the half that reports: `gains` samples are right here and wrong there, `losses` the other way
    round; `error` is the standard error of the mean difference of the two losses, sample by sample, in nats, where nothing
    is right or wrong. `milliseconds` are (lower quartile, median, upper quartile) of one input, where it was timed.
    """

    name: str
    amounts: tuple[tuple[str, float], ...]
    left: float
    scope: str = ""
    amount: float = 0.0
    choosing: Half | None = None
    reporting: Half | None = None
    gains: int = 0
    losses: int = 0
    error: float | None = None
    milliseconds: tuple[float, float, float] | None = None

    @property
    def p(self) -> float:
        """The two-sided exact sign test (McNemar) of the samples on which it differs from the solver."""
        return min(1.0, 2 * min(sign_test(self.gains, self.losses), sign_test(self.losses, self.gains)))


@dataclass(frozen=True, slots=True)
class Allocation:
    """The best amounts found so far, beside uniform and global at the same budget.

    `layers` are (name, label, size). `allowed` is the least value on the choosing half that keeps what is asked for; of a
    loss-like metric the most. `started` names the start that the search went out from. Until it is `complete` nobody has
    looked at the half that reports. A budget of milliseconds is searched by multiply-adds and timed at the end; `note` says
    where it could not be.
    """

    layers: tuple[tuple[str, str, int], ...]
    tolerance: float
    budget: str
    whole: float
    dense: Setting
    best: Setting
    allowed: float
    metric: str
    noun: str
    granularity: str
    peers: tuple[Setting, ...] = ()
    started: str = ""
    tried: int = 0
    of: int = 0
    words: str = ""
    note: str = ""
    complete: bool = False
    higher: bool = True

    @property
    def saved(self) -> float:
        """The share of the currency that is gone; of milliseconds that of the multiply-adds, by which it is sought."""
        return 1 - self.best.left / self.whole if self.whole else 0.0

    def peer(self, name: str) -> Setting | None:
        return next((one for one in self.peers if one.name == name), None)

    @property
    def kept(self) -> float | None:
        """The share of the dense value that the half that reports still has; above 1 where it got better."""
        here, dense = self.best.reporting, self.dense.reporting
        if here is None or dense is None or not dense.value or not (self.higher or here.value):
            return None
        return here.value / dense.value if self.higher else dense.value / here.value

    @property
    def kept_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of `kept`: of what is right or wrong that of the ratio of pairs; of a perplexity, whose
        logarithm is a mean loss, by the standard error of the paired losses; else from the intervals of both values, as if
        the samples were not the same, which is too wide rather than too narrow."""
        here, dense = self.best.reporting, self.dense.reporting
        if self.kept is None:
            return None
        if here.correct is not None and dense.correct is not None:
            return ratio(dense.correct - self.dense.gains, self.dense.gains, self.dense.losses)
        if not self.higher and self.dense.error is not None and math.isfinite(self.dense.error):
            return tuple(self.kept * math.exp(side * Z * self.dense.error) for side in (-1, 1))
        first, second = (here, dense) if self.higher else (dense, here)
        ends = (first.interval[0], second.interval[1]), (first.interval[1], second.interval[0])
        return tuple(one / other if other > 0 else math.inf for one, other in ends)

    @property
    def keeps(self) -> str:
        """Whether the half that reports keeps what was asked for; empty until it was looked at."""
        if self.kept_interval is None:
            return ""
        low, high = self.kept_interval
        least = 1 - self.tolerance - 1e-12
        return KEEPS if low >= least else KEEPS_NOT if high < least else CANNOT_TELL


def trouble(recipe: Recipe) -> str:
    """Why no amounts can be searched for, in one sentence; empty where they can."""
    if ":" in recipe.granularity:
        return (
            f"{recipe.granularity} leaves every layer the same share, so there is nothing to share out: choose weights, "
            "filters, neurons, heads or layers"
        )
    if recipe.granularity == "weight" and recipe.budget == "ms":
        return (
            "zeros among the weights save no time on dense kernels: choose filters, neurons, heads or layers for a budget "
            "of milliseconds, or a budget of parameters or multiply-adds"
        )
    return ""


def applied(recipe: Recipe, found: Allocation) -> Recipe:
    """The Recipe with the amounts that were found: every layer that may lose anything has its own, taken by rank within it,
    which is what the scope «layer» says."""
    total = sum(size for _, _, size in found.layers)
    sizes = {name: size for name, _, size in found.layers}
    share = sum(amount * sizes[name] for name, amount in found.best.amounts) / total if total else 0.0
    own = tuple(sorted(found.best.amounts))
    return replace(recipe, overrides=own, scope="layer", amount=round(min(1.0, share), 4))


def short(count: int, size: int) -> float:
    """The share with the fewest decimals of which `size` rounds to exactly `count`: it has to fit into a link."""
    for digits in range(2, 17):
        share = round(count / size, digits)
        if round(share * size) == count and share <= 1:
            return share
    return count / size

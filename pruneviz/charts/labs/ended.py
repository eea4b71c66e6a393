"""Ended: how each way of one shot left the network: means over seeds, and the interval of other data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pruneviz.charts.chart import amount, as_percent
from pruneviz.traced import Traced

Ways = Mapping[str, Sequence[Traced]]
"""Runs by the words of their way, seeds together."""


@dataclass(frozen=True, slots=True)
class End:
    """How a way ended: the mean over so many seeds of what was measured, and of its interval's ends."""

    name: str
    value: float
    low: float
    high: float
    seeds: int


def ends(ways: Ways) -> list[End]:
    """The ways that came to an end with a number, the best first."""
    found = [_end(name, [run for run in runs if run.done]) for name, runs in ways.items()]
    sign = 1 if metric(ways) == "perplexity" else -1
    return sorted((one for one in found if math.isfinite(one.value)), key=lambda one: sign * one.value)


def metric(ways: Ways) -> str:
    """What is measured: accuracy where any run has one."""
    return "perplexity" if all(run.last("accuracy") is None for runs in ways.values() for run in runs) else "accuracy"


def dense(ways: Ways) -> float:
    """What the network measured before; NaN where no run says it."""
    return next((found for runs in ways.values() for run in runs if (found := run.last("dense")) is not None), math.nan)


def bare(ways: Ways) -> set[str]:
    """The ways that leave the survivors as they are."""
    return {name for name, runs in ways.items() if all(run.recipe.course.method == "keep" for run in runs)}


def best_bare(ways: Ways, found: Sequence[End]) -> End | None:
    """The best that leaves the survivors alone, where another is better."""
    kept = bare(ways)
    return next((one for one in found if one.name in kept and one is not found[0] and found[0].name not in kept), None)


def seeds(ways: Ways, *names: str) -> str:
    """Which seed all of these have, where it is one."""
    one, *others = ({run.recipe.seed for run in ways[name] if run.done} for name in names)
    both = one.intersection(*others)
    return f"one seed, {min(both)}" if both else "no seed in common"


def cost(one: End, before: float, measured: str) -> str:
    """How much worse than before: «5.50» of perplexity, «1.2» points of accuracy; empty where it is no worse."""
    worse = one.value - before if measured == "perplexity" else 100 * (before - one.value)
    digits = 2 if measured == "perplexity" else 1
    return f"{worse:,.{digits}f}" if round(worse, digits) > 0 else ""


def shown(value: float, measured: str) -> str:
    """A number for a sentence; a dash where there is none."""
    if not math.isfinite(value):
        return "–"
    return amount(value) if measured == "perplexity" else as_percent(value)


def _end(name: str, runs: Sequence[Traced]) -> End:
    if not runs:
        return End(name, math.nan, math.nan, math.nan, 0)
    sides = zip(*map(_interval, runs), strict=True)
    return End(name, *(math.fsum(side) / len(runs) for side in sides), len(runs))


def _interval(run: Traced) -> tuple[float, float, float]:
    """What a run measured, with the interval of its change against the dense network on the same samples."""
    before, low, high = (run.last(name) for name in ("dense", "gain_low", "gain_high"))
    right, value = run.last("accuracy"), run.last("value")
    found = right if right is not None else value if value is not None else math.nan
    if before is None or low is None or high is None or not math.isfinite(low + high):
        return found, math.nan, math.nan
    if right is not None:
        return found, before + low, before + high
    return found, before * math.exp(min(700.0, -high)), before * math.exp(min(700.0, -low))

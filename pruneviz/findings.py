"""Findings: what the numbers say, in words. Sentences that a page shows, computed from Reports; nothing is asserted here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pruneviz import came_of
from pruneviz.report import Cost, Curve, CurvePoint, Report

NOUNS = {"filter": "filters", "neuron": "neurons", "head": "attention heads", "layer": "layers"}
"""What goes at once, many of them; whatever is not named here prunes weights."""

FEW = 20
"""So few units are steps, not a slope: no cliff is sought among them."""

WINDOW = 0.1
"""A cliff is the steepest fall within a tenth of all weights."""


@dataclass(frozen=True, slots=True)
class Cliff:
    """The steepest stretch of a curve: accuracy falls by `points` percentage points between two amounts.

    Where a curve knows its halves, one half of the held-out data finds the stretch and the other reports the fall. Of a
    perplexity it is where that rises most: it is multiplied by `times`, and there are no points.
    """

    start: float
    stop: float
    points: float
    times: float = 0.0


def cliff(curve: Curve) -> Cliff | None:
    """Where accuracy falls most within a tenth of the weights; None where it never falls by more than its interval.

    A perplexity has neither a best value of 100 % nor halves: there it is the largest factor, before guessing is reached.
    """
    points = sorted(curve.points, key=lambda point: point.amount)
    if points and points[0].correct is None:
        return _rise(curve, points)
    best, most = None, 0.0
    for at, first in enumerate(points):
        if first.value < curve.chance + (curve.dense_value - curve.chance) / 3:
            continue  # what wobbles near chance is no cliff
        for last in points[at + 1 :]:
            if last.amount - first.amount > WINDOW + 1e-9:
                break
            drop = _choosing(first) - _choosing(last)
            if drop > most:
                best, most = (first, last), drop
    if best is None or most <= points[0].interval[1] - points[0].interval[0]:
        return None
    first, last = best
    return Cliff(first.amount, last.amount, 100 * (_reporting(first) - _reporting(last)))


def _rise(curve: Curve, points: list[CurvePoint]) -> Cliff | None:
    """Where a perplexity is multiplied by most within a tenth; None where never by more than its interval's own factor."""
    best, most = None, 1.0
    for at, first in enumerate(points):
        if not first.value < curve.chance:
            break  # beyond guessing there is nothing left to lose
        for last in points[at + 1 :]:
            if last.amount - first.amount > WINDOW + 1e-9:
                break
            if min(last.value, curve.chance) / first.value > most:
                best, most = (first, last), min(last.value, curve.chance) / first.value
    low, high = points[0].interval
    if best is None or most <= high / low:
        return None
    return Cliff(best[0].amount, best[1].amount, 0.0, best[1].value / best[0].value)


def _choosing(point: CurvePoint) -> float:
    correct, n = point.half
    return correct / n if 0 < n < point.n else point.value


def _reporting(point: CurvePoint) -> float:
    correct, n = point.half
    return (point.correct - correct) / (point.n - n) if 0 < n < point.n else point.value


def noun(granularity: str) -> str:
    """What goes, in the plural."""
    return NOUNS.get(granularity, "weights")


def many(report: Report) -> str:
    """What goes of this model, in the plural: heads that share keys and values go by the group, and are counted so."""
    return many_of(report.granularity, report.groups)


def many_of(granularity: str, groups: Iterable) -> str:
    """The same of a model's groups of units, each of which says of how many `heads` one unit is."""
    return "groups of heads" if any(group.heads > 1 for group in groups) else noun(granularity)


def share(report: Report) -> float:
    """The share of what goes at once that went: of the weights, or of the units."""
    return report.units_removed / report.units if report.units else report.sparsity


def headline(report: Report) -> str:
    """What this setting does, in one sentence with its numbers."""
    score, said = report.score, f"Remove {percent(share(report))} of the {many(report)}"
    wrong, right, samples = score.newly_wrong, score.newly_right, score.noun
    if score.correct is None:
        if report.removed == 0:
            return f"Nothing is removed: {score.metric} is {score.value:.2f}."
        if idle(report):
            return f"{said}: all were zero already, so {score.metric} stays at {score.value:.2f}."
        return f"{said}, and {score.metric} goes from {score.dense_value:.2f} to {score.value:.2f}."
    if report.removed == 0:
        return f"Nothing is removed: {percent(score.correct / score.n)} of {score.n:,} held-out {samples} are right."
    if idle(report):
        return f"{said}: all were zero already, so not one of {score.n:,} {samples} changes sides."
    if wrong == 0 and right == 0:
        return f"{said}, and not one of {score.n:,} {samples} changes sides."
    lost = (
        f"{wrong:,} of {score.n:,} {samples} {_turn(wrong)} wrong" if wrong else f"none of {score.n:,} {samples} turns wrong"
    )
    gained = f", {right:,} {_turn(right)} right" if right else ""
    return f"{said}, and {lost}{gained}."


def _turn(count: int) -> str:
    return "turns" if count == 1 else "turn"


def against_dense(report: Report) -> str:
    """The difference with the dense network: in points, signed, or as a factor where nothing is right or wrong."""
    if report.score.correct is None:
        return f"{report.score.value / report.score.dense_value:.2f} ×"
    return points(100 * (report.score.value - report.score.dense_value))


def points(value: float) -> str:
    """A difference in percentage points, signed: «−1.2 points»."""
    return f"{value:+.1f} points".replace("-", "−") if round(value, 1) else "±0.0 points"


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage; whole ones without decimals, and never rounded to a whole it is not."""
    text = f"{100 * share:.{digits}f}"
    if float(text) in (0.0, 100.0) and share not in (0.0, 1.0):
        return f"<{10**-digits:g}%" if share < 0.5 else f">{100 - 10**-digits:g}%"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def idle(report: Report) -> bool:
    """Whether all that is removed was zero already, as in a network that came of a run: to remove it changes nothing."""
    return report.removed > 0 and report.energy_removed == 0 and not report.units


def how_cut(subject: str) -> str:
    """What was trained around the cut, in few words."""
    return "one shot, without fine-tuning" if came_of.run(subject) is None else "one shot, not trained since"


def harmless(report: Report) -> bool:
    """Whether the setting's accuracy cannot be told from the dense network's: the dense value lies in its interval."""
    low, high = report.score.interval
    return low <= report.score.dense_value <= high


def carried(report: Report) -> str:
    """How much of Σw² goes with what is removed."""
    if report.units and report.cost:
        parameters, macs = less(report.cost)
        return (
            f"The {percent(share(report))} of the {many(report)} that go take {percent(parameters)} of the "
            f"parameters and {percent(macs)} of the multiply-adds along."
        )
    return f"The {percent(report.sparsity)} that go carry {percent(report.energy_removed)} of the squared weight (Σw²)."


def less(cost: Cost) -> tuple[float, float]:
    """The shares of the parameters and of the multiply-adds that are gone."""
    parameters = 1 - cost.parameters_left / cost.parameters if cost.parameters else 0.0
    return parameters, 1 - cost.macs_left / cost.macs if cost.macs else 0.0

"""Pinned curve: where the baseline lies on the live slider's curve, and its own curve where that is another one."""

from __future__ import annotations

from dataclasses import replace

from pruneviz.candidates import same_samples
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, Report
from pruneviz.studio import bench, candidates, catalogue, curves, kitchen, panels
from pruneviz.studio.scrubber import Panel, Pinned

PANEL = "pin-A"


def beside(panel: Panel, recipe: Recipe, report: Report) -> tuple[Panel, Curve | None]:
    """The panel with the baseline on it, and the curve that may still grow. The same where nothing is pinned, where A is of
    other samples, or where this axis does not count what A prunes."""
    first = next(iter(bench.pins()), None)
    found = candidates.baseline(recipe) if first else None
    if not isinstance(found, Report) or not same_samples(report, found):
        return panel, None
    at = _share(first, found.amount, found.sparsity, recipe)
    if at is None:
        return panel, None
    curve = _own_curve(first, recipe)
    scale = 1 if found.score.correct is None else 100
    line = panels.line(_along(curve, first, recipe), f"A: {_name(first, recipe)}") if curve else None
    low, high = (scale * end for end in found.score.interval)
    value = f"{found.score.value:.2f}" if found.score.correct is None else f"{100 * found.score.value:.1f}%"
    words = f"back to A, {candidates.setting(first, beside=recipe)}: {found.score.metric} {value}"
    return replace(panel, pin=Pinned("A", 100 * at, scale * found.score.value, low, high, words, line)), curve


def _share(first: Recipe, amount: float, sparsity: float, live: Recipe) -> float | None:
    """Where a setting of A's lies on the live axis: the share of the same things, or of the weights where those are counted;
    None where the axis counts units and A prunes other ones."""
    many, mine = (catalogue.kind(one.granularity).many for one in (live, first))
    if many == mine:
        return amount
    return sparsity if live.granularity == "weight" else None


def _own_curve(first: Recipe, live: Recipe) -> Curve | None:
    """A's curve, unless it is the live one, or nobody has measured it and it takes long."""
    whole, here = (replace(kitchen.measured_part(one), amount=0.0) for one in (first, live))
    if whole == here or ":" in first.granularity or (kitchen.heavy(first.subject) and not curves.known(first)):
        return None
    try:
        return curves.curve(first, PANEL)[0]
    except ValueError:  # it cannot be measured: the point itself is there, and says what is known
        return None


def _along(curve: Curve, first: Recipe, live: Recipe) -> Curve:
    """The curve over what the live axis counts."""
    points = tuple(replace(one, amount=_share(first, one.amount, one.sparsity, live)) for one in curve.points)
    return replace(curve, points=points)


def _name(first: Recipe, live: Recipe) -> str:
    """What of A's way is another one, in few words."""
    mine, here = candidates.way(first), candidates.way(live)
    at = len(mine) - 3  # the amount is where one is on a curve, not which curve it is
    differ = [one for place, (one, other) in enumerate(zip(mine, here, strict=True)) if one != other and place != at]
    return ", ".join(filter(None, differ)) or "as it was"

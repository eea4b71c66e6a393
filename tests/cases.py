"""Cases made by hand: a Report from four counts, a breakage from class counts, and what is presented of both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pruneviz.breakage import Breakage, Sides, class_rows
from pruneviz.case import Case, judged
from pruneviz.recipe import Recipe
from pruneviz.report import Cost, Curve, CurvePoint, LayerReport, Report, Score, wilson


def score(both: int = 450, wrong: int = 20, right: int = 5, neither: int = 25, **how) -> Score:
    """The score of a network that had both + wrong right and has both + right now."""
    n = both + wrong + right + neither
    before, after = both + wrong, both + right
    made = Score("accuracy", after / n, after, n, wilson(after, n), 0.1, before / n, before, wrong, right)
    return replace(made, **how)


def report(of: Score | None = None, removed: int = 800, weights: int = 1000, **how) -> Report:
    """A Report of two layers: the first loses three times as much as the second."""
    gone = (removed * 3 // 4, removed - removed * 3 // 4)
    sizes = (weights * 3 // 5, weights - weights * 3 // 5)
    layers = tuple(
        LayerReport(f"fc{at}.weight", f"fc{at}", (size,), size, size - min(size, lost), 0, 0.0)
        for at, (size, lost) in enumerate(zip(sizes, gone, strict=True), 1)
    )
    cost = Cost(weights + 100, weights + 100 - removed, 2e6, 1e6)
    made = Report(
        "digits", "magnitude", "weight", "global", removed / weights, 0, "none", 0, weights, removed, removed / weights, 0.1,
        0.05, layers, "", "", of or score(), cost=cost,
    )  # fmt: skip
    return replace(made, **how)


def units(of: Score | None = None, gone: int = 45, count: int = 100, **how) -> Report:
    """A Report of filters, of which so many are gone."""
    return report(of, granularity="filter", units=count, units_removed=gone, **how)


def breakage(*classes: tuple[int, int, int, int], of: int = 0) -> Breakage:
    """What breaks: for each class both, wrong, right, neither."""
    labels, before, after = [], [], []
    for at, (both, wrong, right, neither) in enumerate(classes):
        other = (at + 1) % max(2, len(classes))
        for count, was, now in ((both, at, at), (wrong, at, other), (right, other, at), (neither, other, other)):
            labels += [at] * count
            before += [was] * count
            after += [now] * count
    names = tuple(f"class {at}" for at in range(max(2, len(classes))))
    sides = Sides(*(np.array(one, dtype=np.int32) for one in (labels, before, after)), np.arange(len(labels)), names)
    flipped = np.flatnonzero((sides.before == sides.labels) != (sides.after == sides.labels))
    return Breakage(
        class_rows(sides), names, len(labels), of or len(labels), "accuracy", "images", sides.labels, sides.before,
        sides.after, sides.places, flipped,
    )  # fmt: skip


def curve(values: list[float], n: int = 500) -> Curve:
    """A curve through these shares, at equal steps from 0 to 1."""
    points = tuple(
        CurvePoint(at / (len(values) - 1), at / (len(values) - 1), one, round(one * n), n, wilson(round(one * n), n), (0, 0))
        for at, one in enumerate(values)
    )
    return Curve("digits", "magnitude", "global", 0, "none", 0, points, values[0], 0.1)


def case(made: Report | None = None, *, amount: float = 0.8, broken: Breakage | None = None, **how) -> Case:
    """A Case around a Report; `limits` and the words of the presenter go to its Recipe."""
    made = made or report()
    recipe = Recipe("digits", granularity=made.granularity, amount=amount, **how.pop("chosen", {}))
    many = "filters" if made.units else "weights"
    found = Case(recipe, "Digits", "magnitude", "globally", many, made, breakage=broken, **how)
    return replace(found, verdict=judged(recipe, made, broken, found.truth))

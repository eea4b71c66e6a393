"""Panels: from Reports to what the live scrubber draws. Percents and words only; nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pruneviz import came_of, findings, law
from pruneviz.recipe import Recipe
from pruneviz.report import PERCENTS, Curve, Fit, LayerShape, Report, Sweep
from pruneviz.studio import catalogue, curves, kitchen
from pruneviz.studio.scrubber import Cliff, Exact, FitLine, Ghost, Halves, Histogram, Layer, Line, Panel

DASHES = {"laplace": "", "gauss": "2 3", "generalised": "7 4"}
NEAR = 0.006
"""A setting between two whole percents stands at the height of the nearer one."""
NAMES = {"laplace": "Laplace", "gauss": "Gauss", "generalised": "generalised Gauss"}


def hero(
    recipe: Recipe,
    report: Report,
    curve: Curve,
    sweep: Sweep,
    *,
    title: str,
    baseline: Curve | None,
    tuned: Curve | None,
    trail: Sequence[float],
) -> Panel:
    """The hero's panel: curve, histogram, layer strip, ghosts of earlier settings."""
    return Panel(
        id="",
        title=title,
        amount=100 * recipe.amount,
        curve=line(curve, _how(report)),
        **_metric(curve),
        n=report.score.of or report.score.n,
        **{**_what(recipe.granularity, sweep), "noun": findings.many(report)},
        halves=_halves(curve),
        baseline=line(baseline, "random pruning (baseline)") if baseline else None,
        tuned=line(tuned, "after fine-tuning") if tuned else None,
        cliff=_cliff(curve, sweep),
        exact=_exact(recipe.amount, report),
        trail=tuple(_ghosts(curve, trail)),
        complete=complete(curve),
        histogram=_histogram(recipe, sweep),
        layers=tuple(_layers(recipe, sweep)),
    )


def _how(report: Report) -> str:
    """What was trained around the cuts of a curve, for its label."""
    return "one shot, no fine-tuning" if came_of.run(report.subject) is None else findings.how_cut(report.subject)


def _what(granularity: str, sweep: Sweep) -> dict[str, object]:
    """What the slider removes, in words and numbers: weights and their squares, or units and what they take along."""
    kind = catalogue.kind(granularity)
    what = {"noun": kind.many, "measure": kind.measure, "weights": sweep.weights, "removed": sweep.removed}
    if sweep.parameters is None:
        return {**what, "energy": sweep.energy}
    words = {"fact": "smaller network", "fact_words": "of parameters gone"}
    return {**what, **words, "energy": 1 - sweep.parameters, "macs": None if sweep.macs is None else 1 - sweep.macs}


def _histogram(recipe: Recipe, sweep: Sweep) -> Histogram:
    if sweep.unit != "weight":
        label = f"importance of one {kitchen.kind(recipe).one}"
        return Histogram(sweep.edges, sweep.total, sweep.gone, sweep.threshold, label=label, compared="importance")
    # Only magnitude's importance is |w| itself: another criterion's threshold has no place on this axis.
    return Histogram(sweep.edges, sweep.total, sweep.gone, sweep.threshold if recipe.criterion == "magnitude" else None)


def criterion(title: str, one: curves.Compared) -> Panel:
    """One criterion's own scrubber on the page that compares them."""
    return Panel(
        id=one.key,
        title=title,
        amount=100 * one.amount,
        curve=line(one.curve, _how(one.report)),
        **_metric(one.curve),
        n=one.report.score.of or one.report.score.n,
        **_what(one.report.granularity, one.sweep),
        halves=_halves(one.curve),
        baseline=line(one.baseline, "random pruning (baseline)") if one.baseline else None,
        cliff=_cliff(one.curve, one.sweep),
        exact=_exact(one.amount, one.report),
        complete=complete(one.curve),
    )


def layer(recipe: Recipe, shape: LayerShape, curve: Curve, sweep: Sweep, report: Report) -> Panel:
    """One layer pruned alone, by magnitude: its histogram with the fitted laws, and the threshold that the Laplacian
    predicts beside the true one."""
    absolute = recipe.shape == "absolute"
    predicted = law.predicted_threshold(shape.fit("laplace"), np.arange(101) / 100)
    return Panel(
        id="",
        title=f"{shape.label} alone",
        noun=f"weights of {shape.label}",
        amount=100 * recipe.amount,
        curve=line(curve, f"only {shape.label} pruned, by magnitude, no fine-tuning"),
        **_metric(curve),
        n=report.score.of or report.score.n,
        weights=shape.weights,
        removed=sweep.removed,
        energy=sweep.energy,
        exact=_exact(recipe.amount, report),
        histogram=Histogram(
            sweep.edges,
            sweep.total,
            sweep.gone,
            sweep.threshold,
            lines=fits(shape, absolute, sweep.edges),
            label="magnitude |w|" if absolute else "weight w",
            predicted=predicted,
            predicted_name="Laplace predicts",
            log=recipe.axis == "log",
        ),
    )


def _scale(curve: Curve) -> int:
    """A share is drawn in percent; what nothing is right or wrong about (perplexity) as it is."""
    return 1 if curve.points[0].correct is None else 100


def _metric(curve: Curve) -> dict[str, object]:
    """What is measured, whether it is a share, and what chance gets of it."""
    share = _scale(curve) == 100
    words = {"metric": curve.metric, "share": share, "samples": "samples" if share else curve.noun}
    return words | {"chance": _scale(curve) * curve.chance}


def line(curve: Curve, name: str) -> Line:
    """A curve as the scrubber draws it, over its amounts."""
    points, scale = curve.points, _scale(curve)
    return Line(
        percent=[100 * point.amount for point in points],
        accuracy=[scale * point.value for point in points],
        low=[scale * point.interval[0] for point in points],
        high=[scale * point.interval[1] for point in points],
        name=name,
        n=[point.n for point in points] if any(point.partial for point in points) else None,
    )


def _halves(curve: Curve) -> Halves | None:
    points = curve.points
    if any(point.partial for point in points):
        return None
    chosen, all_n = points[0].half[1], points[0].n
    if not 0 < chosen < all_n or points[0].correct is None:
        return None
    return Halves(
        choose=[100 * point.half[0] / chosen for point in points],
        report=[100 * (point.correct - point.half[0]) / (all_n - chosen) for point in points],
        choose_n=chosen,
        report_n=all_n - chosen,
    )


def _cliff(curve: Curve, sweep: Sweep) -> Cliff | None:
    """The cliff of a curve that is measured to its end; a handful of units has steps instead."""
    done = complete(curve) and (sweep.unit == "weight" or sweep.weights >= findings.FEW)
    found = findings.cliff(curve) if done else None
    return found and Cliff(100 * found.start, 100 * found.stop, found.points, found.times)


def complete(curve: Curve) -> bool:
    """Whether a curve has all of its points, each of all samples."""
    return len(curve.points) >= PERCENTS and not any(point.partial for point in curve.points)


def _exact(amount: float, report: Report) -> Exact:
    low, high = report.score.interval
    few = report.score.n if report.score.partial else None
    scale = 1 if report.score.correct is None else 100
    return Exact(100 * amount, scale * report.score.value, scale * low, scale * high, few)


def _ghosts(curve: Curve, amounts: Sequence[float]):
    at, value = [point.amount for point in curve.points], [_scale(curve) * point.value for point in curve.points]
    for amount in amounts:
        nearest = int(np.argmin(np.abs(np.array(at) - amount)))
        if abs(at[nearest] - amount) <= NEAR:  # of a growing curve the next point may be anywhere else
            yield Ghost(100 * amount, value[nearest])


def _layers(recipe: Recipe, sweep: Sweep):
    own, many = recipe.own_amounts(), kitchen.many(recipe)
    for at, (name, label, shape, weights) in enumerate(sweep.layers):
        kept = 100 * sweep.kept[:, at] / weights
        yield Layer(
            name=name,
            label=label,
            shape="×".join(map(str, shape)) if sweep.unit == "weight" else many,
            weights=weights,
            kept_percent=kept,
            own=100 * own[name] if name in own and name not in recipe.spared else None,
            locked=name in recipe.spared,
        )


def fits(shape: LayerShape, absolute: bool, edges: np.ndarray) -> tuple[FitLine, ...]:
    """The three fitted laws of one layer as lines over its histogram; under |w| both halves of a law add up."""
    return tuple(_fit(fit, absolute, edges) for fit in shape.fits)


def _fit(fit: Fit, absolute: bool, edges: np.ndarray) -> FitLine:
    # The location is one of the points: a Laplacian's peak must not be cut off between two of them.
    at = np.unique(np.append(np.linspace(edges[0], edges[-1], 241), fit.location if not absolute else 0.0))
    density = law.density(fit, at)
    if absolute:
        density = density + law.density(fit, -at)
    return FitLine(NAMES[fit.law], density, DASHES[fit.law], at)

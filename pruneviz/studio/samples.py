"""Samples: what the models that ship know of themselves. Their curves answer the first page while torch is loading."""

from __future__ import annotations

from pruneviz import shipped as shelf
from pruneviz.recipe import Recipe
from pruneviz.report import LayerReport, Report, Score
from pruneviz.studio import larder


@larder.kept(1)
def shipped(name: str) -> shelf.Shipped | None:
    """The curves that came with a sample; None where there are none."""
    return shelf.read(name)


def shipped_of(recipe: Recipe) -> shelf.Shipped | None:
    """The shipped curves, where they are of exactly this Recipe's ranking."""
    plain = recipe.seed == 0 and recipe.calibration == "training" and not recipe.own_amounts()
    found = shipped(recipe.subject) if plain and recipe.granularity == "weight" else None
    return found if found and (recipe.criterion, recipe.scope) in found.curves else None


def report(recipe: Recipe) -> Report | None:
    """The Report of a Recipe as far as shipped curves know it; None where they do not have this very amount."""
    found = shipped_of(recipe)
    node = round(100 * recipe.amount)
    if found is None or abs(100 * recipe.amount - node) > 1e-9:
        return None
    curve, sweep = found.curves[recipe.criterion, recipe.scope], found.sweeps[recipe.criterion, recipe.scope]
    point = curve.points[node]
    share = point.correct is not None
    dense = round(curve.dense_value * point.n) if share else None
    layers = tuple(
        LayerReport(name, label, shape, weights, int(sweep.kept[node, at]), 0, 0.0)
        for at, (name, label, shape, weights) in enumerate(sweep.layers)
    )
    score = Score(
        curve.metric, point.value, point.correct, point.n, point.interval, 0.0, curve.dense_value, dense,
        point.newly_wrong, point.newly_right, curve.noun, "" if share else f"Student's t over {curve.noun}",
    )  # fmt: skip
    return Report(
        subject=recipe.subject, criterion=recipe.criterion, granularity=recipe.granularity, scope=recipe.scope,
        amount=recipe.amount, seed=recipe.seed, calibration=curve.calibration, calibration_n=curve.calibration_n,
        weights=sweep.weights, removed=int(sweep.removed[node]), zeros=0.0,
        threshold=None if sweep.threshold is None else float(sweep.threshold[node]),
        energy_removed=float(sweep.energy[node]), layers=layers, mask_sha256="", subject_sha256=found.subject_sha256,
        score=score,
    )  # fmt: skip

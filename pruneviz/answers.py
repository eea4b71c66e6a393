"""Answers: a Report as the plain table that the command line prints; what a written report says of a setting is the same."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pruneviz.recipe import Recipe
from pruneviz.report import Curve, Report


def evaluated(recipe: Recipe, report: Report, curvature: str = "", nonfinite: Mapping[str, int] | None = None) -> dict:
    """What `python -m pruneviz evaluate` prints: one setting, measured. Every value is ready for JSON."""
    score, bad = report.score, nonfinite or {}
    return {
        **head(recipe, score.metric, report.calibration, report.calibration_n, curvature),
        "value": number(score.value),
        "correct": score.correct,
        "n": score.n,
        "interval": [number(end) for end in score.interval],
        "loss": number(score.loss),
        "dense_value": number(score.dense_value),
        "dense_correct": score.dense_correct,
        "newly_wrong": score.newly_wrong,
        "newly_right": score.newly_right,
        "amount": report.amount,
        "sparsity": report.sparsity,
        "weights": report.weights,
        "removed": report.removed,
        "zeros": report.zeros,
        "threshold": number(report.threshold),
        "energy_removed": report.energy_removed,
        "layers": [
            {"name": layer.name, "weights": layer.weights, "kept": layer.kept, "zeros": layer.zeros,
             "nonfinite": bad.get(layer.name, 0), "energy_removed": layer.energy_removed}
            for layer in report.layers
        ],
        **_size(report),
        "mask_sha256": report.mask_sha256,
        "subject_sha256": report.subject_sha256,
        "notes": list(report.notes),
    }  # fmt: skip


def curved(recipe: Recipe, curve: Curve, n: int, curvature: str = "") -> dict:
    """What `python -m pruneviz curve` prints: accuracy at several amounts, on `n` samples."""
    points = [
        {
            "amount": point.amount,
            "sparsity": point.sparsity,
            "value": number(point.value),
            "correct": point.correct,
            "n": point.n,
            "interval": [number(end) for end in point.interval],
        }
        for point in curve.points
    ]
    first = head(recipe, curve.metric, curve.calibration, curve.calibration_n, curvature)
    return {**first, "n": n, "dense_value": number(curve.dense_value), "chance": curve.chance, "points": points}


def head(recipe: Recipe, metric: str, calibration: str, calibration_n: int, curvature: str) -> dict:
    """What both say first: what was chosen, and which data it looked at."""
    return {
        "subject": recipe.subject,
        "criterion": recipe.criterion,
        "granularity": recipe.granularity,
        "scope": recipe.scope,
        "pool": recipe.pool,
        "seed": recipe.seed,
        "metric": metric,
        "calibration": calibration,
        "calibration_n": calibration_n,
        "curvature": curvature,
    }


def number(value: float | None) -> float | None:
    """The number, where there is one: JSON knows neither NaN nor infinity."""
    return value if value is not None and math.isfinite(value) else None


def _size(report: Report) -> dict:
    """What becomes smaller: units, parameters, multiply-adds; and what each group keeps."""
    cost = report.cost
    return {
        "units": report.units,
        "units_removed": report.units_removed,
        "parameters": cost and cost.parameters,
        "parameters_left": cost and cost.parameters_left,
        "macs": cost and cost.macs,
        "macs_left": cost and cost.macs_left,
        "groups": [
            {
                "name": group.name,
                "units": group.units,
                "kept": int(group.kept.sum()),
                "gone": (~group.kept).nonzero()[0].tolist(),
                "reason": group.reason,
            }
            for group in report.groups
        ],
    }

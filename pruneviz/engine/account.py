"""Account: everything of a Report that needs no forward pass: what goes, layer by layer, and what it weighs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pruneviz.engine import unit_report
from pruneviz.engine.fitting import nonfinite
from pruneviz.engine.standing import Standing, asked, kept, mask
from pruneviz.engine.subject import Layer, Subject
from pruneviz.recipe import Recipe
from pruneviz.report import LayerReport

PIECE = 1 << 16
"""Weights that are squared at a time: in float64 they stay in the processor's cache."""


def account(subject: Subject, recipe: Recipe, standing: Standing) -> dict[str, Any]:
    """The fields of a Report that no sample decides."""
    stays, units = mask(recipe, standing), kept(recipe, standing)
    layers, energy = _layer_reports(subject, stays.layers())
    cost, words = unit_report.cost(subject, layers, standing.structure, units)
    return {
        "subject": subject.name,
        "criterion": recipe.criterion,
        "granularity": recipe.granularity,
        "scope": recipe.scope,
        "amount": recipe.amount,
        "seed": recipe.seed,
        "calibration": standing.split.source,
        "calibration_n": len(standing.split.calibration),
        "weights": subject.weights,
        "removed": stays.removed,
        "zeros": sum(layer.zeros for layer in layers) / subject.weights,
        "threshold": standing.ranking.threshold(recipe.amount, *asked(recipe, standing)),
        "energy_removed": energy,
        "layers": layers,
        "mask_sha256": stays.sha256(),
        "subject_sha256": subject.sha256,
        "notes": (
            *(subject.origin.caveats if subject.origin else ()),
            *unit_report.notes(subject, recipe, standing.ranking),
            *_notes(subject, layers, stays.removed, energy, standing),
            *words,
        ),
        "groups": unit_report.groups(subject, recipe, standing.ranking) if standing.structure else (),
        "units": sum(len(one) for one in units.values()),
        "units_removed": sum(int((~one).sum()) for one in units.values()),
        "cost": cost,
        "pool": recipe.pool if standing.structure else "",
    }


def _layer_reports(subject: Subject, masks: dict[str, np.ndarray]) -> tuple[tuple[LayerReport, ...], float]:
    reports, gone, total, broken = [], 0.0, 0.0, nonfinite(subject)
    for layer in subject.layers:
        whole, lost, zeros = _squares(subject, layer, masks[layer.name].reshape(-1), layer.name in broken)
        kept, share = int(np.count_nonzero(masks[layer.name])), lost / whole if whole else 0.0
        reports.append(LayerReport(layer.name, layer.label, layer.shape, layer.size, kept, zeros, share))
        gone, total = gone + lost, total + whole
    return tuple(reports), gone / total if total else 0.0


def _squares(subject: Subject, layer: Layer, keep: np.ndarray, broken: bool) -> tuple[float, float, int]:
    """Of one layer Σw², the part of it that goes, and how many weights are zero afterwards. What is not finite counts 0."""
    weights = subject.parameter(layer).to(torch.float32).reshape(-1).numpy()
    whole, lost, zeros = 0.0, 0.0, 0
    for start in range(0, weights.size, PIECE):
        stays, square = keep[start : start + PIECE], weights[start : start + PIECE].astype(np.float64)
        zeros += int(np.count_nonzero(~stays | (square == 0)))
        if broken:
            np.nan_to_num(square, copy=False, posinf=0, neginf=0)
        np.multiply(square, square, out=square)
        whole += float(square.sum())
        # Not a dot product: its threads would wait for those of a network that was just run.
        np.multiply(square, ~stays, out=square)
        lost += float(square.sum())
    return whole, lost, zeros


def _notes(
    subject: Subject, layers: tuple[LayerReport, ...], removed: int, energy: float, standing: Standing
) -> tuple[str, ...]:
    notes = []
    broken = sum(nonfinite(subject).values())
    if removed and energy == 0 and not broken:
        notes.append(f"All {removed:,} removed weights were zero already: the network computes what it computed before.")
    empty = [layer.label for layer in layers if layer.kept == 0 and layer.weights and standing.structure is None]
    if empty and removed < subject.weights:
        notes.append(f"No weight is left in {', '.join(empty)}: nothing of the input gets past a layer without weights.")
    if broken:
        notes.append(f"{broken:,} weights are NaN or infinite; they were ranked first.")
    elsewhere = [f"{name}: {count}" for name, count in subject.nonfinite if name not in nonfinite(subject)]
    if elsewhere:
        notes.append(f"NaN or infinite values that cannot be pruned: {', '.join(elsewhere)}; outputs may be NaN.")
    if standing.curvature:
        notes.append(f"Curvature: {standing.curvature}.")
    return tuple(notes)

"""Evaluate: from what was chosen to what is measured. Each step takes just what it depends on, so each can be cached."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pruneviz.engine import criterion as criteria
from pruneviz.engine import evidence as evidences
from pruneviz.engine import scope as scopes
from pruneviz.engine import tasks
from pruneviz.engine.measure import Measurement, Workspace
from pruneviz.engine.ranking import Ranking, rank
from pruneviz.engine.splits import Split, split
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, CurvePoint, LayerReport, Report, Score, wilson

GRANULARITIES = ("weight",)


@dataclass(frozen=True, eq=False)
class Standing:
    """Where every weight of a subject stands under one criterion and scope: all but the amount is settled."""

    ranking: Ranking
    split: Split
    scores: tuple[torch.Tensor, ...]
    seconds: float
    curvature: str

    def score_at(self, flat: int) -> float:
        """The saliency of one weight, by its place among all prunable weights."""
        for scores in self.scores:
            if flat < scores.numel():
                return float(scores.reshape(-1)[flat])
            flat -= scores.numel()
        raise IndexError(flat)


def check(subject: Subject, recipe: Recipe) -> None:
    """Refuses, in one sentence, a Recipe that this subject cannot answer."""
    criteria.find(recipe.criterion)
    scopes.find(recipe.scope)
    if recipe.granularity not in GRANULARITIES:
        raise ValueError(f"unknown granularity {recipe.granularity!r}; there are {', '.join(GRANULARITIES)}")
    if recipe.calibration not in ("training", "held-out"):
        raise ValueError(f"unknown calibration {recipe.calibration!r}; there are training, held-out")
    if not subject.layers:
        raise ValueError(f"{subject.title} has no weight that can be pruned: it needs a linear or convolutional layer")
    known = {layer.name for layer in subject.layers}
    for name in recipe.own_amounts():
        if name not in known:
            raise ValueError(f"{subject.title} has no layer {name!r}; there are {', '.join(sorted(known))}")


def stand(subject: Subject, recipe: Recipe) -> Standing:
    """Scores and ranks every prunable weight. Depends on everything in the Recipe but the amounts."""
    check(subject, recipe)
    chosen = criteria.find(recipe.criterion)
    parts = split(subject, chosen, calibration=recipe.calibration, seed=recipe.seed)
    samples = parts.calibration_samples(subject)
    inputs = labels = None
    if samples is not None:
        inputs, labels = samples.inputs(parts.calibration), samples.labels[parts.calibration]
    started = time.perf_counter()
    weights = subject.tensors()
    if recipe.nonfinite == "refuse":
        _refuse_nonfinite(subject)
    scores, gathered = evidences.scores(subject, chosen, inputs, labels, seed=recipe.seed)
    plain = recipe.criterion == "magnitude"
    ranking = rank(subject.layers, weights, None if plain else scores, scope=recipe.scope, nonfinite=recipe.nonfinite)
    return Standing(ranking, parts, tuple(scores), time.perf_counter() - started, gathered.curvature)


def evaluate(subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace) -> Report:
    """One setting, measured on the held-out samples of the standing's split."""
    started = time.perf_counter()
    own = recipe.own_amounts()
    mask = standing.ranking.keep(recipe.amount, own)
    measured, dense = workspace.amount(standing.ranking, recipe.amount, own), workspace.dense()
    layers, energy = _layer_reports(subject, mask.layers())
    removed = mask.removed
    zeros = sum(layer.zeros for layer in layers)
    return Report(
        subject=subject.name,
        criterion=recipe.criterion,
        granularity=recipe.granularity,
        scope=recipe.scope,
        amount=recipe.amount,
        seed=recipe.seed,
        calibration=standing.split.source,
        calibration_n=len(standing.split.calibration),
        weights=subject.weights,
        removed=removed,
        zeros=zeros / subject.weights,
        threshold=standing.ranking.threshold(recipe.amount, own),
        energy_removed=energy,
        layers=layers,
        mask_sha256=mask.sha256(),
        subject_sha256=subject.sha256,
        score=_score(workspace.task.metric, measured, dense),
        seconds=time.perf_counter() - started,
        notes=_notes(subject, layers, removed, energy, standing),
    )


def curve(subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace, amounts: Sequence[float]) -> Curve:
    """Accuracy at each of `amounts`: one shot, no fine-tuning."""
    started = time.perf_counter()
    points = tuple(curve_points(recipe, standing, workspace, amounts))
    dense = workspace.dense()
    return Curve(
        subject=subject.name,
        criterion=recipe.criterion,
        scope=recipe.scope,
        seed=recipe.seed,
        calibration=standing.split.source,
        calibration_n=len(standing.split.calibration),
        points=points,
        dense_value=float(dense.correct.mean()),
        chance=tasks.find(subject.task).chance(len(subject.classes)),
        metric=workspace.task.metric,
        seconds=time.perf_counter() - started,
    )


def curve_points(recipe: Recipe, standing: Standing, workspace: Workspace, amounts: Sequence[float]) -> Iterator[CurvePoint]:
    """The points of a curve one by one, so that whoever iterates may stop, or draw what is there already."""
    own = recipe.own_amounts()
    dense = workspace.dense()
    choosing = standing.split.choosing.numpy()
    for amount in amounts:
        measured = workspace.amount(standing.ranking, amount, own)
        yield point(amount, standing.ranking.removals(amount, own) / standing.ranking.n, measured, dense, choosing)


def point(amount: float, sparsity: float, measured: Measurement, dense: Measurement, choosing: np.ndarray) -> CurvePoint:
    """One point of a curve from what was measured, sample by sample."""
    correct, n = int(measured.correct.sum()), len(measured.correct)
    return CurvePoint(
        amount=float(amount),
        sparsity=sparsity,
        value=correct / n,
        correct=correct,
        n=n,
        interval=wilson(correct, n),
        half=(int(measured.correct[choosing].sum()), int(choosing.sum())),
        newly_wrong=int((dense.correct & ~measured.correct).sum()),
        newly_right=int((~dense.correct & measured.correct).sum()),
    )


def _layer_reports(subject: Subject, masks: dict[str, np.ndarray]) -> tuple[tuple[LayerReport, ...], float]:
    reports, gone, total = [], 0.0, 0.0
    for layer in subject.layers:
        weight = subject.parameter(layer).to(torch.float32).numpy()
        keep = masks[layer.name]
        square = np.square(np.nan_to_num(weight.astype(np.float64), posinf=0, neginf=0))
        whole = float(square.sum())
        lost = float(square[~keep].sum())
        kept = int(np.count_nonzero(keep))
        zeros = layer.size - kept + int(np.count_nonzero(keep & (weight == 0)))
        share = lost / whole if whole else 0.0
        reports.append(LayerReport(layer.name, layer.label, layer.shape, layer.size, kept, zeros, share))
        gone, total = gone + lost, total + whole
    return tuple(reports), gone / total if total else 0.0


def _score(metric: str, measured: Measurement, dense: Measurement) -> Score:
    correct, n = int(measured.correct.sum()), len(measured.correct)
    before = int(dense.correct.sum())
    return Score(
        metric=metric,
        value=correct / n,
        correct=correct,
        n=n,
        interval=wilson(correct, n),
        loss=measured.loss,
        dense_value=before / n,
        dense_correct=before,
        newly_wrong=int((dense.correct & ~measured.correct).sum()),
        newly_right=int((~dense.correct & measured.correct).sum()),
    )


def _notes(
    subject: Subject, layers: tuple[LayerReport, ...], removed: int, energy: float, standing: Standing
) -> tuple[str, ...]:
    notes = []
    broken = sum(nonfinite(subject).values())
    if removed and energy == 0 and not broken:
        notes.append(f"All {removed:,} removed weights were zero already: the network computes what it computed before.")
    empty = [layer.label for layer in layers if layer.kept == 0 and layer.weights]
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


def nonfinite(subject: Subject) -> dict[str, int]:
    """Prunable weights that are NaN or infinite, per layer; other parameters have no rank and do not count here."""
    prunable = {layer.name for layer in subject.layers}
    return {name: count for name, count in subject.nonfinite if name in prunable}


def _refuse_nonfinite(subject: Subject) -> None:
    found = nonfinite(subject)
    if found:
        where = ", ".join(f"{name}: {count}" for name, count in found.items())
        raise ValueError(
            f"{subject.title} has weights that are NaN or infinite ({where}), which have no rank; "
            "use --nonfinite remove to have them removed first, or repair the file"
        )

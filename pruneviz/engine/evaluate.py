"""Evaluate: from what was chosen to what is measured. Each step takes just what it depends on, so each can be cached."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pruneviz.engine import criterion as criteria
from pruneviz.engine import evidence as evidences
from pruneviz.engine import granularity, tasks, unit_report
from pruneviz.engine import scope as scopes
from pruneviz.engine.mask import Mask
from pruneviz.engine.measure import Measurement, Workspace
from pruneviz.engine.pattern import PatternRanking, rank_pattern
from pruneviz.engine.ranking import Ranking, rank
from pruneviz.engine.splits import Split, split
from pruneviz.engine.structure import find
from pruneviz.engine.structure.units import KINDS, Kept, Structure
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import UnitRanking, rank_units
from pruneviz.findings import noun
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, CurvePoint, LayerReport, Report, Score


@dataclass(frozen=True, eq=False)
class Standing:
    """Where every weight or unit of a subject stands under one criterion and scope: all but the amount is settled.

    `scores` are the weights' saliencies; where units go there are none, and `structure` says what the units are.
    """

    ranking: Ranking | UnitRanking | PatternRanking
    split: Split
    scores: tuple[torch.Tensor, ...]
    seconds: float
    curvature: str
    structure: Structure | None = None

    def score_at(self, flat: int) -> float:
        """The saliency of one weight, by its place among all prunable weights."""
        for scores in self.scores:
            if flat < scores.numel():
                return float(scores.reshape(-1)[flat])
            flat -= scores.numel()
        raise IndexError(flat)


def structure_of(subject: Subject, kind: str) -> Structure:
    """The units of a subject, looked for once."""
    return find.of(subject, kind)


def check(subject: Subject, recipe: Recipe) -> None:
    """Refuses, in one sentence, a Recipe that this subject cannot answer."""
    granularity.check(recipe.granularity)
    kind = recipe.granularity if recipe.granularity in KINDS else ""
    chosen = criteria.find(recipe.criterion)
    if chosen.units and kind not in chosen.units:
        here = noun(recipe.granularity)
        raise ValueError(
            f"{recipe.criterion.replace('_', ' ')} scores {_listed([noun(one) for one in chosen.units])}, not "
            f"{here}; choose one of {', '.join(criteria.offered(recipe.granularity))}"
        )
    scopes.find(recipe.scope, units=bool(kind))
    if recipe.calibration not in ("training", "held-out"):
        raise ValueError(f"unknown calibration {recipe.calibration!r}; there are training, held-out")
    if not subject.layers:
        raise ValueError(f"{subject.title} has no weight that can be pruned: it needs a linear or convolutional layer")
    known = {layer.name for layer in subject.layers}
    if kind:
        known |= _check_units(subject, recipe, kind)
    for name in recipe.own_amounts():
        if name not in known:
            raise ValueError(f"{subject.title} has no layer {name!r}; there are {', '.join(sorted(known))}")


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _check_units(subject: Subject, recipe: Recipe, kind: str) -> set[str]:
    """Refuses units that there are not; returns the names of groups, which amounts of their own may name."""
    from pruneviz.engine import unit_evidence

    granularity.find_pool(recipe.pool)
    structure = structure_of(subject, kind)
    if not structure.units:
        reasons = "; ".join(dict.fromkeys(f"{group.label}: {group.reason}" for group in structure.groups))
        raise ValueError(f"{subject.title} has no {kind} that can go{f' ({reasons[:400]})' if reasons else ''}")
    unit_evidence.refuse(subject, structure, criteria.find(recipe.criterion))
    sizes = {group.name: group.units for group in structure.removable}
    for unit in (*recipe.gone, *recipe.back):
        name, _, index = unit.rpartition(":")
        if not (index.isascii() and index.isdigit() and int(index) < sizes.get(name, 0)):
            there = f"{name}:0 to {name}:{sizes[name] - 1}" if name in sizes else f"units of {', '.join(sizes)}"
            raise ValueError(f"{subject.title} has no {kind} {unit!r} that can go; there are {there}")
    return {group.name for group in structure.groups}


def stand(
    subject: Subject, recipe: Recipe, told: Callable[[int, int], None] | None = None,
    units: Mapping[str, np.ndarray] | None = None,
) -> Standing:  # fmt: skip
    """Scores and ranks every prunable weight, or unit. Depends on everything in the Recipe but the amounts.

    `told(done, all)` hears how far a criterion is that goes unit by unit; `units` are such a criterion's scores [U] by group
    where they are known already, under whatever scope.
    """
    check(subject, recipe)
    chosen = criteria.find(recipe.criterion)
    parts = split(subject, chosen, calibration=recipe.calibration, seed=recipe.seed)
    started = time.perf_counter()
    if recipe.nonfinite == "refuse":
        _refuse_nonfinite(subject)
    if chosen.units:
        units = units or _unit_scores(subject, recipe, parts, told)
        ranking = _rank_units(subject, recipe, units)
        return Standing(ranking, parts, (), time.perf_counter() - started, "", ranking.structure)
    scores, gathered = evidences.scores(subject, chosen, *_calibration(subject, parts), seed=recipe.seed)
    if recipe.granularity in KINDS:
        structure = structure_of(subject, recipe.granularity)
        units = granularity.pool(structure, granularity.named(subject.layers, scores), recipe.pool)
        units = {name: np.where(np.isfinite(one), one, np.nan) for name, one in units.items()}  # what is broken goes first
        ranking = _rank_units(subject, recipe, units)
        return Standing(ranking, parts, (), time.perf_counter() - started, gathered.curvature, structure)
    if recipe.granularity != "weight":
        ranking = rank_pattern(subject.layers, scores, recipe.granularity)
    else:
        plain = recipe.criterion == "magnitude"
        how = {"scope": recipe.scope, "nonfinite": recipe.nonfinite}
        ranking = rank(subject.layers, subject.tensors(), None if plain else scores, **how)
    return Standing(ranking, parts, tuple(scores), time.perf_counter() - started, gathered.curvature)


def _calibration(subject: Subject, parts: Split) -> tuple:
    samples = parts.calibration_samples(subject)
    return (None, None) if samples is None else (samples.inputs(parts.calibration), samples.labels[parts.calibration])


def _rank_units(subject: Subject, recipe: Recipe, scores: dict[str, np.ndarray]) -> UnitRanking:
    structure = structure_of(subject, recipe.granularity)
    return rank_units(structure, scores, subject.layers, scope=recipe.scope, floor=recipe.floor)


def _unit_scores(
    subject: Subject, recipe: Recipe, parts: Split, told: Callable[[int, int], None] | None
) -> dict[str, np.ndarray]:
    """The scores of a criterion that looks at units themselves."""
    from pruneviz.engine import unit_evidence

    structure, chosen = structure_of(subject, recipe.granularity), criteria.find(recipe.criterion)
    found = unit_evidence.gather(subject, structure, chosen, *_calibration(subject, parts), seed=recipe.seed, told=told)
    return {name: scores.numpy() for name, scores in found.items()}


def asked(recipe: Recipe, standing: Standing) -> tuple:
    """What a ranking is asked beside the amount: own amounts, and at units those that were removed or kept by hand."""
    own = recipe.own_amounts()
    return (own, recipe.gone, recipe.back) if standing.structure else (own,)


def mask(recipe: Recipe, standing: Standing) -> Mask:
    """What stays of the prunable weights."""
    return standing.ranking.keep(recipe.amount, *asked(recipe, standing))


def kept(recipe: Recipe, standing: Standing) -> Kept:
    """Which units stay, bool [U] per group; empty where it is no units that go."""
    return standing.ranking.kept(recipe.amount, *asked(recipe, standing)) if standing.structure else {}


def evaluate(subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace) -> Report:
    """One setting, measured on the held-out samples of the standing's split."""
    started = time.perf_counter()
    if isinstance(standing.ranking, PatternRanking):
        standing.ranking.check(recipe.amount)
    what, stays = asked(recipe, standing), mask(recipe, standing)
    measured, dense = workspace.amount(standing.ranking, recipe.amount, *what), workspace.dense()
    layers, energy = _layer_reports(subject, stays.layers())
    removed = stays.removed
    units = kept(recipe, standing)
    groups = unit_report.groups(subject, recipe, standing.ranking) if standing.structure else ()
    cost, words = unit_report.cost(subject, layers, standing.structure, units)
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
        zeros=sum(layer.zeros for layer in layers) / subject.weights,
        threshold=standing.ranking.threshold(recipe.amount, *what),
        energy_removed=energy,
        layers=layers,
        mask_sha256=stays.sha256(),
        subject_sha256=subject.sha256,
        score=_score(workspace.task.metric, measured, dense),
        seconds=time.perf_counter() - started,
        notes=(
            *unit_report.notes(subject, recipe, standing.ranking),
            *_notes(subject, layers, removed, energy, standing),
            *words,
        ),
        groups=groups,
        units=sum(len(one) for one in units.values()),
        units_removed=sum(int((~one).sum()) for one in units.values()),
        cost=cost,
        pool=recipe.pool if standing.structure else "",
    )


def curve(subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace, amounts: Sequence[float]) -> Curve:
    """Accuracy at each of `amounts`: one shot, no fine-tuning."""
    started = time.perf_counter()
    points = tuple(curve_points(recipe, standing, workspace, amounts))
    return Curve(
        subject=subject.name,
        criterion=recipe.criterion,
        scope=recipe.scope,
        seed=recipe.seed,
        calibration=standing.split.source,
        calibration_n=len(standing.split.calibration),
        points=points,
        dense_value=workspace.dense().value,
        chance=tasks.find(subject.task).chance(len(subject.classes)),
        metric=workspace.task.metric,
        seconds=time.perf_counter() - started,
    )


def curve_points(recipe: Recipe, standing: Standing, workspace: Workspace, amounts: Sequence[float]) -> Iterator[CurvePoint]:
    """The points of a curve one by one, so that whoever iterates may stop, or draw what is there already."""
    what = asked(recipe, standing)
    dense = workspace.dense()
    choosing, known = standing.split.choosing.numpy(), {}
    for amount in amounts:
        # Units leave in one order: as many gone are the same ones gone. Four layers have five networks, not a hundred.
        count = standing.ranking.removals(amount, *what) if standing.structure else amount
        if count not in known:
            known[count] = workspace.amount(standing.ranking, amount, *what)
        yield point(amount, _sparsity(standing, amount, what), known[count], dense, choosing)


def _sparsity(standing: Standing, amount: float, what: tuple) -> float:
    """The fraction of the prunable weights that go."""
    if standing.structure is None:
        return standing.ranking.removals(amount, *what) / standing.ranking.n
    layers = standing.ranking.layers
    left = granularity.left(standing.structure, standing.ranking.kept(amount, *what), layers)
    weights = sum(layer.size for layer in layers)
    return (weights - int(left.sum())) / weights


def point(amount: float, sparsity: float, measured: Measurement, dense: Measurement, choosing: np.ndarray) -> CurvePoint:
    """One point of a curve from what was measured, sample by sample."""
    right = measured.correct
    newly_wrong, newly_right = _flips(measured, dense)
    return CurvePoint(
        amount=float(amount),
        sparsity=sparsity,
        value=measured.value,
        correct=None if right is None else int(right.sum()),
        n=measured.n,
        interval=measured.interval,
        half=(0, 0) if right is None else (int(right[choosing].sum()), int(choosing.sum())),
        newly_wrong=newly_wrong,
        newly_right=newly_right,
    )


def _flips(measured: Measurement, dense: Measurement) -> tuple[int, int]:
    """How many samples became wrong, and how many right."""
    if measured.correct is None or dense.correct is None:
        return 0, 0
    return int((dense.correct & ~measured.correct).sum()), int((~dense.correct & measured.correct).sum())


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
    newly_wrong, newly_right = _flips(measured, dense)
    return Score(
        metric=metric,
        value=measured.value,
        correct=None if measured.correct is None else int(measured.correct.sum()),
        n=measured.n,
        interval=measured.interval,
        loss=measured.loss,
        dense_value=dense.value,
        dense_correct=None if dense.correct is None else int(dense.correct.sum()),
        newly_wrong=newly_wrong,
        newly_right=newly_right,
    )


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

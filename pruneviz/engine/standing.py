"""Standing: where every weight or unit of a subject stands under one criterion and scope. Nothing is measured here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from pruneviz.engine import criterion as criteria
from pruneviz.engine import evidence as evidences
from pruneviz.engine import granularity
from pruneviz.engine import scope as scopes
from pruneviz.engine.fitting import check, refuse_nonfinite, structure_of
from pruneviz.engine.mask import Mask
from pruneviz.engine.pattern import PatternRanking, rank_pattern
from pruneviz.engine.ranking import Ranking, rank
from pruneviz.engine.splits import Split, split
from pruneviz.engine.structure.units import KINDS, Kept, Structure
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import UnitRanking, rank_units
from pruneviz.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Standing:
    """Where every weight or unit of a subject stands under one criterion and scope: all but the amount is settled.

    `scores` are the weights' saliencies; where units go there are none, and `structure` says what the units are. `later`
    says by how much less each layer gives, where the scope looks at that.
    """

    ranking: Ranking | UnitRanking | PatternRanking
    split: Split
    scores: tuple[torch.Tensor, ...]
    seconds: float
    curvature: str
    structure: Structure | None = None
    later: tuple[float, ...] | None = None

    def score_at(self, flat: int) -> float:
        """The saliency of one weight, by its place among all prunable weights."""
        for scores in self.scores:
            if flat < scores.numel():
                return float(scores.reshape(-1)[flat])
            flat -= scores.numel()
        raise IndexError(flat)


def stand(
    subject: Subject, recipe: Recipe, told: Callable[[int, int], None] | None = None,
    units: Mapping[str, np.ndarray] | None = None,
) -> Standing:  # fmt: skip
    """Scores and ranks every prunable weight, or unit. Depends on everything in the Recipe but the amounts.

    `told(done, all)` hears how far a criterion is that goes unit by unit; `units` are such a criterion's scores [U] by group
    where they are known already, under whatever scope.
    """
    check(subject, recipe)
    chosen, rule = criteria.find(recipe.criterion), rule_of(recipe)
    parts = split_of(subject, recipe)
    started = time.perf_counter()
    if recipe.nonfinite == "refuse":
        refuse_nonfinite(subject)
    if chosen.units:
        units = units or _unit_scores(subject, recipe, parts, told)
        ranking = _rank_units(subject, recipe, units)
        return Standing(ranking, parts, (), time.perf_counter() - started, "", ranking.structure)
    besides = rule.needs if rule else ()
    scores, gathered = evidences.scores(subject, chosen, *_calibration(subject, parts), seed=recipe.seed, besides=besides)
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
        later = tuple(rule.later(gathered.evidence).tolist()) if rule.later else None
        how = {"scope": recipe.scope, "nonfinite": recipe.nonfinite, "later": later}
        ranking = rank(subject.layers, subject.tensors(), None if plain else scores, **how)
        return Standing(ranking, parts, tuple(scores), time.perf_counter() - started, gathered.curvature, later=later)
    return Standing(ranking, parts, tuple(scores), time.perf_counter() - started, gathered.curvature)


def rule_of(recipe: Recipe) -> scopes.Scope | None:
    """Who competes with whom where single weights go; at units and patterns nothing has to be looked at for that."""
    return scopes.find(recipe.scope) if recipe.granularity == "weight" else None


def split_of(subject: Subject, recipe: Recipe) -> Split:
    """The samples that a Recipe's criterion, or its scope, looks at, and those that are measured."""
    chosen, rule = criteria.find(recipe.criterion), rule_of(recipe)
    looks = rule if rule and rule.needs_data and not chosen.needs_data else chosen
    return split(subject, looks, calibration=recipe.calibration, seed=recipe.seed)


def later_of(subject: Subject, rule: scopes.Scope, parts: Split, seed: int) -> tuple[float, ...] | None:
    """By how much less each layer gives under a scope, from these calibration samples; None where it does not look."""
    if rule.later is None:
        return None
    found = evidences.gather(subject, rule.needs, *_calibration(subject, parts), seed=seed)
    return tuple(rule.later(found.evidence).tolist())


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

"""Restand: a standing from scores that were found elsewhere, in another process, so that nothing is scored twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pruneviz.engine.fitting import check, structure_of
from pruneviz.engine.pattern import rank_pattern
from pruneviz.engine.ranking import rank
from pruneviz.engine.standing import Standing, split_of
from pruneviz.engine.structure.units import KINDS
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import rank_units
from pruneviz.recipe import Recipe


def restand(subject: Subject, recipe: Recipe, found: Mapping[str, Any]) -> Standing:
    """The standing of a Recipe from its scores: `units`, float64 [U] by group, or `path`, a safetensors file of the weights'
    scores in the order of layers, with the `seconds` that they took, the `curvature` that they used, and what the scope saw
    (`later`)."""
    check(subject, recipe)
    parts = split_of(subject, recipe)
    seconds, curvature = float(found.get("seconds", 0.0)), str(found.get("curvature", ""))
    if recipe.granularity in KINDS:
        structure = structure_of(subject, recipe.granularity)
        ranking = rank_units(structure, dict(found["units"]), subject.layers, scope=recipe.scope, floor=recipe.floor)
        return Standing(ranking, parts, (), seconds, curvature, structure)
    from safetensors.torch import load_file

    scores = [tensor for _, tensor in sorted(load_file(found["path"]).items())]
    if recipe.granularity != "weight":
        return Standing(rank_pattern(subject.layers, scores, recipe.granularity), parts, tuple(scores), seconds, curvature)
    later = found.get("later")
    how = {"scope": recipe.scope, "nonfinite": recipe.nonfinite, "later": later}
    ranking = rank(subject.layers, subject.tensors(), scores, **how)
    return Standing(ranking, parts, tuple(scores), seconds, curvature, later=later)

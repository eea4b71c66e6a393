"""Cutting: what stays of a network in training at an amount, under a Recipe's criterion, granularity and scope.

What is gone stays gone: pruned weights are zero and leave first, units that went are named, and no mask brings one back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from torch import Tensor

from pruneviz.engine.standing import asked, stand
from pruneviz.engine.structure import units
from pruneviz.engine.structure.units import Structure
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe

Nothing: Mapping[str, Tensor] = {}


def stays(inside: Subject, recipe: Recipe, amount: float, held: Mapping[str, Tensor] = Nothing) -> dict[str, np.ndarray]:
    """What stays of each prunable weight, and where units go of whatever hangs on them: bool by parameter.

    `inside` is the subject around the network in training (make it once: its units are looked for once), `held` what is
    held so far. The network must be in the mode in which it is measured.
    """
    before = {name: kept.numpy() for name, kept in held.items()}
    standing = stand(inside, recipe)
    if standing.structure is None:
        kept = standing.ranking.keep(amount, *asked(recipe, standing)).layers()
    else:
        gone = tuple(sorted({*recipe.gone, *_gone(standing.structure, before)}))
        left = standing.ranking.kept(amount, *asked(replace(recipe, gone=gone), standing))
        shapes = {name: tuple(one.shape) for name, one in inside.network.named_parameters()}
        found, prunable = units.spread(standing.structure, left, shapes), {layer.name for layer in inside.layers}
        kept = {name: one for name, one in found.items() if name in prunable or not one.all()}
    return {name: one & before[name] if name in before else one for name, one in kept.items()}


def sparsity(inside: Subject, held: Mapping[str, Tensor]) -> float:
    """The share of the prunable weights that is gone."""
    return 1 - float(alive(inside, held) @ [layer.size for layer in inside.layers]) / inside.weights


def alive(inside: Subject, held: Mapping[str, Tensor]) -> np.ndarray:
    """The share of each layer's weights that stays, float64 [L]."""
    shares = (float(held[layer.name].double().mean()) if layer.name in held else 1.0 for layer in inside.layers)
    return np.fromiter(shares, dtype=np.float64)


def _gone(structure: Structure, before: Mapping[str, np.ndarray]) -> list[str]:
    """The units that are gone already, by name («conv1:17»)."""
    if not before:
        return []
    shapes = {part.tensor for group in structure.removable for part in group.of("makes")}
    if not shapes & before.keys():
        return []
    left = units.gathered(structure, before)
    return [f"{group}:{at}" for group, stay in left.items() for at in np.flatnonzero(~stay)]

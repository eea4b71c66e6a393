"""Sweep: what goes at each whole percent, exactly, without a forward pass: all that a drag needs to redraw itself."""

from __future__ import annotations

import numpy as np
import torch

from pruneviz.engine import unit_sweep
from pruneviz.engine.evaluate import Standing
from pruneviz.engine.pattern import PatternRanking
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import UnitRanking
from pruneviz.recipe import Recipe
from pruneviz.report import PERCENTS, Sweep

BINS = 120
STAYS = PERCENTS + 1


def sweep(subject: Subject, recipe: Recipe, standing: Standing, *, only: str = "", absolute: bool = False) -> Sweep:
    """The sweep of a whole subject, or of the layer `only`; weights are binned by w, or by |w| where `absolute`.

    Where units go, counts are of units, bins of their scores, and `only` names a group. A pattern has nothing to sweep.
    """
    if isinstance(standing.ranking, UnitRanking):
        return unit_sweep.sweep(subject, recipe, standing.ranking, only)
    if isinstance(standing.ranking, PatternRanking):
        raise ValueError(f"{recipe.granularity} is one choice, not a scale: there is nothing to sweep")
    own = recipe.own_amounts()
    nodes = [percent / 100 for percent in range(PERCENTS)]
    ranking, layers, start, stop = standing.ranking, subject.layers, 0, subject.weights
    if only:
        at = [layer.name for layer in subject.layers].index(only)
        start = sum(layer.size for layer in subject.layers[:at])
        layers, stop = (subject.layers[at],), start + subject.layers[at].size
    kept_at = ranking.sweep(own)[start:stop]  # [n] the number of nodes at which each weight is still there
    weights = torch.cat([subject.parameter(layer).reshape(-1).to(torch.float32) for layer in layers]).numpy()
    edges = _edges(weights, absolute)
    values = np.abs(weights) if absolute else weights
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    table = np.bincount(kept_at.astype(np.int64) * BINS + place, minlength=STAYS * BINS).reshape(STAYS, BINS)
    squares = np.square(np.nan_to_num(weights.astype(np.float64), posinf=0, neginf=0))
    lost = np.bincount(kept_at, weights=squares, minlength=STAYS)[:PERCENTS].cumsum()
    kept = _kept(kept_at, [layer.size for layer in layers])
    return Sweep(
        removed=sum(layer.size for layer in layers) - kept.sum(axis=1),
        energy=lost / max(squares.sum(), 1e-300),
        threshold=_thresholds(standing, nodes, own, only, np.abs(weights), kept_at),
        layers=tuple((layer.name, layer.label, layer.shape, layer.size) for layer in layers),
        kept=kept,
        edges=edges,
        total=table.sum(0),
        gone=table[:PERCENTS].cumsum(0),
    )


def _kept(kept_at: np.ndarray, sizes: list[int]) -> np.ndarray:
    """Weights left of each layer at each node, [P, L]."""
    parts = np.split(kept_at, np.cumsum(sizes)[:-1])
    left = [size - np.bincount(part, minlength=STAYS)[:PERCENTS].cumsum() for part, size in zip(parts, sizes, strict=True)]
    return np.stack(left, axis=1)


def _thresholds(standing, nodes, own, only: str, sizes: np.ndarray, kept_at: np.ndarray) -> np.ndarray | None:
    """The largest removed score at each node, [P]: one for all layers if the scope is global, one layer's with `only`."""
    if only:
        leaving = np.zeros(STAYS)
        np.maximum.at(leaving, kept_at, np.nan_to_num(sizes, posinf=0))
        return np.maximum.accumulate(leaving)[:PERCENTS]
    if standing.ranking.scope.key != "global":
        return None
    found = [standing.ranking.threshold(node, own) for node in nodes]
    return np.array([0.0 if value is None else value for value in found])


def _edges(weights: np.ndarray, absolute: bool) -> np.ndarray:
    """Bin edges [B+1], symmetric about zero or from zero on, that hold all but the outermost thousandth; the outer bins
    take the rest."""
    sizes = np.abs(weights[np.isfinite(weights)])
    reach = float(np.quantile(sizes, 0.999)) if sizes.size else 0.0
    reach = reach or float(sizes.max(initial=0.0)) or 1.0
    return np.linspace(0.0 if absolute else -reach, reach, BINS + 1)

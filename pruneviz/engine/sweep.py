"""Sweep: what goes at each whole percent, exactly, without a forward pass: all that a drag needs to redraw itself."""

from __future__ import annotations

import numpy as np
import torch

from pruneviz.engine import kernels, unit_sweep
from pruneviz.engine.evaluate import Standing
from pruneviz.engine.pattern import PatternRanking
from pruneviz.engine.quantile import quantile
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
    weights = [subject.parameter(layer).detach().reshape(-1).to(torch.float32).numpy() for layer in layers]
    edges = _edges(weights, absolute)
    table, leave, squares = _tables(weights, kept_at, edges, absolute)
    lost = squares[:PERCENTS].cumsum()
    # Of each layer what is left at each node, [P, L].
    kept = np.array([layer.size for layer in layers]) - leave[:, :PERCENTS].cumsum(1).T
    return Sweep(
        removed=sum(layer.size for layer in layers) - kept.sum(axis=1),
        energy=lost / max(squares.sum(), 1e-300),
        threshold=_thresholds(standing, nodes, own, np.abs(weights[0]) if only else None, kept_at),
        layers=tuple((layer.name, layer.label, layer.shape, layer.size) for layer in layers),
        kept=kept,
        edges=edges,
        total=table.sum(0),
        gone=table[:PERCENTS].cumsum(0),
    )


def _tables(weights: list[np.ndarray], kept_at: np.ndarray, edges: np.ndarray, absolute: bool) -> tuple:
    """How many weights leave at each node out of each bin, [P+1, B], how many of each layer, [L, P+1], and their squares,
    [P+1]."""
    passes, starts = kernels.choose(), np.cumsum([0, *(layer.size for layer in weights)])

    def work(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        table, leave, squares = np.zeros((STAYS, BINS), np.int64), np.zeros((len(weights), STAYS), np.int64), np.zeros(STAYS)
        for start, stop, layer, _ in rows.tolist():
            first, last = int(starts[layer]), int(starts[layer + 1])
            before = table.sum(1)
            passes.tabulate(
                weights[layer], kept_at[first:last], start - first, stop - first, edges, absolute, table, squares
            )
            leave[layer] += table.sum(1) - before
        return table, leave, squares

    return tuple(sum(found) for found in zip(*kernels.spread(work, kernels.shares(starts)), strict=True))


def _thresholds(standing, nodes, own, sizes: np.ndarray | None, kept_at: np.ndarray) -> np.ndarray | None:
    """The largest removed score at each node, [P]: of all layers if the scope is global, or of one layer's `sizes`."""
    if sizes is not None:
        leaving = np.zeros(STAYS)
        np.maximum.at(leaving, kept_at, np.nan_to_num(sizes, posinf=0))
        return np.maximum.accumulate(leaving)[:PERCENTS]
    if standing.ranking.scope.key != "global":
        return None
    found = [standing.ranking.threshold(node, own) for node in nodes]
    return np.array([0.0 if value is None else value for value in found])


def _edges(weights: list[np.ndarray], absolute: bool) -> np.ndarray:
    """Bin edges [B+1], symmetric about zero or from zero on, that hold all but the outermost thousandth; the outer bins
    take the rest."""
    reach = quantile(weights, 0.999) or quantile(weights, 1.0) or 1.0
    return np.linspace(0.0 if absolute else -reach, reach, BINS + 1)

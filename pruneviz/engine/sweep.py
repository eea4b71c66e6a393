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
    tables, squares = _tables(weights, kept_at, edges, absolute)
    table, lost = tables.sum(0), squares[:PERCENTS].cumsum()
    # Of each layer what is left at each node, [P, L].
    kept = np.array([layer.size for layer in layers]) - tables.sum(2)[:, :PERCENTS].cumsum(1).T
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


def _tables(
    weights: list[np.ndarray], kept_at: np.ndarray, edges: np.ndarray, absolute: bool
) -> tuple[np.ndarray, np.ndarray]:
    """How many weights of each layer leave at each node out of each bin, [L, P+1, B], and all squares by node, [P+1]."""
    passes, starts = kernels.choose(), np.cumsum([0, *(layer.size for layer in weights)])
    tables = np.zeros((len(weights), STAYS, BINS), np.int64)

    def work(rows: np.ndarray) -> tuple[list[tuple[int, np.ndarray]], np.ndarray]:
        mine, squares = [], np.zeros(STAYS)
        for start, stop, layer, _ in rows.tolist():
            here = np.zeros((STAYS, BINS), np.int64)
            first, last = int(starts[layer]), int(starts[layer + 1])
            passes.tabulate(weights[layer], kept_at[first:last], start - first, stop - first, edges, absolute, here, squares)
            mine.append((layer, here))
        return mine, squares

    layers = np.arange(len(weights))
    found = kernels.spread(work, kernels.divide(np.stack([starts[:-1], starts[1:], layers, layers], axis=1)))
    for mine, _ in found:
        for layer, here in mine:
            tables[layer] += here
    return tables, np.sum([squares for _, squares in found], axis=0)


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

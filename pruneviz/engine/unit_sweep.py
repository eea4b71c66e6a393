"""Unit sweep: which units go at each whole percent, and what the network weighs and works then, without a forward pass."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pruneviz.engine import unit_report
from pruneviz.engine.cost import Meter
from pruneviz.engine.structure.units import NOBODY
from pruneviz.engine.subject import Layer, Subject
from pruneviz.engine.unit_ranking import UnitRanking
from pruneviz.recipe import Recipe
from pruneviz.report import PERCENTS, Sweep

BINS = 120
STAYS = PERCENTS + 1


def sweep(subject: Subject, recipe: Recipe, ranking: UnitRanking, only: str = "") -> Sweep:
    """The sweep of all units, or of those of the group `only`, binned by their scores."""
    what = recipe.own_amounts(), recipe.gone, recipe.back
    kept_at = ranking.sweep(*what)  # [U] the number of nodes at which each unit is still there
    parts, scores = ranking.split(kept_at), ranking.split(ranking.scores)
    groups = [ranking.structure.group(only)] if only else ranking.structure.removable
    here, values = (np.concatenate([one[group.name] for group in groups]) for one in (parts, scores))
    edges = _edges(values)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    table = np.bincount(here.astype(np.int64) * BINS + place, minlength=STAYS * BINS).reshape(STAYS, BINS)
    nodes = np.arange(PERCENTS)[:, None]
    kept = np.stack([(parts[group.name] > nodes).sum(axis=1) for group in groups], axis=1)
    parameters, macs = _shares(subject, ranking, kept_at > nodes)
    return Sweep(
        removed=here.size - kept.sum(axis=1),
        energy=_energy(subject, ranking, parts),
        threshold=_thresholds(ranking, what),
        layers=tuple((group.name, group.label, (group.units,), group.units) for group in groups),
        kept=kept,
        edges=edges,
        total=table.sum(0),
        gone=table[:PERCENTS].cumsum(0),
        unit=ranking.structure.granularity,
        parameters=parameters,
        macs=macs,
    )


def _thresholds(ranking: UnitRanking, what: tuple) -> np.ndarray | None:
    """The score of the last to go by rank at each node, [P], where all compete on one scale."""
    if ranking.scope.key != "global":
        return None
    found = [ranking.threshold(percent / 100, *what) for percent in range(PERCENTS)]
    return np.array([0.0 if value is None else value for value in found])


def _shares(subject: Subject, ranking: UnitRanking, stays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shares of parameters and of multiply-adds that are left at each node, [P] each; stays [P, U]."""
    counted = unit_report.counted(subject)
    states = dict(zip(ranking.names, np.split(stays, ranking.starts[1:-1], axis=1), strict=True))
    parameters, macs = Meter(counted, ranking.structure).at(states)
    return parameters / max(1, counted.parameters), macs / max(1.0, counted.macs)


def _energy(subject: Subject, ranking: UnitRanking, parts: dict[str, np.ndarray]) -> np.ndarray:
    """The share of Σw² that is gone at each node, [P]."""
    lost, total = np.zeros(STAYS), 0.0
    for layer in subject.layers:
        squares = np.square(np.nan_to_num(subject.parameter(layer).double().numpy(), posinf=0, neginf=0)).reshape(-1)
        lost += np.bincount(lasting(ranking, layer, parts).reshape(-1), weights=squares, minlength=STAYS)
        total += float(squares.sum())
    return lost[:PERCENTS].cumsum() / max(total, 1e-300)


def lasting(ranking: UnitRanking, layer: Layer, parts: dict[str, np.ndarray]) -> np.ndarray:
    """Of each weight of a layer, at how many nodes it is still there, uint8 of its shape: it goes with the first of the
    units that it belongs to, and with the last of the modules that hold it."""
    names, found = (layer.name, *layer.aliases), np.full(layer.shape, PERCENTS, dtype=np.uint8)
    for group in ranking.structure.removable:
        for part in (part for part in group.parts if part.tensor in names):
            stays = np.where(part.owner == NOBODY, np.uint8(PERCENTS), parts[group.name][part.owner])
            np.minimum(found, stays.reshape([-1 if at == part.axis else 1 for at in range(found.ndim)]), out=found)
    return np.minimum(found, np.uint8(max(min(_holders(ranking, name, parts)) for name in names)))


def _holders(ranking: UnitRanking, name: str, parts: dict[str, np.ndarray]) -> Iterator[int]:
    """At how many nodes each layer (module) that holds a weight under this name is still there."""
    yield PERCENTS
    for group in ranking.structure.removable:
        for block, at in zip(group.blocks, parts[group.name], strict=False):
            if name.startswith(f"{block}."):
                yield int(at)


def _edges(scores: np.ndarray) -> np.ndarray:
    """Bin edges [B+1] from the least to the greatest finite score."""
    finite = scores[np.isfinite(scores)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1)

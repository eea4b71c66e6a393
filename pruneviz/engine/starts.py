"""Starts: the allocations that a search goes out from, at any budget: every scope that there is, and least distortion."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pruneviz.engine import scope as scopes
from pruneviz.engine.budget import Budget
from pruneviz.engine.ranking import Ranking, rank
from pruneviz.engine.scope import Scope
from pruneviz.engine.splits import split
from pruneviz.engine.standing import Standing, later_of
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import UnitRanking, groups_of, rank_units
from pruneviz.recipe import Recipe

Start = Callable[[float], np.ndarray]
"""From what may be left to the counts [L] that leave at most that."""


def offered(subject: Subject, budget: Budget) -> dict[str, ByScope]:
    """A start for every scope that fits what is pruned and shares it among layers in a way of its own, by its key."""
    units = budget.standing.structure is not None
    shelf = scopes.shelf(units=units).items()
    # Rows that all give the same make layers that all give the same: there is such a start already.
    mine = [key for key, one in shelf if (one.later or not one.rows) and _known(subject, one, budget.standing)]
    return {key: ByScope(subject, budget, key) for key in mine}


class ByScope:
    """What one amount for all takes under a scope: uniform («layer»), global, ERK, LAMP …"""

    def __init__(self, subject: Subject, budget: Budget, scope: str) -> None:
        self.scope, self._budget = scope, budget
        self._ranking = ranked(subject, budget.recipe, budget.standing, scope)
        self._fixed = dict.fromkeys(budget.recipe.spared, 0.0)
        self._free = _free(self._ranking, self._fixed)
        self._known: dict[int, np.ndarray] = {}

    def __call__(self, target: float) -> np.ndarray:
        return self._counts(self._fewest(target))

    def amount(self, target: float) -> float:
        """The amount at which this scope leaves at most `target`, and not one weight or unit less than it must."""
        return self._fewest(target) / max(1, self._free)

    def _fewest(self, target: float) -> int:
        """How many of all that compete have to go."""
        low, high = 0, self._free
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._budget.left(self._counts(middle)) <= target else (middle + 1, high)
        return low

    def _counts(self, gone: int) -> np.ndarray:
        if gone not in self._known:
            amount = gone / max(1, self._free)
            self._known[gone] = self._weights(amount) if self._budget.standing.structure is None else self._units(amount)
        return self._known[gone]

    def _weights(self, amount: float) -> np.ndarray:
        by_name = dict(zip(self._ranking.names, self._ranking.counts(amount, self._fixed), strict=True))
        return np.array([by_name[one.name] for one in self._budget.players], dtype=np.int64)

    def _units(self, amount: float) -> np.ndarray:
        recipe = self._budget.recipe
        return self._budget.gone(self._ranking.kept(amount, self._fixed, recipe.gone, recipe.back))


def ranked(subject: Subject, recipe: Recipe, standing: Standing, scope: str) -> Ranking | UnitRanking:
    """The ranking of the same scores under another scope."""
    if scope == recipe.scope:
        return standing.ranking
    if standing.structure is not None:
        scores = standing.ranking.split(standing.ranking.scores)
        return rank_units(standing.structure, scores, subject.layers, scope=scope, floor=recipe.floor)
    plain, rule = recipe.criterion == "magnitude", scopes.find(scope)
    parts = standing.split
    if rule.needs_data and parts.source == "none":
        parts = split(subject, rule, calibration="training", seed=recipe.seed)
    later = later_of(subject, rule, parts, recipe.seed)
    how = {"scope": scope, "nonfinite": recipe.nonfinite, "later": later}
    return rank(subject.layers, subject.tensors(), None if plain else standing.scores, **how)


def _known(subject: Subject, scope: Scope, standing: Standing) -> bool:
    """Whether there are samples for a scope to look at: those of the criterion, or a training split."""
    return not scope.needs_data or standing.split.source != "none" or bool(subject.training)


def _free(ranking: Ranking | UnitRanking, fixed: Mapping[str, float]) -> int:
    """How many weights or units compete for one amount."""
    if isinstance(ranking, UnitRanking):
        groups = {group for name in fixed for group in groups_of(ranking.structure, ranking.layers, name)}
        return int(sum(size for name, size in zip(ranking.names, ranking.sizes, strict=True) if name not in groups))
    return int(sum(size for name, size in zip(ranking.names, ranking.sizes, strict=True) if name not in fixed))

"""Budget: what is left of a network when so much of each layer goes, and how to meet a budget to within one weight or unit.

An allocation is an array of counts [L]: how many weights of each layer, or units of each group, go by rank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pruneviz.allocation import short
from pruneviz.engine import cost as costs
from pruneviz.engine import unit_report
from pruneviz.engine.standing import Standing
from pruneviz.engine.structure.units import Kept
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import groups_of
from pruneviz.recipe import Recipe

HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Player:
    """A layer, or a group of units, that may lose at most `most` of its `size` weights or units."""

    name: str
    label: str
    size: int
    most: int


class Budget:
    """The players of one Recipe, and what an allocation leaves of the currency: parameters, or multiply-adds."""

    def __init__(self, subject: Subject, recipe: Recipe, standing: Standing, currency: str) -> None:
        self.recipe, self.standing, self.currency = recipe, standing, currency
        units = standing.structure is not None
        self._counted = _counted(subject, needed=units or currency == "macs")
        self.players = _groups(recipe, standing) if units else _layers(subject, recipe)
        if not self.players:
            raise ValueError(f"{subject.title} has nothing whose amount could be chosen: free a layer that is kept whole")
        self.sizes = np.array([one.size for one in self.players], dtype=np.int64)
        self.most = np.array([one.most for one in self.players], dtype=np.int64)
        self._fixed = dict.fromkeys(recipe.spared, 0.0)
        self._orders = _Orders(recipe, standing, self.players, self._fixed) if units else None
        self._prices = None if units else self._price(subject)
        self._whole = self._counted.parameters if self._counted else subject.weights
        if currency == "macs":
            self._whole = self._counted.macs
        self.whole = self.left(np.zeros_like(self.sizes))
        self.least = self.left(self.most)

    def own(self, counts: np.ndarray) -> dict[str, float]:
        """The amounts that take exactly these counts; what is spared stays."""
        amounts = {one.name: short(int(count), one.size) for one, count in zip(self.players, counts, strict=True)}
        return {**amounts, **self._fixed}

    def amounts(self, counts: np.ndarray) -> tuple[tuple[str, float], ...]:
        """The same as overrides of a Recipe."""
        own = self.own(counts)
        return tuple((one.name, own[one.name]) for one in self.players)

    def asked(self, counts: np.ndarray) -> tuple:
        """What a ranking is asked beside the amount."""
        own = self.own(counts)
        return (own, self.recipe.gone, self.recipe.back) if self._orders else (own,)

    def left(self, counts: np.ndarray) -> float:
        """What is left of the currency."""
        if self._orders is None:
            return float(self._whole - self._prices @ counts)
        parameters, macs = costs.after(self._counted, self.standing.structure, self._orders.kept(counts))
        return float(macs if self.currency == "macs" else parameters)

    def fit(self, wanted: np.ndarray, target: float) -> np.ndarray:
        """The allocation that keeps in proportion to `wanted` [L] (of each layer at most all) and leaves at most `target`,
        to within one weight or unit; everything that may go where even that leaves more."""
        if self.left(self.most) > target:
            return self.most.copy()
        wanted = np.maximum(np.asarray(wanted, dtype=np.float64), 1e-9)
        low, high = 0.0, float((self.sizes / wanted).max())
        counts = self._at(high, wanted)
        if self.left(counts) > target:
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                low, high = (middle, high) if self.left(self._at(middle, wanted)) <= target else (low, middle)
            counts = self._at(low, wanted)
        return self.fill(counts, target)

    def fill(self, counts: np.ndarray, target: float) -> np.ndarray:
        """Gives back what the target allows, one layer after another, so that nobody could have one more."""
        found = counts.copy()
        for at in np.argsort(-self.sizes, kind="stable"):
            low, high = 0, int(found[at])
            while low < high:
                middle = (low + high + 1) // 2
                found[at] -= middle
                low, high = (middle, high) if self.left(found) <= target else (low, middle - 1)
                found[at] += middle
            found[at] -= low
        return found

    def kept(self, counts: np.ndarray) -> Kept:
        """Which units stay; where units go."""
        return self._orders.kept(counts)

    def gone(self, kept: Kept) -> np.ndarray:
        """The counts of which units stay; where units go."""
        return self._orders.counts(kept)

    def _at(self, scale: float, wanted: np.ndarray) -> np.ndarray:
        keeps = np.rint(np.minimum(scale * wanted, self.sizes)).astype(np.int64)
        return np.clip(self.sizes - keeps, 0, self.most)

    def _price(self, subject: Subject) -> np.ndarray:
        """What one weight of each layer costs."""
        if self.currency == "parameters":
            return np.ones(len(self.players))
        names = {layer.name: (layer.name, *layer.aliases) for layer in subject.layers}
        each = self._counted.positions
        return np.array([sum(each.get(name, 0.0) for name in names[one.name]) for one in self.players])


class _Orders:
    """Which units of each group go when so many go by rank, as the ranking has it, without asking it each time."""

    def __init__(self, recipe: Recipe, standing: Standing, players: tuple[Player, ...], fixed: dict[str, float]) -> None:
        ranking = standing.ranking
        held = ranking.split(ranking.floors(recipe.gone))
        all_of = {one.name: 1.0 for one in players}
        self._dense = ranking.kept(0.0, dict.fromkeys(all_of, 0.0) | fixed, recipe.gone, recipe.back)
        self._least = ranking.kept(0.0, all_of | fixed, recipe.gone, recipe.back)
        self._players, scores = players, ranking.split(ranking.scores)
        order = {one.name: np.argsort(scores[one.name], kind="stable") for one in players}
        self._order = {name: at[~held[name][at]] for name, at in order.items()}

    def kept(self, counts: np.ndarray) -> Kept:
        """Which units stay, bool [U] per group."""
        kept = {name: stays.copy() for name, stays in self._dense.items()}
        for one, count in zip(self._players, counts, strict=True):
            going = self._order[one.name][:count]
            kept[one.name][going] = kept[one.name][going] & self._least[one.name][going]
        return kept

    def counts(self, kept: Kept) -> np.ndarray:
        """How many go by rank where these stay."""
        found = []
        for one in self._players:
            order = self._order[one.name]
            by_rank = np.flatnonzero(~kept[one.name][order] & self._dense[one.name][order])
            found.append(int(by_rank[-1]) + 1 if by_rank.size else 0)
        return np.array(found, dtype=np.int64)


def _layers(subject: Subject, recipe: Recipe) -> tuple[Player, ...]:
    return tuple(
        Player(one.name, one.label, one.size, one.size)
        for one in subject.layers
        if one.size and one.name not in recipe.spared
    )


def _groups(recipe: Recipe, standing: Standing) -> tuple[Player, ...]:
    structure, ranking = standing.structure, standing.ranking
    spared = {group for name in recipe.spared for group in groups_of(structure, ranking.layers, name)}
    held = ranking.split(ranking.floors(recipe.gone))
    return tuple(
        Player(one.name, one.label, one.units, one.units - int(held[one.name].sum()))
        for one in structure.removable
        if one.name not in spared and one.units > int(held[one.name].sum())
    )


def _counted(subject: Subject, *, needed: bool) -> costs.Counted | None:
    """What the network costs; None where that cannot be counted and single weights are all that is asked about."""
    try:
        return unit_report.counted(subject)
    except (RuntimeError, NotImplementedError, TypeError) as problem:
        if not needed:
            return None
        said = " ".join(str(problem).split())[:160]
        raise ValueError(
            f"what {subject.title} costs cannot be counted ({said}): prune weights, with a budget on parameters"
        ) from None

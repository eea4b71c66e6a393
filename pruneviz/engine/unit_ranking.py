"""Unit ranking: which filter, neuron, head or layer goes before which, and at which amount each one leaves.

Units go in the order (score, group, index). Of U units K = min(round(amount·U), U − floor per group) go, exactly, ties or
not, and who is gone at some amount is gone at every larger one. So all there is to know is the amount at which each leaves.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pruneviz.engine import granularity
from pruneviz.engine.mask import Mask
from pruneviz.engine.quota import sequence
from pruneviz.engine.ranking import NODES, Nothing, fraction
from pruneviz.engine.scope import Scope, find
from pruneviz.engine.structure.units import Kept, Structure
from pruneviz.engine.subject import Layer

NEVER = 2.0
"""The amount at which a unit leaves that stays whatever is asked for."""

REMEMBERED = 16
"""Orders of leaving that a ranking remembers: one for each choice of own amounts and of units forced by hand."""


def rank_units(
    structure: Structure,
    scores: Mapping[str, np.ndarray],
    layers: Sequence[Layer],
    *,
    scope: str = "global",
    floor: int = 1,
) -> UnitRanking:
    """The ranking of a structure's removable units by their scores [U] per group; small goes first, NaN before all.

    `layers` are the prunable weights that masks are about. With `floor` 1 the best unit of each group never leaves.
    """
    names = tuple(group.name for group in structure.removable)
    sizes = np.array([group.units for group in structure.removable], dtype=np.int64)
    parts = [np.asarray(scores[name], dtype=np.float64) for name in names]
    for name, size, part in zip(names, sizes, parts, strict=True):
        if part.shape != (size,):
            raise ValueError(f"{name} has {size} units and scores of shape {part.shape}; give one for each unit")
    flat = np.concatenate(parts) if parts else np.zeros(0)
    flat = np.where(np.isnan(flat), -np.inf, flat)
    return UnitRanking(structure, tuple(layers), names, sizes, find(scope, units=True), floor, flat)


@dataclass(frozen=True, slots=True, eq=False)
class UnitRanking:
    """The order of leaving of units. `scores` [U] lie group after group, in the order of `names`.

    `own` gives groups (or the prunable weights that make them) amounts of their own; `gone` and `back` name units
    («conv1:17») that leave or stay whatever their rank says. Reading it changes nothing that can be seen.
    """

    structure: Structure
    layers: tuple[Layer, ...]
    names: tuple[str, ...]
    sizes: np.ndarray
    scope: Scope
    floor: int
    scores: np.ndarray
    _known: OrderedDict = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def n(self) -> int:
        """How many units can go, each group counted once."""
        return int(self.sizes.sum())

    @property
    def starts(self) -> np.ndarray:
        return np.concatenate(([0], np.cumsum(self.sizes))).astype(np.int64)

    def leaves(self, own: Mapping[str, float] = Nothing, gone: Iterable[str] = (), back: Iterable[str] = ()) -> np.ndarray:
        """The amount at which each unit leaves, float64 [U]: it is gone at every amount from there on; NEVER if it stays."""
        name = (tuple(sorted(own.items())), tuple(gone), tuple(back))
        with self._lock:
            found = self._known.get(name)
        if found is None:
            found = self._leaves(own, self._forced(name[1]), self._forced(name[2]))
            found.flags.writeable = False
            with self._lock:
                self._known[name] = found
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        return found

    def kept(self, amount: float, own: Mapping[str, float] = Nothing, gone=(), back=()) -> Kept:
        """Which units stay, bool [U] per group."""
        return self.split(self.leaves(own, gone, back) > fraction(amount))

    def keep(self, amount: float, own: Mapping[str, float] = Nothing, gone=(), back=()) -> Mask:
        """What stays of the prunable weights: a unit's own weights go, and the weights that read it."""
        return granularity.spread(self.structure, self.kept(amount, own, gone, back), self.layers)

    def removals(self, amount: float, own: Mapping[str, float] = Nothing, gone=(), back=()) -> int:
        """How many units go."""
        return int((self.leaves(own, gone, back) <= fraction(amount)).sum())

    def counts(self, amount: float, own: Mapping[str, float] = Nothing, gone=(), back=()) -> np.ndarray:
        """How many units of each group go, int64 [G]."""
        left = self.leaves(own, gone, back) <= fraction(amount)
        return np.array([int(part.sum()) for part in self.split(left).values()], dtype=np.int64)

    def threshold(self, amount: float, own: Mapping[str, float] = Nothing, gone=(), back=()) -> float | None:
        """The score of the last to go by rank; None where nobody goes or there is no common scale."""
        leaves = self.leaves(own, gone, back)
        ranked = (leaves > 0) & (leaves <= fraction(amount))
        return float(self.scores[ranked].max()) if self.scope.key == "global" and ranked.any() else None

    def sweep(self, own: Mapping[str, float] = Nothing, gone=(), back=()) -> np.ndarray:
        """Of each unit, at how many of the amounts 0.00, 0.01 … 1.00 it is still there, uint8 [U]."""
        nodes = np.array([percent / 100 for percent in range(NODES)])
        return np.searchsorted(nodes, self.leaves(own, gone, back), side="left").astype(np.uint8)

    def order_of(self, unit: str) -> int:
        """The rank of one unit, by its id: 0 goes first; those that the floor keeps come last."""
        leaves, at = self.leaves(), int(np.flatnonzero(self._forced((unit,)))[0])
        order = np.lexsort((np.arange(self.n), self.scores, leaves))
        return int(np.flatnonzero(order == at)[0])

    def held(self, amount: float, own: Mapping[str, float] = Nothing, gone=(), back=()) -> int:
        """How many units more would have gone by rank if each group could lose its last."""
        floor = self.floors(gone)
        own = self._own(own)
        free = np.array([name not in own for name in self.names], dtype=bool)
        units = int(self.sizes[free].sum())
        most = [(units - int(floor[self._in(free)].sum()), amount, units)]
        for name, share in own.items():
            at = self._in(np.array(self.names) == name)
            most.append((int((~floor[at]).sum()), share, int(at.sum())))
        return sum(max(0, round(share * size) - room) for room, share, size in most)

    def split(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """One value for each unit [U], as one array per group."""
        return dict(zip(self.names, np.split(flat, self.starts[1:-1]), strict=True)) if self.names else {}

    def ids(self) -> list[str]:
        """The name of every unit, «group:index»."""
        return [f"{name}:{index}" for name, size in zip(self.names, self.sizes, strict=True) for index in range(size)]

    def floors(self, gone: Iterable[str] = ()) -> np.ndarray:
        """The units that never leave by rank, bool [U]: of each group the best that was not removed by hand. Where all of
        them were, the visitor says otherwise, and none is held."""
        held, forced = np.zeros(self.n, dtype=bool), self._forced(gone)
        if self.floor:
            order = np.lexsort((np.arange(self.n), self.scores, ~forced, self._groups()))
            held[order[(self.starts[1:] - 1)[self.sizes > 0]]] = True
        return held & ~forced

    def _leaves(self, own: Mapping[str, float], gone: np.ndarray, back: np.ndarray) -> np.ndarray:
        leaves, shares, ids = np.full(self.n, NEVER), self._own(own), self.ids()
        held = self.floors([ids[at] for at in np.flatnonzero(gone)])
        free = self._in(np.array([name not in shares for name in self.names], dtype=bool))
        order = self._order(free, held)
        leaves[order] = departures(int(free.sum()))[: order.size]
        for name, share in shares.items():
            inside = np.flatnonzero(self._in(np.array(self.names) == name))
            going = inside[np.argsort(self.scores[inside], kind="stable")]
            leaves[going[~held[going]][: round(fraction(share) * inside.size)]] = 0.0
        leaves[gone & ~held] = 0.0
        leaves[back | self._spared(own)] = NEVER
        return leaves

    def _order(self, free: np.ndarray, held: np.ndarray) -> np.ndarray:
        """The free units that may leave, in the order in which they do. A class with nobody left passes its turn."""
        order = np.lexsort((np.arange(self.n), self.scores))
        order = order[free[order]]
        if self.scope.key == "global":
            return order[~held[order]]
        kinds = self._kinds()[order]
        present, kinds = np.unique(kinds, return_inverse=True)
        turns = sequence(np.bincount(kinds, minlength=present.size).tolist())
        when = np.zeros(self.n, dtype=np.int64)
        waiting = order[~held[order]]
        for kind in range(present.size):
            mine = order[(kinds == kind) & ~held[order]]
            when[mine] = np.flatnonzero(turns == kind)[: mine.size]
        return waiting[np.argsort(when[waiting], kind="stable")]

    def _kinds(self) -> np.ndarray:
        """Who competes with whom, int64 [U]: units of one number."""
        if self.scope.key == "layer":
            return self._groups()
        patterns: dict[str, int] = {}
        kinds = [
            patterns.setdefault(f"pattern {group.pattern}" if group.pattern else f"group {group.name}", len(patterns))
            for group in self.structure.removable
        ]
        return np.repeat(np.array(kinds, dtype=np.int64), self.sizes)

    def _groups(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.names)), self.sizes)

    def _in(self, chosen: np.ndarray) -> np.ndarray:
        """Groups [G] to units [U]."""
        return np.repeat(chosen, self.sizes)

    def _own(self, own: Mapping[str, float]) -> dict[str, float]:
        """Own amounts by group. A weight stands for the groups that it makes; where two are named, the smaller holds."""
        found: dict[str, float] = {}
        for name, share in own.items():
            for group in groups_of(self.structure, self.layers, name):
                found[group] = min(fraction(share), found.get(group, 1.0))
        return found

    def _spared(self, own: Mapping[str, float]) -> np.ndarray:
        """The layers that hold a weight that is spared: these stay, too, bool [U]."""
        spared = {name for name, share in own.items() if share == 0}
        return np.array(
            [
                any(one.startswith(f"{block}.") for one in spared)
                for group in self.structure.removable
                for block in group.blocks or ("\0",) * group.units
            ],
            dtype=bool,
        )

    def _forced(self, units: Iterable[str]) -> np.ndarray:
        """The units of these ids, bool [U]."""
        chosen = np.zeros(self.n, dtype=bool)
        places = {name: (start, size) for name, start, size in zip(self.names, self.starts, self.sizes, strict=False)}
        for unit in units:
            name, _, index = unit.rpartition(":")
            start, size = places.get(name, (0, 0))
            if not (index.isascii() and index.isdigit() and int(index) < size):
                most = f"{name}:0 to {name}:{size - 1}" if size else f"the groups {', '.join(self.names) or 'none'}"
                raise ValueError(f"there is no unit {unit!r} that can go; there are {most}")
            chosen[start + int(index)] = True
        return chosen


def groups_of(structure: Structure, layers: Sequence[Layer], name: str) -> tuple[str, ...]:
    """The removable groups that a name means: a group's own name, or a prunable weight that makes its units.

    Empty for a weight that makes no unit that can go; a name that is nobody's is refused.
    """
    known = {group.name for group in structure.groups}
    if name in known:
        return (name,) if structure.group(name).removable else ()
    names = next((one for layer in layers if name in (one := (layer.name, *layer.aliases))), ())
    if not names:
        offered = ", ".join(sorted(known | {layer.name for layer in layers})) or "none"
        raise ValueError(f"there is no layer {name!r}; there are {offered}")
    return tuple(group.name for group in structure.removable if any(part.tensor in names for part in group.of("makes")))


def departures(units: int) -> np.ndarray:
    """The least amount at which 1, 2 … U units go: the least a with round(a·U) ≥ k, to the last bit, float64 [U]."""
    wanted = np.arange(1, units + 1, dtype=np.float64)
    found = (wanted - 0.5) / max(1, units)
    while (late := np.rint(found * units) < wanted).any():
        found[late] = np.nextafter(found[late], np.inf)
    while (early := np.rint((before := np.nextafter(found, -np.inf)) * units) >= wanted).any():
        found[early] = before[early]
    return found

"""Channels: every number that a layer makes anew, who stores it, which belong together and which must stay.

A channel is an id. While a network is followed nothing is decided: that two channels belong together, that one must stay,
where one lies in a parameter is only written down here. `components` reads the book at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pruneviz.engine.structure.units import Role

RIGID = -1
"""The id of what is no channel: the network's input, constants, whatever can be followed no further."""


@dataclass(slots=True)
class Use:
    """One axis of one parameter: `ids` [size] are the channels at its positions."""

    ids: np.ndarray
    roles: set[Role] = field(default_factory=set)
    kind: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Tie:
    """These go together, position by position; `words` and `where` say why («added together», in which module)."""

    ones: np.ndarray
    others: np.ndarray
    words: str
    where: str


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What the book says about each channel: its component, and per component why it must stay («» if it may go)."""

    component: np.ndarray
    reasons: list[str]


class Channels:
    """The book. Ids are given out in order and never again."""

    def __init__(self) -> None:
        self.count = 0
        self.uses: dict[tuple[str, int], Use] = {}
        self.ties: list[Tie] = []
        self.frozen: list[tuple[np.ndarray, str]] = []
        self.repairs: dict[tuple[str, str], np.ndarray] = {}

    def fresh(self, count: int, where: str) -> np.ndarray:
        """New channels, int64 [count]."""
        ids = np.arange(self.count, self.count + count)
        self.count += count
        if count == 1:
            self.freeze(ids, f"{where or 'the network'} makes this one channel only")
        return ids

    def unite(self, ones: np.ndarray, others: np.ndarray, words: str, where: str) -> None:
        """Position by position these are one channel: they go together or not at all. With what is rigid, not at all."""
        differ = (ones != RIGID) & (others != RIGID) & (ones != others)
        if differ.any():
            self.ties.append(Tie(ones[differ], others[differ], words, where))
        for mine, its in ((ones, others), (others, ones)):
            what = "numbers of which no layer is known to make them: the input, or channels rearranged on the way"
            place = f"in {where or 'the network itself'} they are {words or 'worked on together'}"
            self.freeze(mine[its == RIGID], f"{place} with {what}")

    def freeze(self, ids: np.ndarray, reason: str) -> None:
        """These must stay. The first reason is the one that is told."""
        ids = ids[ids != RIGID]
        if len(ids):
            self.frozen.append((ids, reason))

    def use(self, name: str, axis: int, ids: np.ndarray, role: Role | None = None, kind: str = "") -> Use:
        """These channels lie along this axis of a parameter. Used a second time, both uses are united."""
        use = self.uses.get((name, axis))
        if use is None:
            use = self.uses[name, axis] = Use(ids.copy())
        else:
            either = np.where(use.ids == RIGID, ids, use.ids)
            both = (use.ids != RIGID) & (ids != RIGID)
            self.freeze(either[~both], use.why or f"{name} is used twice, and once by what has no such channels")
            self.unite(use.ids[both], ids[both], "stored in one tensor", name)
            use.ids = either
        if role:
            use.roles.add(role)
        use.kind = use.kind or kind
        return use

    def pin(self, name: str, shape: tuple[int, ...], why: str = "") -> None:
        """This parameter is used in a way that cannot be followed: no axis of it may become shorter."""
        for axis, size in enumerate(shape):
            if (name, axis) in self.uses and not self.uses[name, axis].why:
                self.uses[name, axis].why = why
            self.use(name, axis, np.full(size, RIGID)).why = why

    def repair(self, module: str, attribute: str, ids: np.ndarray) -> None:
        """A number that the module keeps, which falls by one with each of these channels' units."""
        self.repairs.setdefault((module, attribute), ids)

    def components(self) -> Verdict:
        """Which channels are one unit, and which units must stay."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        ones = np.concatenate([np.zeros(0, int), *(tie.ones for tie in self.ties)])
        others = np.concatenate([np.zeros(0, int), *(tie.others for tie in self.ties)])
        graph = coo_matrix((np.ones(len(ones), dtype=bool), (ones, others)), shape=(self.count, self.count))
        count, component = connected_components(graph, directed=False) if self.count else (0, np.zeros(0, int))
        reasons = [""] * count
        for ids, reason in self.frozen:
            for one in np.unique(component[ids]).tolist():
                reasons[one] = reasons[one] or reason
        return Verdict(component.astype(np.int64), reasons)

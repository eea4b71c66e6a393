"""Units: what goes at once. A group is a set of units of one kind that live in the same tensors; a unit goes as a whole.

A filter is a row of a kernel, its rows of the BatchNorm after it and the columns of whoever reads it. A head is rows of
the query, key and value matrices and columns of the output matrix. All of these are positions along one axis of a tensor,
so one record, `Part`, says them all; a layer is the one unit that is a module instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Granularity = Literal["filter", "neuron", "head", "layer"]
Role = Literal["makes", "follows", "reads", "numbers"]
"""makes: the rows that compute a unit. follows: what is there once per unit and computes nothing of its own (a bias, a
norm's rows, a depthwise kernel). reads: the inputs of whoever uses the unit; without them nobody notices that it is gone.
numbers: which of the first units each one is, which only a stand-in has to remember: the tensor comes with it."""

KINDS: tuple[Granularity, ...] = ("filter", "neuron", "head", "layer")
NOBODY = -1

Kept = Mapping[str, np.ndarray]
"""Per group name, which of its units stay: bool [U]. A group that is not named stays whole."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Where one tensor holds a group's units: position p along `axis` belongs to unit owner[p], or to NOBODY of them."""

    tensor: str
    axis: int
    role: Role
    owner: np.ndarray

    def stays(self, kept: np.ndarray) -> np.ndarray:
        """Which positions along the axis stay, bool [size], when the units `kept` [U] stay."""
        return np.where(self.owner == NOBODY, True, kept[self.owner])


@dataclass(frozen=True, slots=True)
class Repair:
    """A number that a module keeps beside its tensors: it falls by `each` for every unit that goes.

    `module` "" is the network itself; `attribute` may reach into a configuration («config.num_attention_heads»). With
    `ratio` it is no count but a quotient of two others, recomputed as their quotient: (upper, lower) attribute names.
    """

    module: str
    attribute: str
    each: int = 0
    ratio: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Units of one kind that live in the same tensors.

    `name` is stable and unique inside a Structure, `label` is for the screen, `modules` are the modules whose outputs the
    units are (more than one: they are coupled, so no module's unit can go alone, and `coupling` says why). `reason` says
    why none of them can go; empty if they can. `blocks` are the modules that a layer group's units are. `slim` names the
    stand-in (`structure/slim.py`) that a module needs before it can have fewer heads. Groups of one `pattern` are built
    alike: the isomorphic scope lets only these compete. `macs` are multiply-adds per unit and input that belong to no
    tensor (attention's two products). `heads` is how many query heads one unit holds.
    """

    name: str
    label: str
    granularity: Granularity
    units: int
    parts: tuple[Part, ...] = ()
    modules: tuple[str, ...] = ()
    coupling: str = ""
    reason: str = ""
    pattern: str = ""
    blocks: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    slim: tuple[str, str] | None = None
    macs: float = 0.0
    heads: int = 1

    @property
    def removable(self) -> bool:
        return not self.reason

    def of(self, role: Role) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.role == role)


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """All units of one granularity in a network: the groups that can go, and those that cannot, with a reason."""

    granularity: Granularity
    groups: tuple[Group, ...]
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def removable(self) -> tuple[Group, ...]:
        return tuple(group for group in self.groups if group.removable)

    @property
    def units(self) -> int:
        """How many units can go, each group counted once."""
        return sum(group.units for group in self.removable)

    def group(self, name: str) -> Group:
        for group in self.groups:
            if group.name == name:
                return group
        raise ValueError(f"there is no group {name!r}; there are {', '.join(one.name for one in self.groups) or 'none'}")


def everything(structure: Structure) -> dict[str, np.ndarray]:
    """All units of all removable groups, kept."""
    return {group.name: np.ones(group.units, dtype=bool) for group in structure.removable}


def positions(structure: Structure, kept: Kept) -> dict[tuple[str, int], np.ndarray]:
    """Per (tensor, axis) that loses anything: which positions stay, bool [size]. Several groups may share an axis."""
    stay: dict[tuple[str, int], np.ndarray] = {}
    for group in structure.groups:
        mine = kept.get(group.name)
        if mine is None or mine.all():
            continue
        for part in group.parts:
            before = stay.get((part.tensor, part.axis))
            now = part.stays(mine)
            stay[part.tensor, part.axis] = now if before is None else before & now
    return stay


def gone_blocks(structure: Structure, kept: Kept) -> tuple[str, ...]:
    """The modules that go as wholes."""
    return tuple(
        block
        for group in structure.groups
        for at, block in enumerate(group.blocks)
        if group.name in kept and not kept[group.name][at]
    )


def spread(structure: Structure, kept: Kept, shapes: Mapping[str, Iterable[int]]) -> dict[str, np.ndarray]:
    """Units to weights: of each tensor named in `shapes`, which weights stay in the smaller network, bool of its shape."""
    masks = {name: np.ones(tuple(shape), dtype=bool) for name, shape in shapes.items()}
    for (tensor, axis), stay in positions(structure, kept).items():
        if tensor in masks:
            mask = masks[tensor]
            mask &= stay.reshape([-1 if at == axis else 1 for at in range(mask.ndim)])
    for block in gone_blocks(structure, kept):
        for name, mask in masks.items():
            if name.startswith(f"{block}."):
                mask[...] = False
    return masks


def gathered(structure: Structure, masks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights to units: a unit stays if any weight that it is made of stays. `gathered(spread(kept)) == kept`."""
    kept = {}
    for group in structure.removable:
        mine = np.zeros(group.units, dtype=bool)
        for part in group.of("makes"):
            if part.tensor in masks:
                mask = masks[part.tensor]
                alive = mask.any(axis=tuple(at for at in range(mask.ndim) if at != part.axis))
                owned = part.owner != NOBODY
                np.logical_or.at(mine, part.owner[owned], alive[owned])
        for at, block in enumerate(group.blocks):
            mine[at] |= any(mask.any() for name, mask in masks.items() if name.startswith(f"{block}."))
        kept[group.name] = mine
    return kept


def shapes_after(structure: Structure, kept: Kept, shapes: Mapping[str, Iterable[int]]) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors that the smaller network has; those of removed blocks are missing."""
    gone = tuple(f"{block}." for block in gone_blocks(structure, kept))
    after = {name: list(shape) for name, shape in shapes.items() if not name.startswith(gone or "\0")}
    for (tensor, axis), stay in positions(structure, kept).items():
        if tensor in after:
            after[tensor][axis] = int(stay.sum())
    return {name: tuple(shape) for name, shape in after.items()}

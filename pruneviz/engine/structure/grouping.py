"""Grouping: from the book of channels to groups of units, each with its parts, its couplings and its reason to stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from torch import nn

from pruneviz.engine.structure.channels import RIGID, Channels
from pruneviz.engine.structure.units import NOBODY, Granularity, Group, Part, Repair, Role

NO_READER = "nothing that was followed reads them: without a reader nobody could tell that they are gone"
ROLES: tuple[Role, ...] = ("makes", "follows", "reads")

Place = tuple[str, int]
"""A tensor's name and an axis of it."""


@dataclass(slots=True)
class _Unit:
    """One component of channels: where it lies and who makes it, and how many of a module's own counts it is."""

    places: list[Place] = field(default_factory=list)
    makers: list[Place] = field(default_factory=list)
    repairs: tuple[tuple[str, str, int], ...] = ()
    read: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Book:
    """The channels, read: along every axis of every parameter, components in place of ids. `of` is component by id."""

    channels: Channels
    network: nn.Module
    where: dict[Place, np.ndarray]
    reasons: list[str]
    of: np.ndarray
    units: dict[int, _Unit]


def groups(channels: Channels, network: nn.Module, granularity: Granularity) -> tuple[Group, ...]:
    """All groups of this granularity, in the order in which the network makes them."""
    book = _read(channels, network)
    together: dict[tuple, list[int]] = {}
    for component, unit in book.units.items():
        kinds = {channels.uses[place].kind for place in unit.makers}
        kind = "filter" if "convolution" in kinds else "neuron" if "matrix" in kinds else ""
        if kind == granularity:
            frozen = bool(book.reasons[component]) or not unit.read
            together.setdefault((tuple(unit.makers), frozen, unit.repairs), []).append(component)
    return tuple(_named([_group(book, granularity, *one) for one in together.items()]))


def _read(channels: Channels, network: nn.Module) -> _Book:
    verdict = channels.components()
    of = np.append(verdict.component, RIGID)  # the last place is where RIGID, −1, looks
    book = _Book(channels, network, {place: of[use.ids] for place, use in channels.uses.items()}, verdict.reasons, of, {})
    for place, components in book.where.items():
        roles = channels.uses[place].roles
        for one in np.unique(components[components != RIGID]).tolist():
            unit = book.units.setdefault(one, _Unit())
            unit.places.append(place)
            unit.read |= "reads" in roles
            if "makes" in roles:
                unit.makers.append(place)
    for (module, attribute), ids in channels.repairs.items():
        counted = zip(*np.unique(of[ids], return_counts=True), strict=True)
        for one, count in ((int(one), int(count)) for one, count in counted if one in book.units):
            book.units[one].repairs += ((module, attribute, count),)
    return book


def _group(book: _Book, granularity: Granularity, key: tuple, members: list[int]) -> Group:
    makers, frozen, repairs = key
    wanted = set(members)
    # The units stand in the order of their first rows in the tensor that makes them.
    order = [one for one in dict.fromkeys(book.where[makers[0]].tolist()) if one in wanted]
    owner = np.full(len(book.reasons) + 1, NOBODY)
    owner[order] = np.arange(len(order))
    modules = tuple(dict.fromkeys(_module(tensor) or tensor for tensor, _ in makers))
    parts = tuple(_parts(book, members, owner))
    return Group(
        name=modules[0],
        label=modules[0] if len(modules) == 1 else f"{modules[0]} + {len(modules) - 1}",
        granularity=granularity,
        units=len(members),
        parts=parts,
        modules=modules,
        coupling=_coupling(book, members, len(modules)),
        reason=next((book.reasons[one] for one in order if book.reasons[one]), NO_READER) if frozen else "",
        pattern=_pattern(book.network, parts),
        repairs=tuple(Repair(*one) for one in repairs),
    )


def _parts(book: _Book, members: list[int], owner: np.ndarray) -> Iterator[Part]:
    mine = {place for one in members for place in book.units[one].places}
    for place, components in book.where.items():
        if place in mine:
            roles = book.channels.uses[place].roles
            yield from (Part(*place, role, owner[components]) for role in ROLES if role in roles)


def _coupling(book: _Book, members: list[int], modules: int) -> str:
    """Which operations tie channels together in these units: «added together in layer1.0 and layer1.1»."""
    mine = np.zeros(len(book.reasons) + 1, dtype=bool)
    mine[members] = True
    wheres: dict[str, dict[str, None]] = {}
    for tie in book.channels.ties:
        if tie.words and mine[book.of[tie.ones]].any():
            wheres.setdefault(tie.words, {})[tie.where or "the network itself"] = None
    if not wheres:
        return ""
    rest = f"a unit goes from all {modules} modules or from none" if modules > 1 else "these channels go together"
    return "; ".join(f"{words} in {_listed(list(where))}" for words, where in wheres.items()) + f": {rest}"


def _listed(names: list[str]) -> str:
    if len(names) > 3:
        return f"{names[0]}, {names[1]} and {len(names) - 2} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _pattern(network: nn.Module, parts: tuple[Part, ...]) -> str:
    """«Conv2d 3×3 > BatchNorm2d > Conv2d 1×1»: what makes, follows and reads the units, with kernels, without widths."""
    owners = {role: {_module(part.tensor) for part in parts if part.role == role} for role in ROLES}
    owners["follows"] -= owners["makes"]  # a layer's own bias
    return " > ".join(", ".join(sorted({_kind(network.get_submodule(one)) for one in owners[role]})) for role in ROLES)


def _kind(module: nn.Module) -> str:
    kernel = getattr(module, "kernel_size", ())
    extent = "×".join(map(str, kernel)) if isinstance(kernel, tuple) else str(kernel)
    return f"{type(module).__name__} {extent}".strip()


def _module(tensor: str) -> str:
    return tensor.rpartition(".")[0]


def _named(found: list[Group]) -> list[Group]:
    """Every group by a name of its own: what can go has its module's plain name, the rest of the module gets a number."""
    names: Counter[str] = Counter()
    named: dict[int, Group] = {}
    for at in sorted(range(len(found)), key=lambda at: not found[at].removable):
        group = found[at]
        names[group.name] += 1
        which = names[group.name]
        named[at] = group if which == 1 else replace(group, name=f"{group.name}~{which}", label=f"{group.label} ({which})")
    return [named[at] for at in range(len(found))]

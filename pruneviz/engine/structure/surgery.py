"""Surgery: from «these units stay» to a network that is really smaller, proven equal to the masked one.

Nobody's network is touched: everything happens on a copy, and a copy that fails its proof is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from pruneviz.engine.structure import blocks, fold, hanging, slim
from pruneviz.engine.structure.proof import NOISE, Proof, SurgeryError, brief, doubled, in_float64, insist, logits, prove
from pruneviz.engine.structure.silence import OWN, masked
from pruneviz.engine.structure.units import NOBODY, Group, Kept, Structure, gone_blocks, positions


@dataclass(frozen=True, slots=True)
class Removal:
    """What was taken away, as plain data: enough to do it again to another copy of the network, without looking at it.

    slices: (tensor, axis, positions that stay); slims: (module, stand-in); repairs: (module, attribute, new value);
    blocks: modules that go as wholes, by the names they had before; biases: modules that get a bias where they had none;
    folded: units whose constant lives on in the next bias; unfolded: (unit, why its constant could not).
    """

    slices: tuple[tuple[str, int, tuple[int, ...]], ...] = ()
    slims: tuple[tuple[str, str], ...] = ()
    repairs: tuple[tuple[str, str, int], ...] = ()
    blocks: tuple[str, ...] = ()
    biases: tuple[str, ...] = ()
    folded: tuple[str, ...] = ()
    unfolded: tuple[tuple[str, str], ...] = ()


def plan(network: nn.Module, structure: Structure, kept: Kept) -> Removal:
    """What has to be done to `network` so that only the units `kept` stay."""
    losing = {}
    for group in structure.groups:
        mine = kept.get(group.name)
        if mine is None or mine.all():
            continue
        if not group.removable:
            raise ValueError(f"{group.name} cannot lose units: {group.reason}")
        if len(mine) != group.units:
            raise ValueError(f"{group.name} has {group.units} units, but kept has {len(mine)}: say of each whether it stays")
        losing[group.name] = int((~mine).sum())
        if losing[group.name] == group.units:
            _refuse_empty(network, group)
    slices = tuple(
        (tensor, axis, tuple(stay.nonzero()[0].tolist())) for (tensor, axis), stay in positions(structure, kept).items()
    )
    slims = tuple(dict.fromkeys(group.slim for group in structure.groups if group.name in losing and group.slim))
    return Removal(slices, slims, _repairs(network, structure, losing), gone_blocks(structure, kept))


def apply(network: nn.Module, removal: Removal) -> nn.Module:
    """A smaller copy of `network`. Tied tensors stay tied; frozen ones, and the mode of every module, stay as they were."""
    smaller = cut(network, removal)
    hanging.own(smaller, network)
    return smaller


def cut(network: nn.Module, removal: Removal) -> nn.Module:
    """The same, but what was not cut is still shared with `network`: to be run once, not to be kept or written to."""
    smaller = hanging.skeleton(network)
    for module, kind in removal.slims:
        slim.stand_in(smaller, module, kind)
    _slice(smaller, removal.slices)
    for module, attribute, value in removal.repairs:
        hanging.write(smaller, module, attribute, value)
    for name in {tensor.rpartition(".")[0] for tensor, _, _ in removal.slices}:
        hanging.sync(smaller.get_submodule(name))
    fold.open_biases(smaller, removal.biases)
    blocks.drop(smaller, removal.blocks)
    return smaller


def remove(
    network: nn.Module, structure: Structure, kept: Kept, inputs: Tensor | dict, fold: bool = False
) -> tuple[nn.Module, Removal, Proof]:
    """The smaller network, what was taken away, and the proof that it computes what the masked one computes on `inputs`.

    With `fold`, a unit that is constant on `inputs` goes, but its constant stays, in the bias of whoever read it; then the
    proof is against the network in which just these units are not silenced. Raises SurgeryError, naming the module, where
    the smaller network does not run or computes something else.
    """
    smaller, silent, removal = _cut(network, structure, kept, inputs if fold else None)
    try:
        return smaller, removal, insist(silent, smaller, inputs)
    except SurgeryError as problem:
        raise _explained(problem, structure, kept) from problem


def remove_exactly(
    network: nn.Module, structure: Structure, kept: Kept, inputs: Tensor | dict, fold: bool = False
) -> tuple[nn.Module, Removal, Proof]:
    """The same, but the two networks are compared in float64: to 1e-9, whatever the network computes in."""
    smaller, silent, removal = _cut(network, structure, kept, inputs if fold else None)
    try:
        return smaller, removal, insist(in_float64(silent), in_float64(smaller), doubled(inputs))
    except SurgeryError as problem:
        raise _explained(problem, structure, kept) from problem


def _cut(
    network: nn.Module, structure: Structure, kept: Kept, inputs: Tensor | dict | None
) -> tuple[nn.Module, nn.Module, Removal]:
    """The smaller network, and the masked one that it has to equal."""
    try:
        removal = plan(network, structure, kept)
        if inputs is None:
            return apply(network, removal), masked(network, structure, kept), removal
        folding = fold.find(network, structure, kept, inputs)
        removal = replace(removal, biases=folding.opened, folded=folding.folded, unfolded=folding.unfolded)
        smaller = apply(network, removal)
        fold.shift(smaller, folding, removal.slices)
        return smaller, masked(network, structure, folding.silenced), removal
    except SurgeryError:
        raise
    except (RuntimeError, AttributeError, IndexError, TypeError, KeyError) as problem:
        raise SurgeryError("", f"the network could not be cut ({brief(problem)}); nothing was changed") from problem


def _refuse_empty(network: nn.Module, group: Group) -> None:
    """Torch runs a matrix without rows, but no convolution without filters."""
    for name in (part.tensor.rpartition(".")[0] for part in group.parts if part.role in OWN):
        if isinstance(network.get_submodule(name), nn.modules.conv._ConvNd):
            raise SurgeryError(name, f"no filter is left in {name}: a convolution without filters cannot run, keep one")


def _explained(problem: SurgeryError, structure: Structure, kept: Kept) -> SurgeryError:
    """The same problem; where a group was emptied, this is said first."""
    labels = [one.label for one in structure.groups if one.name in kept and not kept[one.name].any()]
    if not labels:
        return problem
    where = ", ".join(labels)
    return SurgeryError(problem.module, f"no {structure.granularity} is left in {where}; without any, {problem}")


def _repairs(network: nn.Module, structure: Structure, losing: dict[str, int]) -> tuple[tuple[str, str, int], ...]:
    """The new values of the numbers that modules keep: counts first, then the quotients of counts."""
    values: dict[tuple[str, str], int] = {}
    mine = [(group.name, repair) for group in structure.groups if group.name in losing for repair in group.repairs]
    for name, repair in mine:
        place = repair.module, repair.attribute
        if repair.ratio is None:
            before = values.get(place, hanging.read(network, *place))
            values[place] = before - repair.each * losing[name]
    for _, repair in mine:
        if repair.ratio is not None:
            upper, lower = (
                values.get((repair.module, one)) or hanging.read(network, repair.module, one) for one in repair.ratio
            )
            values[repair.module, repair.attribute] = upper // max(1, lower)
    return tuple((module, attribute, value) for (module, attribute), value in values.items())


def _slice(network: nn.Module, slices: tuple[tuple[str, int, tuple[int, ...]], ...]) -> None:
    places = hanging.places(network)
    for name, axis, stay in slices:
        before = hanging.tensor(network, name)
        index = torch.tensor(stay, dtype=torch.int64, device=before.device)
        hanging.replace(places, before, before.detach().index_select(axis, index))


__all__ = [
    "NOBODY",
    "NOISE",
    "Proof",
    "Removal",
    "SurgeryError",
    "apply",
    "cut",
    "logits",
    "masked",
    "plan",
    "prove",
    "remove",
    "remove_exactly",
]

"""Cost: parameters and multiply-adds of a network, counted once by running it, and what is left of them without some units.

A multiply-add belongs to the weight that does it: a kernel's weight works once per output position, a matrix's once per
token. A product of two activations (attention's scores and mixtures) belongs to no weight, only to the module where it is
done. Elementwise work (norms, activations, sums) is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.ledger import Ledger, Unfused
from pruneviz.engine.structure.units import NOBODY, Group, Kept, Structure, gone_blocks, shapes_after
from pruneviz.engine.working import private


@dataclass(frozen=True, slots=True)
class Use:
    """The multiply-adds, for one input, that `module` does with the weights of `tensor`; "" where both factors flow."""

    module: str
    tensor: str
    macs: float


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What a network costs: the shape of every parameter, the names that share one storage, and where multiply-adds go."""

    shapes: dict[str, tuple[int, ...]]
    tied: tuple[tuple[str, ...], ...]
    uses: tuple[Use, ...]

    @property
    def parameters(self) -> int:
        """Numbers that were learned: each storage once, buffers not."""
        return sum(prod(self.shapes[names[0]]) for names in self.tied)

    @property
    def macs(self) -> float:
        """Multiply-adds for one input."""
        return sum(use.macs for use in self.uses)

    @property
    def positions(self) -> dict[str, float]:
        """Multiply-adds per weight of each tensor that multiplies, for one input: output positions, tokens."""
        found: dict[str, float] = {}
        for use in self.uses:
            if use.tensor:
                found[use.tensor] = found.get(use.tensor, 0.0) + use.macs / prod(self.shapes[use.tensor])
        return found


def count(network: nn.Module, inputs: Tensor | dict) -> Counted:
    """Counts by running `network` once in evaluation mode on `inputs`; the figures are for one of the samples in it.

    The network itself is not run: a private module tree over the same tensors is.
    """
    mine, _ = private(network)
    tied = _tied(mine)
    ledger = Ledger({names[0]: mine.get_parameter(names[0]) for names in tied})
    with torch.inference_mode(False), torch.no_grad(), ledger.watching(mine), Unfused(), ledger:
        mine(**inputs) if isinstance(inputs, dict) else mine(inputs)
    samples = len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs)
    uses = tuple(Use(module, tensor, macs / samples) for (module, tensor), macs in ledger.macs.items())
    shapes = {name: tuple(tensor.shape) for name, tensor in mine.named_parameters(remove_duplicate=False)}
    return Counted(shapes, tied, uses)


def after(counted: Counted, structure: Structure, kept: Kept) -> tuple[int, float]:
    """(parameters, multiply-adds for one input) of the network in which only the units `kept` stay."""
    shapes = shapes_after(structure, kept, counted.shapes)
    gone = tuple(f"{block}." for block in gone_blocks(structure, kept))
    share, parameters = {"": 1.0}, 0
    for names in counted.tied:
        left = min((prod(shapes[name]) for name in names if name in shapes), default=0)
        share[names[0]] = left / max(1, prod(counted.shapes[names[0]]))
        parameters += left
    stay = [use for use in counted.uses if not (gone and f"{use.module}.".startswith(gone))]
    macs = sum(use.macs * share[use.tensor] for use in stay)
    lost = (group.macs * float((~kept[group.name]).sum()) for group in structure.groups if group.name in kept)
    return parameters, macs - sum(lost)


class Meter:
    """`after` for many states of one structure at once: a slider's hundred stops cost as much as one."""

    def __init__(self, counted: Counted, structure: Structure) -> None:
        self._counted, self._structure = counted, structure
        first = {name: names[0] for names in counted.tied for name in names}
        # Per (tensor, axis) and group: how many positions go with each unit, [U].
        self._falls: dict[tuple[str, int], dict[str, np.ndarray]] = {}
        for group in structure.removable:
            for (tensor, axis), owner in _owners(group, first).items():
                each = np.bincount(owner[owner != NOBODY], minlength=group.units).astype(np.float64)
                self._falls.setdefault((tensor, axis), {})[group.name] = each

    def at(self, kept: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """(parameters [A], multiply-adds for one input [A]) of A states: per group, which units stay, bool [A, U]."""
        states = len(next(iter(kept.values())))
        if any(group.blocks for group in self._structure.groups):
            each = [{name: rows[at] for name, rows in kept.items()} for at in range(states)]
            found = [after(self._counted, self._structure, one) for one in each]
            parameters, macs = np.array(found, dtype=np.float64).reshape(states, 2).T
            return parameters, macs
        gone = {name: (~rows).astype(np.float64) for name, rows in kept.items()}
        left = self._sizes(gone, states)
        share = {name: size / max(1, prod(self._counted.shapes[name])) for name, size in left.items()}
        macs = np.zeros(states)
        for use in self._counted.uses:
            macs += use.macs * (share[use.tensor] if use.tensor else 1.0)
        for group in self._structure.groups:
            if group.macs and group.name in gone:
                macs -= group.macs * gone[group.name].sum(axis=1)
        return sum(left.values(), np.zeros(states)), macs

    def _sizes(self, gone: Mapping[str, np.ndarray], states: int) -> dict[str, np.ndarray]:
        """The size of each tensor in each state, [A]: along an axis it falls linearly with the units that go."""
        left = {}
        for names in self._counted.tied:
            left[names[0]] = np.ones(states)
            for axis, size in enumerate(self._counted.shapes[names[0]]):
                falls = self._falls.get((names[0], axis), {})
                left[names[0]] *= size - sum((gone[name] @ each for name, each in falls.items() if name in gone), 0.0)
        return left


def _owners(group: Group, first: Mapping[str, str]) -> dict[tuple[str, int], np.ndarray]:
    """Which unit owns each position of an axis, by (tensor, axis). Parts of one axis, or of tied tensors, are one."""
    owners: dict[tuple[str, int], np.ndarray] = {}
    for part in group.parts:
        if part.tensor in first:
            place = first[part.tensor], part.axis
            owners[place] = np.maximum(owners.get(place, NOBODY), part.owner)
    return owners


def _tied(network: nn.Module) -> tuple[tuple[str, ...], ...]:
    """The names of every parameter, those that mean the same numbers together, in the network's own order."""
    groups: dict[tuple, list[str]] = {}
    for name, tensor in network.named_parameters(remove_duplicate=False):
        place = (tensor.data_ptr(), tuple(tensor.shape)) if tensor.numel() and not tensor.is_meta else (id(tensor),)
        groups.setdefault(place, []).append(name)
    return tuple(tuple(names) for names in groups.values())

"""Subsets of layers: what a network loses without some of them together, for every choice or along a greedy path.

Without layer 3 it may matter little that layer 4 is there, and without layer 4 it may matter little that layer 3 is: what
two of them are worth together, no score of single layers can see. Here it is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from pruneviz.engine import leave_one_out
from pruneviz.engine.calibration import Calibration
from pruneviz.engine.leave_one_out import Work
from pruneviz.engine.structure.units import Group, Structure
from pruneviz.engine.subject import Subject

Told = Callable[[int, int], None]
MOST_LAYERS = 12
"""Every subset of up to so many layers is measured: 4,096."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The mean loss, in nats, without each set of the layers 0 … L − 1; the empty set is the whole network."""

    layers: int
    losses: dict[frozenset[int], float]

    def best(self, gone: int) -> frozenset[int]:
        """The set of so many layers without which the loss is least."""
        return min((one for one in self.losses if len(one) == gone), key=lambda one: (self.losses[one], sorted(one)))

    def place(self, gone: frozenset[int]) -> int:
        """Which place a set has among all of its size: 1 is the best."""
        return 1 + sum(len(one) == len(gone) and loss < self.losses[gone] for one, loss in self.losses.items())


def every(subject: Subject, blocks: Sequence[str], data: Calibration, told: Told | None = None) -> Measured:
    """The mean loss per prediction without every subset of `blocks`: 2^L passes over the data."""
    if len(blocks) > MOST_LAYERS:
        raise ValueError(
            f"there are {2 ** len(blocks):,} ways to leave out some of {len(blocks)} layers, and each takes a pass over the "
            f"data: all are measured for up to {MOST_LAYERS} layers. Choose «greedy search», which measures some"
        )
    work, losses = Work(leave_one_out.precise(subject), data), {}
    for some in _subsets(len(blocks)):
        losses[some] = work.without_layers([blocks[at] for at in sorted(some)])
        if told:
            told(len(losses), 2 ** len(blocks))
    return Measured(len(blocks), losses)


def greedy(subject: Subject, structure: Structure, data: Calibration, told: Told | None = None) -> dict[str, Tensor]:
    """For each layer, which fraction of all layers has left when it goes, in (0, 1), float64 [U] by group: the next to go is
    always the one without which the loss is least, those before it being gone already."""
    places = [(group, unit) for group in structure.removable for unit in range(group.units)]
    work, gone, passes = Work(leave_one_out.precise(subject), data), [], rounds(len(places))
    found = {group.name: torch.zeros(group.units, dtype=torch.float64) for group in structure.removable}
    done = 0
    for place in range(len(places)):
        losses = {}
        for group, unit in _left(places, gone):
            losses[group.name, unit] = work.without_layers([*gone, group.blocks[unit]])
            done += 1
            if told:
                told(done, passes)
        name, unit = min(losses, key=losses.get)
        gone.append(structure.group(name).blocks[unit])
        found[name][unit] = (place + 0.5) / len(places)
    return found


def rounds(layers: int) -> int:
    """How many passes over the data a greedy search takes."""
    return layers * (layers + 1) // 2


def samples(structure: Structure, available: int, macs: float) -> int:
    """How many samples a greedy search looks at when one pass costs `macs` multiply-adds per sample."""
    most, passes = leave_one_out.MOST_WORK, rounds(structure.units)
    if passes * min(leave_one_out.FEWEST, available) * macs > most:
        raise ValueError(
            f"a greedy search takes {passes:,} passes over the data for {structure.units} layers, which is too slow here: "
            f"it is offered up to {most / 1e12:.0f} trillion multiply-adds. Choose «block influence», which takes one"
        )
    return min(available, max(leave_one_out.FEWEST, int(leave_one_out.WORK / max(1.0, passes * macs))))


def _subsets(layers: int) -> Iterator[frozenset[int]]:
    """Every set of layers, small ones first."""
    return (frozenset(some) for size in range(layers + 1) for some in combinations(range(layers), size))


def _left(places: Sequence[tuple[Group, int]], gone: Sequence[str]) -> list[tuple[Group, int]]:
    return [(group, unit) for group, unit in places if group.blocks[unit] not in gone]

"""Leave one out: by how much the mean loss changes when a unit alone goes. Measured, unit by unit, not estimated."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.calibration import Calibration
from pruneviz.engine.structure import blocks
from pruneviz.engine.structure.proof import logits
from pruneviz.engine.structure.units import Group, Structure
from pruneviz.engine.subject import Subject
from pruneviz.engine.suffix import Suffix

Told = Callable[[int, int], None]
BATCH, NUMBERS = 64, 2**23
"""At most so many samples at a time, and about so many numbers of output: a vocabulary per token is many."""
UNITS = 4096
"""More units than this are not taken out one by one."""
WORK, MOST_WORK, FEWEST = 5e11, 5e12, 64
"""Multiply-adds that the samples are thinned out to fit into, down to the fewest samples; above the most, it is refused."""


def samples(structure: Structure, available: int, macs: float) -> int:
    """How many samples each unit is measured on when one pass costs `macs` multiply-adds per sample."""
    units = structure.units
    if units > UNITS or units * min(FEWEST, available) * macs > MOST_WORK:
        raise ValueError(
            f"leaving out one by one takes a pass over the data for each of {units:,} {structure.granularity}s, which is "
            f"too slow here: it is offered up to {UNITS:,} units and {MOST_WORK / 1e12:.0f} trillion multiply-adds. Choose "
            "«gate gradient», which looks at all units at once, or larger units"
        )
    return min(available, max(FEWEST, int(WORK / max(1.0, units * macs))))


def changes(subject: Subject, structure: Structure, data: Calibration, told: Told | None = None) -> dict[str, Tensor]:
    """L without the unit − L, float64 [U], by group: L is the mean loss per prediction.

    In float64, because leaving out one small unit moves a float32 loss by less than its rounding.
    """
    work, found, done = Work(precise(subject), data), {}, 0
    for group in structure.removable:
        found[group.name] = torch.zeros(group.units, dtype=torch.float64)
        dense = work.ready(group)
        for unit in range(group.units):
            found[group.name][unit] = work.without(group, unit) - dense
            done += 1
            if told:
                told(done, structure.units)
    return found


def precise(subject: Subject) -> nn.Module:
    """A copy of the subject's network in float64, to be changed."""
    return copy.deepcopy(subject.network).double().eval().requires_grad_(False)


class Work:
    """A private float64 network on fixed samples, in which a unit, or some layers together, can be silenced for once."""

    def __init__(self, network: nn.Module, data: Calibration) -> None:
        self._network = network
        size = max(1, min(BATCH, NUMBERS // _precise(data.at(slice(0, 1))).width(network)))
        self._parts = [_precise(part) for part in data.split(size)]
        self._predictions = data.predictions
        plain = not isinstance(data.inputs, dict)
        self._suffix = Suffix(network, [part.inputs for part in self._parts]) if plain else None

    def ready(self, group: Group) -> float:
        """The mean loss as it is; from now on runs begin where the group's units are first read."""
        if self._suffix and not group.blocks:
            self._suffix.stand_before(tuple(part.tensor for part in group.of("reads")))
        return self._loss(None if group.blocks else self._suffix)

    def without(self, group: Group, unit: int) -> float:
        """The mean loss without one unit; the network is as before afterwards."""
        if group.blocks:
            return self.without_layers((group.blocks[unit],))
        undo = []
        for part in group.of("reads"):
            weight = self._network.get_parameter(part.tensor).data
            index = torch.from_numpy(np.flatnonzero(part.owner == unit))
            undo.append((weight, part.axis, index, weight.index_select(part.axis, index)))
            weight.index_fill_(part.axis, index, 0)
        try:
            return self._loss(self._suffix)
        finally:
            for weight, axis, index, before in reversed(undo):
                weight.index_copy_(axis, index, before)

    def without_layers(self, names: Collection[str]) -> float:
        """The mean loss without these layers together."""
        blocks.bypass(self._network, names)
        try:
            return self._loss(None)
        finally:
            blocks.restore(self._network, names)

    def _loss(self, suffix: Suffix | None) -> float:
        total = 0.0
        with torch.inference_mode():
            for at, part in enumerate(self._parts):
                outputs = part.outputs(self._network) if suffix is None else logits(suffix.outputs(at))
                total += float(part.losses(outputs).sum())
        return total / self._predictions


def _precise(part: Calibration) -> Calibration:
    def double(tensor: Tensor) -> Tensor:
        return tensor.double() if tensor.is_floating_point() else tensor

    inputs = part.inputs
    own = {key: double(value) for key, value in inputs.items()} if isinstance(inputs, dict) else double(inputs)
    return Calibration(own, part.labels, part.task)

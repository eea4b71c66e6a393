"""Moment: one instant of a run, as plain data. All that a lab draws, a store keeps and a test compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One instant of a run.

    `step` counts the training steps of all stages so far, of the `of` that are planned: it is the run's bill, and never
    falls. `stage` is a word for where the run is («train», «round 3»), `values` are numbers by name (accuracy, loss,
    sparsity, …), `arrays` whatever else is drawn.
    """

    step: int
    of: int
    stage: str
    values: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def same(self, other: Moment) -> bool:
        """Whether both say the same, to the bit."""
        return (
            (self.step, self.of, self.stage) == (other.step, other.of, other.stage)
            and self.values.keys() == other.values.keys()
            and all(_equal(value, other.values[name]) for name, value in self.values.items())
            and self.arrays.keys() == other.arrays.keys()
            and all(np.array_equal(value, other.arrays[name], equal_nan=True) for name, value in self.arrays.items())
        )


def _equal(one: float, other: float) -> bool:
    return one == other or (one != one and other != other)

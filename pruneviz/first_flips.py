"""First flips: at which amount each sample first changes sides. Numpy and plain numbers only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class FirstFlips:
    """At which of `amounts` [A], ascending, each of n samples first changes sides: first [n] is a place among them, −1 where
    it never does. `right` [n] says whether the dense network has it right, wrong [A] how many are newly wrong there,
    `places` [n] where samples lie in the held-out data. `of` amounts are to be measured in all."""

    amounts: tuple[float, ...]
    first: np.ndarray
    right: np.ndarray
    wrong: np.ndarray
    places: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    noun: str = "images"
    of: int = 0

    @property
    def n(self) -> int:
        return len(self.first)

    @property
    def partial(self) -> bool:
        """Whether more amounts are to come."""
        return len(self.amounts) < self.of

    @property
    def order(self) -> np.ndarray:
        """The samples that ever change sides, the first to do so first; equals in their own order, int64."""
        ever = np.flatnonzero(self.first >= 0)
        return ever[np.argsort(self.first[ever], kind="stable")]

    def of_sample(self, index: int) -> float | None:
        """The amount at which the sample of that place in the held-out data first changes sides; None where it never
        does."""
        at = np.flatnonzero(self.places == index)
        step = int(self.first[at[0]]) if len(at) else -1
        return self.amounts[step] if step >= 0 else None

"""Removed: what came of removing for real, beside the masked preview. Plain numbers, so that they travel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Removed:
    """A network that is really smaller, beside the masked one: the largest difference of their outputs, relative, and how
    much of it is noise; parameters before and after; samples right, masked and removed, of n. `trouble` says what broke."""

    difference: float = 0.0
    noise: float = 0.0
    parameters: tuple[int, int] = (0, 0)
    value: tuple[float, float] = (0.0, 0.0)
    correct: tuple[int | None, int | None] = (None, None)
    n: int = 0
    trouble: str = ""

    @property
    def same(self) -> bool:
        """Whether the smaller network is right and wrong as often as the preview said."""
        return self.correct[0] == self.correct[1] and abs(self.value[0] - self.value[1]) <= 1e-4 * abs(self.value[0])

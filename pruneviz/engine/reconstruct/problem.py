"""Problem: one matrix of which some must go, what its inputs say, and what there is when it is done."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pruneviz.engine.reconstruct.gram import Gram


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """weight [O, I] (never written to), its inputs' Gram, the fraction of it that goes, and `pattern`: (N, M) where N of
    every M must stay, else None. `kept` (bool [O, I], True stays) is what a criterion chose; None where a method chooses."""

    weight: Tensor
    gram: Gram
    amount: float
    pattern: tuple[int, int] | None = None
    kept: Tensor | None = None

    def ordered(self, columns: Tensor | None) -> Problem:
        """The same with its columns in another order; itself where there is none."""
        if columns is None:
            return self
        kept = None if self.kept is None else self.kept[:, columns]
        gram = None if self.gram is None else self.gram.ordered(columns)
        return replace(self, weight=self.weight[:, columns], gram=gram, kept=kept)


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Ŵ [O, I], zero wherever `kept` (bool [O, I]) is False."""

    weight: Tensor
    kept: Tensor

    def back(self, columns: Tensor | None) -> Solved:
        """In the order that was there before `Problem.ordered`."""
        if columns is None:
            return self
        places = torch.argsort(columns)
        return Solved(self.weight[:, places].contiguous(), self.kept[:, places].contiguous())


def error(problem: Problem, weight: Tensor) -> float:
    """E(Ŵ) of the shelf's docstring, in float64, damping included."""
    return float(row_errors(problem, weight).sum())


def row_errors(problem: Problem, weight: Tensor) -> Tensor:
    """½ (ŵ − w)ᵀ (H + λI) (ŵ − w) of each row, float64 [O]."""
    apart = weight.double() - problem.weight.double()
    return 0.5 * ((apart @ problem.gram.damped(torch.float64)) * apart).sum(1)


def told(problem: Problem, name: str) -> Tensor:
    """What a criterion chose to keep; a method that does not choose needs it."""
    if problem.kept is None:
        raise ValueError(f"{name} covers for what a criterion removes: give it what stays, or choose sparsegpt")
    return problem.kept


def going(rows: int, columns: range, amount: float) -> int:
    """How many weights go of some columns of a matrix, so that of all blocks together round(amount · n) do."""
    return round(amount * rows * columns.stop) - round(amount * rows * columns.start)

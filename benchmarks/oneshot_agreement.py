"""How far two ways of pruning the same matrices agree: which weights stay, and how large they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pruneviz.engine.reconstruct.problem import Solved


@dataclass(slots=True)
class Agreement:
    """How much of the masks is equal, and how far weights lie apart in rows whose masks are equal; over several matrices.
    `dead` counts the weights behind inputs that were always zero, which are left out."""

    dead: int = 0
    equal: int = 0
    of: int = 0
    rows: int = 0
    rows_of: int = 0
    apart: float = 0.0
    size: float = 0.0
    otherwise: int = 0

    def add(self, mine: Solved, theirs: Tensor, kept: Tensor, dead: Tensor, scores: Tensor | None = None) -> None:
        """Where scores [O, I] are given, rows that differ by more than the order of equal ones are counted."""
        if scores is not None:
            left = (torch.where(one, scores, 0.0).sort(1).values for one in (mine.kept, kept))
            self.otherwise += int((~torch.isclose(*left, rtol=1e-6, atol=0).all(1)).sum())
        self.dead += int(dead.sum()) * len(kept)
        mine, theirs, kept = Solved(mine.weight[:, ~dead], mine.kept[:, ~dead]), theirs[:, ~dead], kept[:, ~dead]
        same = mine.kept == kept
        rows = same.all(1)
        self.equal, self.of = self.equal + int(same.sum()), self.of + same.numel()
        self.rows, self.rows_of = self.rows + int(rows.sum()), self.rows_of + len(rows)
        self.apart += float((mine.weight - theirs)[rows].double().square().sum())
        self.size += float(theirs[rows].double().square().sum())

    @property
    def share(self) -> float:
        return self.equal / self.of

    def said(self) -> str:
        said = f"{100 * self.share:.4f} % of the mask, {self.rows} of {self.rows_of} rows whole"
        if self.apart:
            said += f", their weights within {(self.apart / self.size) ** 0.5:.0e} of their size"
        if self.rows < self.rows_of and not self.otherwise and not self.apart:
            said += ", the others but for ties"
        return said + (f" ({self.dead} weights behind dead inputs left out)" if self.dead else "")


@dataclass(frozen=True, slots=True)
class Found:
    """What was compared: with the exact count, with the published one, and with that in float64 where it was asked; then
    also how near each of the two in float32 comes to the published code in float64."""

    exact: Agreement
    theirs: Agreement
    wide: Agreement | None = None
    ours_near: Agreement | None = None
    theirs_near: Agreement | None = None

    def said(self) -> str:
        said = f"with the exact count {self.exact.said()}; with theirs {self.theirs.said()}"
        if self.wide:
            said += f"; with theirs in float64 {self.wide.said()}; of their mask in float64 ours in float32 has "
            said += f"{100 * self.ours_near.share:.4f} %, theirs in float32 {100 * self.theirs_near.share:.4f} %"
        return said

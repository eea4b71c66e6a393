"""Case: everything that is presented of one setting. Slides and report are drawn from it, and from nothing else.

Plain records: it is gathered with a screen (`studio.present`) or without one (`handout`), and outlives both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pruneviz import findings, verdict
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, CurvePoint, Report
from pruneviz.truths import SMALLER, ZEROS, Spread, Timed, Truth
from pruneviz.verdict import BYTES, Row, Verdict

if TYPE_CHECKING:
    from pruneviz.breakage import Breakage, Example
    from pruneviz.candidates import Candidate

STEPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99, 1.0)
"""The amounts that are named as one step more or less aggressive: closer together where the curve falls."""
COUNTED = ("points", "worst")
"""The limits on what is counted on held-out samples."""
APART = 0.015
"""A step is at least so far from the setting itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One held-out example that changed sides: its picture as uint8 [H, W, 3], or none where it cannot be shown, or its
    text."""

    example: Example
    picture: np.ndarray | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Size:
    """Megabytes (10⁶ bytes) of the parameters at four bytes each: before, stored dense now, and of those not zero.

    Where weights or patterns go, the zeros are stored like any number: then `stored` is what it was before.
    """

    before: float
    stored: float
    nonzero: float

    @property
    def left(self) -> float:
        """The share of the dense file that is left."""
        return self.stored / self.before if self.before else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One setting as it is presented.

    `model`, `criterion`, `scope` are names as the screen says them, `many` is what goes («filters»). `curve` is accuracy
    against amount, `baseline` random pruning's; both None at N:M. `candidates` are the pinned settings, A first, and the
    live one last; `left_out` says of each other pinned setting why it is not held against them. `truth` is what was timed,
    None where nothing was. `link` opens this very setting again; `sources` and `versions` are (name, hash or version).
    `came` is what there is to say of a network that came of a run; empty of any other model.
    `coarse` says that the curve has fewer points than a percent has, and no more are to come.
    """

    recipe: Recipe
    model: str
    criterion: str
    scope: str
    many: str
    report: Report
    curve: Curve | None = None
    baseline: Curve | None = None
    breakage: Breakage | None = None
    examples: tuple[Shown, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    left_out: tuple[str, ...] = ()
    truth: Truth | None = None
    verdict: Verdict = Verdict("", ())
    link: str = ""
    hardware: str = ""
    sources: tuple[tuple[str, str], ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    coarse: bool = False
    came: str = ""

    @property
    def share(self) -> float:
        """The share of what goes at once that went."""
        return findings.share(self.report)

    @property
    def size(self) -> Size | None:
        return size(self.report)

    @property
    def timed(self) -> Timed | None:
        """The time of this setting for one input; None where it was not measured."""
        return timed(self.truth, self.report)


def size(report: Report) -> Size | None:
    """What the parameters weigh; None where they were not counted."""
    cost = report.cost
    if cost is None:
        return None
    before, left = (BYTES * count / 1e6 for count in (cost.parameters, cost.parameters_left))
    return Size(before, left if report.units else before, left)


def timed(truth: Truth | None, report: Report) -> Timed | None:
    """The time of one input: of the really smaller network where units go, else of the zeros stored dense."""
    return truth.time(SMALLER if report.units else ZEROS, 1) if truth else None


def judged(recipe: Recipe, report: Report, breakage: Breakage | None, truth: Truth | None) -> Verdict:
    """The verdict on a setting by the limits that its Recipe holds; what is counted on samples that may have chosen the
    amounts says so."""
    weight, time = size(report), timed(truth, report)
    spread: Spread | None = time.milliseconds if time else None
    found = verdict.judge(recipe.limits, report, breakage, weight.stored if weight else None, spread)
    said = chosen(recipe, report.score.noun)
    return replace(found, rows=tuple(_noted(row, said) for row in found.rows)) if said else found


def _noted(row: Row, said: str) -> Row:
    return replace(row, note=f"{row.note}; {said}") if row.limit in COUNTED and row.value is not None else row


def chosen(recipe: Recipe, noun: str) -> str:
    """What it means that layers have amounts of their own: whoever chose them may have looked at the very samples that are
    reported, as the search does at one half of them. Empty where all follow one amount."""
    own = len(recipe.overrides)
    if not own:
        return ""
    layers = "1 layer" if own == 1 else f"{own:,} layers"
    return f"own amounts in {layers}: if chosen on these {noun}, the other half (page Sensitivity) is the honest figure"


def neighbours(case: Case) -> tuple[CurvePoint | None, CurvePoint | None]:
    """The next less aggressive and the next more aggressive point of the curve; None where there is none."""
    points = {round(one.amount, 4): one for one in case.curve.points} if case.curve else {}
    steps = [points[round(step, 4)] for step in STEPS if round(step, 4) in points]
    less = [one for one in steps if one.amount <= case.recipe.amount - APART]
    more = [one for one in steps if one.amount >= case.recipe.amount + APART]
    return (less[-1] if less else None), (more[0] if more else None)

"""Candidates: settings held against each other. What each costs, which of them none of the others beats, and how two
differ sample by sample. Records and arithmetic only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pruneviz import intervals
from pruneviz.recipe import Recipe
from pruneviz.report import LayerReport, Report
from pruneviz.truths import Spread

LETTERS = "ABCDEFGH"
LIVE = "live"
COSTS = {"parameters": "parameters left", "macs": "MACs left", "weights": "weights left", "ms": "milliseconds"}
"""What a setting may be cheap in, and how an axis calls it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One setting that was measured: a pinned one by its letter, or the live one. `milliseconds` are of one forward pass,
    where that was measured on this machine."""

    letter: str
    recipe: Recipe
    report: Report
    milliseconds: Spread | None = None

    @property
    def live(self) -> bool:
        return self.letter == LIVE


@dataclass(frozen=True, slots=True)
class Paired:
    """One setting against another on the same held-out samples: percentage points gained with the 95 % interval of the
    paired difference (`intervals.paired`), and what changed sides."""

    points: float
    newly_wrong: int
    newly_right: int
    n: int
    noun: str
    interval: tuple[float, float]


def same_samples(one: Report, other: Report) -> bool:
    """Whether two Reports are of the same held-out samples of the same data."""
    if one.score.samples and other.score.samples:
        return one.score.samples == other.score.samples
    # What shipped with a sample model names no samples: it is of all of them, as long as none were set aside.
    aside = "held-out" in (one.calibration, other.calibration)
    return one.subject == other.subject and one.score.n == other.score.n and not aside


def paired(report: Report, baseline: Report) -> Paired | None:
    """A Report against another, sample by sample; None where that is not known of both, or the samples are others."""
    here, there, n = report.score, baseline.score, report.score.n
    if not (here.right and there.right and here.samples and here.samples == there.samples):
        return None
    right, before = (np.unpackbits(np.frombuffer(score.right, np.uint8), count=n).astype(bool) for score in (here, there))
    wrong, regained = int((before & ~right).sum()), int((~before & right).sum())
    low, high = intervals.paired(int((before & right).sum()), wrong, regained, int((~before & ~right).sum()))
    return Paired(100 * (here.value - there.value), wrong, regained, n, here.noun, (-100 * high, -100 * low))


def surely(one: Report, other: Report) -> int:
    """1 where one is better than the other at 95 %, -1 where it is worse, 0 where the two cannot be told apart.

    By the interval of the paired difference; where single samples are not known of both, only if their own intervals do not
    meet, which asks for more. Of other samples nothing is told.
    """
    if not same_samples(one, other):
        return 0
    pair = paired(one, other)
    if pair is not None:
        return (pair.interval[0] > 0) - (pair.interval[1] < 0)
    (low, high), (other_low, other_high) = one.score.interval, other.score.interval
    up = (low > other_high) - (high < other_low)
    return up if one.score.correct is not None else -up


def equal(one: Candidate, other: Candidate, by: str) -> bool:
    """Whether two cost the same and measure the same: neither beats the other, and neither is worse."""
    return cost(one, by) == cost(other, by) and one.report.score.value == other.report.score.value


def cost(candidate: Candidate, by: str) -> float | None:
    """What a candidate costs: parameters, multiply-adds or weights left, or milliseconds; None where that is not known."""
    report = candidate.report
    if by == "ms":
        return candidate.milliseconds.median if candidate.milliseconds else None
    if by == "weights":
        return float(report.left)
    if report.cost is None:
        return None
    return float(report.cost.parameters_left if by == "parameters" else report.cost.macs_left)


def whole(candidate: Candidate, by: str) -> float | None:
    """What the dense network costs; None where that is not known, or no share of it says anything."""
    if by == "weights":
        return float(candidate.report.weights)
    if by == "ms" or candidate.report.cost is None:
        return None
    return float(candidate.report.cost.parameters if by == "parameters" else candidate.report.cost.macs)


def better(one: Report, other: Report) -> bool:
    """Whether one's metric is strictly better: higher where it is a share, lower where it is a perplexity."""
    if one.score.correct is None:
        return one.score.value < other.score.value
    return one.score.value > other.score.value


def front(candidates: Sequence[Candidate], by: str) -> list[Candidate]:
    """Those that none of the others beats: nobody is as cheap and better, or as good and cheaper. The cheapest first."""
    known = [one for one in candidates if cost(one, by) is not None]
    return sorted((one for one in known if not any(_beats(two, one, by) for two in known)), key=lambda one: cost(one, by))


def _beats(one: Candidate, other: Candidate, by: str) -> bool:
    cheaper, dearer = cost(one, by) < cost(other, by), cost(one, by) > cost(other, by)
    good, bad = better(one.report, other.report), better(other.report, one.report)
    return not dearer and not bad and (cheaper or good)


def within_chance(candidates: Sequence[Candidate], by: str) -> list[tuple[Candidate, Candidate]]:
    """Pairs on which the front rests and whose metrics cannot be told apart: neighbours on it, of which the dearer one is
    there only for its metric; and whoever lies behind it, with the best that beats it, unless one beats it surely."""
    best = front(candidates, by)
    found = [(one, two) for one, two in pairwise(best) if not equal(one, two, by) and not surely(two.report, one.report)]
    for one in candidates:
        over = [two for two in best if _beats(two, one, by)] if one not in best and cost(one, by) is not None else []
        if over and not any(surely(two.report, one.report) > 0 for two in over):
            found.append((over[-1], one))
    return found


def beside_live(found: Sequence[Candidate]) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Those that were measured on the samples of the live setting, and of each other one a sentence that says why it is
    left out. None where the live setting is not among them."""
    live = next((one for one in found if one.live), None)
    if live is None:
        return (), ()
    same = tuple(one for one in found if same_samples(one.report, live.report))
    why = "it was measured on other samples than this setting"
    return same, tuple(left_out(one.letter, why) for one in found if one not in same)


def left_out(letter: str, why: str) -> str:
    """A sentence about a pinned setting that is not held against the others."""
    return f"The pinned setting {letter} is not compared: {why}."


def apart(candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """Those that were measured on the same samples as the first, and those that were not."""
    same = [one for one in candidates if same_samples(one.report, candidates[0].report)] if candidates else []
    return same, [one for one in candidates if one not in same]


@dataclass(frozen=True, slots=True)
class Branch:
    """One place in the tree of how candidates were made: the step that leads there, and who came by. Depth 0 is the root."""

    depth: int
    parent: int
    words: str
    letters: tuple[str, ...]
    leaf: bool = field(default=False)


def tree(ways: Mapping[str, Sequence[str]]) -> tuple[Branch, ...]:
    """How candidates were made, from what they share to what tells them apart. `ways` has each one's choices in words, in
    one order; a choice that all share is no fork. Branches come parents first, in the order of a drawing from above."""
    letters = [*ways]
    forks = [at for at in range(min(map(len, ways.values()), default=0)) if len({way[at] for way in ways.values()}) > 1]
    found = [Branch(0, -1, "dense", tuple(letters))]

    def grow(parent: int, here: Sequence[str], left: Sequence[int], depth: int) -> None:
        if not left:
            return
        groups: dict[str, list[str]] = {}
        for letter in here:
            groups.setdefault(ways[letter][left[0]], []).append(letter)
        for words, group in groups.items():
            found.append(Branch(depth, parent, words, tuple(group), leaf=len(left) == 1))
            grow(len(found) - 1, group, left[1:], depth + 1)

    grow(0, letters, forks, 1)
    return tuple(found)


def shared(ways: Mapping[str, Sequence[str]]) -> list[str]:
    """The choices that all candidates share."""
    first = next(iter(ways.values()), ())
    return [one for at, one in enumerate(first) if all(way[at] == one for way in ways.values())]


def layers(one: Report, other: Report) -> list[tuple[LayerReport, LayerReport]]:
    """The layers of two settings side by side; none where the models are not the same."""
    if one.subject_sha256 != other.subject_sha256:
        return []
    there = {layer.name: layer for layer in other.layers}
    return [(layer, there[layer.name]) for layer in one.layers if layer.name in there]

"""Verdict: does a setting keep the limits that were set beforehand? It meets them, misses them, or nobody can tell.

Nobody can tell where the 95 % interval of what was measured crosses the limit, and where it was not measured at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruneviz.report import Report, wilson

if TYPE_CHECKING:
    from pruneviz.breakage import Breakage, ClassRow
    from pruneviz.truths import Spread

MEETS, MISSES, CANNOT_TELL = "meets", "misses", "cannot tell"
WORDS = {
    "points": "points of accuracy lost",
    "worst": "points lost by the class that loses most",
    "mb": "MB of parameters, stored dense",
    "ms": "ms for one input",
}
"""What each limit is about, in words."""
BYTES = 4
"""A parameter is stored in so many bytes: float32."""


@dataclass(frozen=True, slots=True)
class Row:
    """One limit beside what was measured. `value` is None where nothing was; `interval` is of 95 % for points, the
    quartiles for milliseconds, and None where the value is exact. `note` says what the number rests on, or why it is none;
    `so_far`, that more samples are to come.
    """

    limit: str
    words: str
    value: float | None
    interval: tuple[float, float] | None
    allowed: float
    verdict: str
    note: str = ""
    so_far: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """«meets», «misses», «cannot tell», or nothing where there are no limits; and a row for each limit."""

    word: str
    rows: tuple[Row, ...]


def judge(
    limits: Iterable[tuple[str, float]],
    report: Report,
    breakage: Breakage | None,
    megabytes: float | None,
    milliseconds: Spread | None,
) -> Verdict:
    """Each limit beside what was measured. Misses if one is missed, else cannot tell if one cannot be told, else meets."""
    rows = []
    for limit, allowed in limits:
        if limit == "points":
            rows.append(_points(report, allowed))
        elif limit == "worst":
            rows.append(_worst(report, breakage, allowed))
        elif limit == "mb":
            rows.append(_megabytes(report, megabytes, allowed))
        else:
            rows.append(_milliseconds(milliseconds, allowed))
    said = [row.verdict for row in rows]
    return Verdict(next((word for word in (MISSES, CANNOT_TELL, MEETS) if word in said), ""), tuple(rows))


def paired(both: int, wrong: int, right: int, neither: int) -> tuple[float, float]:
    """The 95 % interval of the share lost, (wrong − right) / n, where the same n samples were judged twice.

    `both` were right before and after, `wrong` turned wrong, `right` turned right, `neither` was right either time. Square
    and add of the two Wilson score intervals, with the correlation φ of the two judgements, corrected for continuity
    (Newcombe 1998, Statistics in Medicine 17: 2635-2650, method 10):

        L = θ − √(dl₁² − 2φ·dl₁·du₂ + du₂²),  U = θ + √(du₁² − 2φ·du₁·dl₂ + dl₂²),  dl = p − l,  du = u − p.
    """
    n = both + wrong + right + neither
    before, after = both + wrong, both + right
    (low_1, up_1), (low_2, up_2) = wilson(before, n), wilson(after, n)
    first, second, phi = before / n, after / n, _correlation(both, wrong, right, neither)
    lost = (wrong - right) / n
    down = _together(first - low_1, up_2 - second, phi)
    up = _together(up_1 - first, second - low_2, phi)
    return max(-1.0, lost - down), min(1.0, lost + up)


def _correlation(both: int, wrong: int, right: int, neither: int) -> float:
    """φ of the two judgements, its numerator ad − bc lessened by n / 2 where it is positive; 0 where a margin is empty."""
    margins = (both + wrong) * (right + neither) * (both + right) * (wrong + neither)
    if not margins:
        return 0.0
    cross, n = both * neither - wrong * right, both + wrong + right + neither
    return (max(0.0, cross - n / 2) if cross > 0 else cross) / math.sqrt(margins)


def _together(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))


def lost(report: Report) -> tuple[float, tuple[float, float]] | None:
    """Points of accuracy lost, and their 95 % interval; a gain is negative. None where nothing is right or wrong."""
    score = report.score
    if score.correct is None or score.dense_correct is None or not score.n:
        return None
    if not report.removed:  # it is the dense network: nothing is left to chance
        return 0.0, (0.0, 0.0)
    low, high = _lost(score.n, score.dense_correct, score.newly_wrong, score.newly_right)
    return 100 * (score.dense_correct - score.correct) / score.n, (100 * low, 100 * high)


def class_lost(row: ClassRow) -> tuple[float, tuple[float, float]]:
    """Points lost by one class, and their 95 % interval."""
    low, high = _lost(row.n, row.dense_correct, row.newly_wrong, row.newly_right)
    return 100 * (row.dense_correct - row.correct) / row.n, (100 * low, 100 * high)


def _lost(n: int, before: int, wrong: int, right: int) -> tuple[float, float]:
    return paired(before - wrong, wrong, right, n - before - right)


def _points(report: Report, allowed: float) -> Row:
    found, score = lost(report), report.score
    if found is None:
        return _unknown("points", allowed, f"this model is judged by {score.metric}: nothing is right or wrong")
    value, interval = found
    seen = f"{score.n:,} of {score.of:,}" if score.partial else f"{score.n:,}"
    note = f"95% interval of the paired difference, {seen} held-out {score.noun}{' so far' * score.partial}"
    word = CANNOT_TELL if score.partial else _against(interval, allowed)
    return Row("points", WORDS["points"], value, interval, allowed, word, note, score.partial)


def _worst(report: Report, breakage: Breakage | None, allowed: float) -> Row:
    rows = breakage.classes if breakage else ()
    if not rows:
        why = "not measured" if report.score.correct is not None else "this model has no classes that can be right or wrong"
        return _unknown("worst", allowed, why)
    found = {row.name: class_lost(row) for row in rows}
    name = max(found, key=lambda one: (found[one][0], found[one][1]))
    count = next(row.n for row in rows if row.name == name)
    partial = report.score.partial or breakage.partial
    word = CANNOT_TELL if partial else _all_against(report, [interval for _, interval in found.values()], allowed)
    words = f"points lost by «{name}», the worst of {len(rows):,} classes"
    note = (
        f"95% interval of the paired difference on {count:,} {report.score.noun}{' so far' * partial}; the worst is picked "
        f"after the fact, so that part of its loss may be chance, and the limit binds every class"
    )
    return Row("worst", words, *found[name], allowed, word, note, partial)


def _all_against(report: Report, intervals: list[tuple[float, float]], allowed: float) -> str:
    """The limit binds every class: it is kept where no class's interval reaches beyond it, missed where one lies beyond."""
    if not report.removed:
        return MEETS
    said = [_against(interval, allowed) for interval in intervals]
    return next(word for word in (MISSES, CANNOT_TELL, MEETS) if word in said)


def _megabytes(report: Report, megabytes: float | None, allowed: float) -> Row:
    if megabytes is None:
        return _unknown("mb", allowed, "not measured")
    note = f"{BYTES} bytes each"
    cost = report.cost
    if cost is not None and not report.units and cost.parameters_left < cost.parameters:
        nonzero = BYTES * cost.parameters_left / 1e6
        note += f"; zeros take theirs like any number: those that are not zero come to {nonzero:,.3g} MB"
    return Row("mb", WORDS["mb"], megabytes, None, allowed, MEETS if megabytes <= allowed else MISSES, note)


def _milliseconds(found: Spread | None, allowed: float) -> Row:
    if found is None:
        return _unknown("ms", allowed, "not measured")
    ends = (found.low, found.high)
    note = f"median and quartiles of {found.n:,} rounds on this machine"
    return Row("ms", WORDS["ms"], found.median, ends, allowed, _against(ends, allowed), note)


def _against(interval: tuple[float, float], allowed: float) -> str:
    low, high = interval
    return MEETS if high <= allowed else MISSES if low > allowed else CANNOT_TELL


def _unknown(limit: str, allowed: float, why: str) -> Row:
    return Row(limit, WORDS[limit], None, None, allowed, CANNOT_TELL, why)

"""Verdict: does a setting keep the limits that were set beforehand? It meets them, misses them, or nobody can tell.

Nobody can tell where the 95 % interval of what was measured crosses the limit, and where it was not measured at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pruneviz.intervals import Z, deviations, each_of, paired
from pruneviz.report import Report
from pruneviz.settling import about, needed

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
    quartiles for milliseconds, and None where the value is exact; of the worst class its lower end is corrected for the
    pick. `note` says what the number rests on, or why it is none; `so_far`, that more samples are to come; `ways`, what
    would decide what cannot be told.
    """

    limit: str
    words: str
    value: float | None
    interval: tuple[float, float] | None
    allowed: float
    verdict: str
    note: str = ""
    so_far: bool = False
    ways: str = ""


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


def lost(report: Report) -> tuple[float, tuple[float, float]] | None:
    """Points of accuracy lost, and their 95 % interval; a gain is negative. None where nothing is right or wrong."""
    score = report.score
    if score.correct is None or score.dense_correct is None or not score.n:
        return None
    if not report.removed:  # it is the dense network: nothing is left to chance
        return 0.0, (0.0, 0.0)
    low, high = _lost(score.n, score.dense_correct, score.newly_wrong, score.newly_right)
    return 100 * (score.dense_correct - score.correct) / score.n, (100 * low, 100 * high)


def class_lost(row: ClassRow, of: int = 1) -> tuple[float, tuple[float, float]]:
    """Points lost by one class, and an interval from the lower end that holds for all `of` classes together 95 times of 100
    to the upper end of the class's own 95 % interval.

    That the worst class lost too much is said after looking at all of them, so the lower end is corrected (`each_of`). That
    every class lost little enough needs every class's own interval, and no correction: an intersection-union test (Berger
    1982, Technometrics 24: 295-300).
    """
    own = _lost(row.n, row.dense_correct, row.newly_wrong, row.newly_right)
    wide = own if of < 2 else _lost(row.n, row.dense_correct, row.newly_wrong, row.newly_right, deviations(each_of(of)))
    return 100 * (row.dense_correct - row.correct) / row.n, (100 * wide[0], 100 * own[1])


def _lost(n: int, before: int, wrong: int, right: int, z: float = Z) -> tuple[float, float]:
    return paired(*_counts(n, before, wrong, right), z)


def _counts(n: int, before: int, wrong: int, right: int) -> tuple[int, int, int, int]:
    return before - wrong, wrong, right, n - before - right


def _ways(more: int | None, samples: str, n: int, high: float) -> str:
    """What would decide it: more samples, or another limit or amount."""
    milder = f"a limit of {math.ceil(10 * high - 1e-9) / 10:.1f} points or more (these {n:,} meet that), or a smaller amount"
    if more is None:
        return (
            "no number of samples settles it while the measured difference is the limit itself; another limit would, such "
            f"as {milder}"
        )
    return (
        f"if as large a share goes on changing sides, about {about(more):,} {samples} settle it, {n:,} were measured "
        f"(paired difference, near enough a normal law). Two ways on: more held-out data; or {milder}"
    )


def _points(report: Report, allowed: float) -> Row:
    found, score = lost(report), report.score
    if found is None:
        return _unknown("points", allowed, f"this model is judged by {score.metric}: nothing is right or wrong")
    value, interval = found
    seen = f"{score.n:,} of {score.of:,}" if score.partial else f"{score.n:,}"
    note = f"95% interval of the paired difference, {seen} held-out {score.noun}{' so far' * score.partial}"
    word = CANNOT_TELL if score.partial else _against(interval, allowed)
    ways = ""
    if word == CANNOT_TELL and not score.partial:
        found = needed(_counts(score.n, score.dense_correct, score.newly_wrong, score.newly_right), allowed / 100)
        ways = _ways(found, f"held-out {score.noun}", score.n, interval[1])
    return Row("points", WORDS["points"], value, interval, allowed, word, note, score.partial, ways)


def _worst(report: Report, breakage: Breakage | None, allowed: float) -> Row:
    rows = breakage.classes if breakage else ()
    if not rows:
        why = "not measured" if report.score.correct is not None else "this model has no classes that can be right or wrong"
        return _unknown("worst", allowed, why)
    found = [(*class_lost(row, len(rows)), row) for row in rows]
    said = [_against(interval, allowed) if report.removed else MEETS for _, interval, _ in found]
    partial = report.score.partial or breakage.partial
    # The limit binds every class: it is kept where no class reaches beyond it, missed where one lies beyond.
    word = CANNOT_TELL if partial else next(one for one in (MISSES, CANNOT_TELL, MEETS) if one in said)
    among = [one for one, here in zip(found, said, strict=True) if word != MISSES or here == MISSES]
    value, interval, worst = max(among, key=lambda one: one[:2])
    sure = " that lie beyond the limit for sure" if value < max(one[0] for one in found) else ""
    words = f"points lost by «{worst.name}», the worst of {len(among if sure else rows):,} classes{sure}"
    ways = ""
    if word == CANNOT_TELL and not partial:
        z = Z if value < allowed or len(rows) < 2 else deviations(each_of(len(rows)))
        more = needed(_counts(worst.n, worst.dense_correct, worst.newly_wrong, worst.newly_right), allowed / 100, z)
        highest = max(one[1][1] for one in found)
        ways = _ways(more, f"held-out {report.score.noun} of «{worst.name}» alone", worst.n, highest)
    note = _picked(worst, report, len(rows), partial)
    return Row("worst", words, value, interval, allowed, word, note, partial, ways)


def _picked(worst: ClassRow, report: Report, many: int, partial: bool) -> str:
    """What the number of the worst class rests on: it is picked after the fact, and the lower end makes up for that."""
    seen = f"95% interval of the paired difference on {worst.n:,} {report.score.noun}{' so far' * partial}"
    if many < 2:
        return seen
    return (
        f"{seen}; the worst is picked after the fact, so that part of its loss may be chance: its lower end is that of a "
        f"{100 * each_of(many):.4g}% interval, corrected for {many:,} classes (Šidák 1967), and the limit binds every class"
    )


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

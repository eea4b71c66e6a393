"""Candidate words: what is said of settings that are held against each other, and of what chance could explain.

A comparison is called one only where the 95 % interval of the paired difference leaves out that nothing differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pruneviz import findings
from pruneviz.candidates import COSTS, Candidate, cost, equal, paired, same_samples, surely, whole, within_chance
from pruneviz.charts.chart import number
from pruneviz.charts.chart import whole as count
from pruneviz.report import Report

NAMED = 2
"""So many pairs that cannot be told apart are named; of more, their number is."""


def letter(one: Candidate) -> str:
    return "live" if one.live else one.letter


def subject_of(one: Candidate) -> str:
    return "The live setting" if one.live else one.letter


def listed(many: Sequence[Candidate]) -> str:
    names = [letter(one) for one in many]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def value(one: Candidate) -> str:
    """A candidate's metric as a table writes it."""
    score = one.report.score
    return f"{score.value:.2f}" if score.correct is None else findings.percent(score.value)


def interval(one: Candidate) -> str:
    """The metric's 95 % interval as a table writes it."""
    low, high = one.report.score.interval
    return f"{low:.2f} to {high:.2f}" if one.report.score.correct is None else f"{100 * low:.1f} to {100 * high:.1f}"


def costs(one: Candidate, by: str) -> str:
    """What a candidate costs as a table writes it."""
    found, full = cost(one, by), whole(one, by)
    if found is None:
        return "not measured"
    if by == "ms":
        spread = one.milliseconds
        return f"{number(spread.median)} ms (quartiles {number(spread.low)} to {number(spread.high)})"
    many = f"{found / 1e6:,.2f} M" if by == "macs" else count(int(found))
    return f"{many} ({findings.percent(found / full)})" if full else many


def difference(one: Report, other: Report) -> str:
    """One's metric against another's as a table writes it, with the 95 % interval where it is known sample by sample, and
    whether chance could be all of it."""
    if not same_samples(one, other):
        return "other samples"
    here, there, pair = one.score, other.score, paired(one, other)
    same = not (pair.newly_wrong or pair.newly_right) if pair else here.value == there.value
    chance = "" if same or surely(one, other) else ", within chance"
    if here.correct is None:
        return f"{here.value / there.value:.2f} ×{chance}"
    said = findings.points(100 * (here.value - there.value))
    return f"{said} ({points_between(*pair.interval)}){chance}" if pair else f"{said}{chance}"


def points_between(low: float, high: float) -> str:
    """An interval of a difference in points: «−2.9 to 0.1»."""
    return f"{low:.1f} to {high:.1f}".replace("-0.0", "0.0").replace("-", "−")


def title(shown: Sequence[Candidate], best: Sequence[Candidate], by: str) -> str:
    """Who is on the front; as a fact only where chance could not explain it."""
    if not shown:
        return f"Of no candidate the {COSTS[by]} are known yet."
    if len(shown) == 1:
        return f"{subject_of(shown[0])} stands alone: {value(shown[0])} with {_left(shown[0], by)}."
    if all(equal(one, shown[0], by) for one in shown):
        return f"{listed(shown)} cost the same and measure the same."
    sure = not within_chance(shown, by) and not alike_in_time(shown, by)
    if len(best) == len(shown):
        return _none_beats(best, by) if sure else f"As measured, none of the {len(shown)} beats another."
    behind = [one for one in shown if one not in best]
    if len(best) == 1:
        return _alone(best[0], behind, by) if sure else f"None is {_short(by)}er than {letter(best[0])} or measures better."
    return f"{listed(best)} are on the front; {listed(behind)} {'lies' if len(behind) == 1 else 'lie'} behind it."


def _none_beats(best: Sequence[Candidate], by: str) -> str:
    """What holds of all who are on the front, where it is sure; of equals nobody is the smaller one."""
    ties = any(equal(one, two, by) for one, two in pairwise(best))
    return f"None of the {len(best)} beats another{'' if ties else f': who is {_short(by)}er measures worse'}."


def _alone(best: Candidate, behind: Sequence[Candidate], by: str) -> str:
    all_others = letter(behind[0]) if len(behind) == 1 else "all others"
    return f"{subject_of(best)} beats {all_others}: none is as {_short(by)} and as good."


def _short(by: str) -> str:
    return "fast" if by == "ms" else "small"


def chance(shown: Sequence[Candidate], by: str) -> str:
    """The comparisons in the picture that chance could explain, in one sentence; nothing where there is none."""
    times = "".join(
        f" In time, {letter(one)} cannot be told from {letter(two)}: their quartiles meet."
        for one, two in alike_in_time(shown, by)[:NAMED]
    )
    found = within_chance(shown, by)
    if not found:
        return times
    named = [
        f"{letter(one)}{' cannot be told' * (not at)} from {letter(two)}" for at, (one, two) in enumerate(found[:NAMED])
    ]
    more = len(found) - NAMED
    if more > 0:
        named.append(f"{more} more pairs from each other" if more > 1 else "1 more pair from each other")
    return f" By {shown[0].report.score.metric}, {', nor '.join(named)}.{times}"


def alike_in_time(shown: Sequence[Candidate], by: str) -> list[tuple[Candidate, Candidate]]:
    """Neighbours in time of which nobody knows which is the faster: a median is no exact number. Where time is the cost."""
    timed = sorted((one for one in shown if one.milliseconds), key=lambda one: one.milliseconds.median) if by == "ms" else []
    return [(one, two) for one, two in pairwise(timed) if one.milliseconds.overlaps(two.milliseconds)]


def _left(one: Candidate, by: str) -> str:
    return costs(one, by) if by == "ms" else f"{costs(one, by)} {COSTS[by]}"

"""Headlines: what the five slides say, computed from a Case. A word stands for a number only where it says the number.

A word such as «half» is used within a point of it, with «about» unless it is exact; else the percentage stands there. «No
measurable cost» is said only where the paired interval contains zero and ends within a point, and with the number of samples
that could not tell; where it ends further out, how much may be lost is said instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pruneviz import findings, verdict
from pruneviz.case import Case, neighbours
from pruneviz.report import PERCENTS, CurvePoint, Report

if TYPE_CHECKING:
    from pruneviz.breakage import Breakage, ClassRow

NEAR = 0.01
"""A word may stand for a share within a point of it."""
FRACTIONS = {1 / 4: "a quarter", 1 / 3: "a third", 1 / 2: "half", 2 / 3: "two thirds", 3 / 4: "three quarters"}
SMALL = 1.0
"""A cost is called none that can be measured where its interval contains zero and ends within so many points lost."""
VAGUE = 5.0
"""An interval that reaches to so many points lost says nothing about harmlessness, even where it contains zero."""
TOPICS = ("the decision", "the trade-off", "what was removed", "who is affected", "confidence and limits")
"""What each slide is about."""


def headlines(case: Case) -> tuple[str, str, str, str, str]:
    """The five headlines, one for each slide."""
    return decision(case), trade_off(case), removed(case), affected(case), confidence(case)


def in_words(share: float) -> str:
    """A share as a reader says it: «half», «about a third», or «45%»; never a word for what it is not."""
    near = min(FRACTIONS, key=lambda one: abs(one - share))
    if abs(near - share) > NEAR:
        return findings.percent(share)
    return FRACTIONS[near] if findings.percent(near) == findings.percent(share) else f"about {FRACTIONS[near]}"


def decision(case: Case) -> str:
    """What is removed, and what that costs, in one sentence."""
    if not case.report.removed:
        return f"Nothing is removed: this is {case.model} as it was trained."
    return f"Removing {in_words(case.share)} of the {case.many} {cost(case.report)}{so_far(case.report)}."


def cost(report: Report) -> str:
    """What a setting costs, as the end of a sentence about it."""
    score, found = report.score, verdict.lost(report)
    if found is None:
        return f"takes {score.metric} {_moves(score.dense_value, score.value)}"
    lost, (low, high) = found
    seen = f"{score.n:,} {score.noun}"
    if low > 0:
        return f"costs {points(lost)} of accuracy"
    if high < 0:
        return f"gains {points(-lost)} of accuracy"
    if high >= VAGUE:
        said = f"costs {points(lost)} of accuracy, though" if lost > 0 else "shows no cost, but"
        return f"{said} {seen} are too few to {'be sure' if lost > 0 else 'rule one out'}"
    if not score.newly_wrong and not score.newly_right:
        return f"turns none of {seen} wrong"
    if high <= SMALL:
        return f"has no measurable cost on {seen}"
    return f"costs at most {points(high)} of accuracy (95%, {seen})"


def points(value: float) -> str:
    """Points of accuracy: «1 point», «0.6 points», «less than 0.1 points»."""
    text = f"{value:.1f}".replace("-", "−")
    if text in ("0.0", "−0.0"):
        return "0 points" if value == 0 else "less than 0.1 points"
    text = text.removesuffix(".0")
    return f"{text} {'point' if text == '1' else 'points'}"


def so_far(report: Report) -> str:
    """The end of a sentence whose number is still growing."""
    score = report.score
    return f" ({score.n:,} of {score.of:,} {score.noun} so far)" if score.partial else ""


def trade_off(case: Case) -> str:
    """The setting and the next step on either side of it, with their numbers."""
    less, more = neighbours(case)
    here = f"{case.report.score.metric.capitalize()} is {value(case.report)} here{so_far(case.report)}"
    if case.curve is None:
        return f"{here}; a pattern has no other amount."
    steps = [(one, words) for one, words in ((less, "back"), (more, "further")) if one is not None]
    beside = "".join(f", {point_value(one)} one step {words} ({findings.percent(one.amount)})" for one, words in steps)
    growing = "; the curve is still being measured" if len(case.curve.points) < PERCENTS and not case.coarse else ""
    return f"{here}{beside}{growing}."


def value(report: Report) -> str:
    """The metric of a setting, as the screen says it everywhere."""
    score = report.score
    return findings.percent(score.value) if score.correct is not None else f"{score.value:.2f}"


def point_value(point: CurvePoint) -> str:
    """The metric at a point of the curve, marked where it is of the first samples."""
    text = findings.percent(point.value) if point.correct is not None else f"{point.value:.2f}"
    return f"{text} so far" if point.partial else text


def removed(case: Case) -> str:
    """Where it goes from: the layer that pays most, and the one that pays least."""
    report = case.report
    if not report.removed:
        return "Every weight is still there."
    shares = layer_shares(report)
    if len(shares) < 2:
        return f"{findings.percent(case.share)} of the {case.many} are gone."
    most, least = max(shares, key=shares.get), min(shares, key=shares.get)
    high, low = findings.percent(shares[most]), findings.percent(shares[least])
    if high == low:
        return f"Every layer loses the same share of its {case.many}: {high}."
    return f"{most} loses most, {high} of its {case.many}; {least} loses {low if shares[least] else 'none'}."


def layer_shares(report: Report) -> dict[str, float]:
    """The share that goes from each layer, or from each group of units that may go, by its label."""
    if report.groups:
        return {one.label: float((~one.kept).mean()) for one in report.groups if not one.reason and one.units}
    return {one.label: one.sparsity for one in report.layers if one.weights}


def affected(case: Case) -> str:
    """Who pays: the class that loses most, and how many samples change sides."""
    score, found = case.report.score, case.breakage
    if score.correct is None:
        return _tokens(found) or f"{score.metric.capitalize()} goes {_moves(score.dense_value, score.value)}."
    # What breaks may be known of more samples than the Report, or of fewer: one sentence is about one of the two.
    known = found if found is not None and found.classes else score
    growing = f" ({known.n:,} of {known.of:,} {score.noun} so far)" if known.partial else ""
    if not known.newly_wrong and not known.newly_right:
        return f"Nobody on this data: not one of {known.n:,} {score.noun} changes sides{growing}."
    flips = f"{_turn(known.newly_wrong, f' of {known.n:,} {score.noun}')} wrong, {_turn(known.newly_right)} right{growing}"
    worst = worst_class(found)
    if worst is None:
        return f"{flips[:1].upper()}{flips[1:]}."
    many, counts = len(found.classes), f"{worst.dense_correct:,} of {worst.n:,} right before, {worst.correct:,} now"
    if many < 2:
        return f"«{worst.name}» loses: {counts}; {flips}."
    return f"«{worst.name}» loses most of {many:,} classes ({chance(worst, many)}): {counts}; {flips}."


def worst_class(breakage: Breakage | None) -> ClassRow | None:
    """The class that loses most; None where none loses anything, and where all have too few samples to say so."""
    worst = breakage.worst if breakage else None
    return worst if worst and worst.points > 0 and not breakage.scarce else None


def chance(worst: ClassRow, many: int) -> str:
    """What it is worth that a class is the worst of so many: it was picked after the fact, and may have lost by chance."""
    _, (low, _) = verdict.class_lost(worst, many)
    return f"picked after the fact, {'beyond chance' if low > 0 else 'perhaps by chance'}"


def _turn(count: int, of: str = "") -> str:
    return f"{count:,}{of} turns" if count == 1 else f"{count or 'none'}{of} turn{'s' * (not count)}"


def _moves(before: float, after: float) -> str:
    return f"from {before:.2f} to {after:.2f}"


def _tokens(breakage: Breakage | None) -> str:
    rise = max(breakage.tokens, key=lambda one: one.rise, default=None) if breakage else None
    if rise is None:
        return ""
    return (
        f"«{rise.text.strip() or rise.text}» becomes hardest to foresee: its loss goes from {rise.dense_loss:.2f} to "
        f"{rise.loss:.2f} nats."
    )


def confidence(case: Case) -> str:
    """How well the number is known: its interval, and on how many samples."""
    score = case.report.score
    low, high = score.interval
    ends = (f"{low:.2f}", f"{high:.2f}") if score.correct is None else (f"{100 * low:.1f}", f"{100 * high:.1f}%")
    return (
        f"{score.metric.capitalize()} is {value(case.report)} on {score.n:,} held-out {score.noun}; the 95% interval is "
        f"{ends[0]} to {ends[1]}{so_far(case.report)}."
    )

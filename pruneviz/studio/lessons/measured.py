"""Measured: what a lesson claims and asks about, from the same Reports and curves as every other page."""

from __future__ import annotations

from dataclasses import dataclass

from pruneviz import findings, lesson_fields, lesson_figure
from pruneviz.lesson import Question
from pruneviz.recipe import Recipe
from pruneviz.report import PERCENTS, Report
from pruneviz.studio import curves, kitchen

PANEL = "lesson"
"""What a lesson measures is measured beside the setting of the strip, not instead of it."""
NO_RUN = "No run of this setting ships with this model as it is now."


@dataclass(frozen=True, slots=True)
class Answer:
    """Which choice is right (−1: nobody can tell), and the numbers that say so."""

    right: int
    words: str


def report(recipe: Recipe) -> Report | str:
    """The Report of a lesson's Recipe on all samples; a sentence where there is none."""
    trouble = kitchen.trouble(recipe)
    if trouble:
        return trouble
    try:
        if not kitchen.heavy(recipe.subject):
            return kitchen.first_report(recipe, PANEL)
        return kitchen.whole_report(recipe, PANEL)
    except ValueError as problem:  # of a heavy model it is asked of the worker, and can be cancelled
        return str(problem)


def answer(question: Question) -> Answer:
    """What a question's measurement says."""
    if question.figures:
        return _of_runs(question)
    if question.what == "most":
        return _most(question)
    if question.what == "cliff":
        return _cliff(question)
    then, first = report(question.then), report(question.first) if question.first else None
    problem = next((one for one in (then, first) if isinstance(one, str)), None)
    if problem:
        return Answer(-1, f"It cannot be measured here: {problem}")
    value = lesson_fields.value(question.what, then, first)
    return Answer(question.right(value), _words(question.what, value, then, first))


def _of_runs(question: Question) -> Answer:
    """What the shipped runs say."""
    rest = lesson_figure.footing(question.figures)
    if not rest:
        return Answer(-1, NO_RUN)
    value = lesson_figure.value(question.what, question.figures)
    return Answer(question.right(value), f"{lesson_figure.said(question.what, question.figures)}; {rest}.")


def _words(what: str, value: float, then: Report, first: Report | None) -> str:
    footing = lesson_fields.footing(then)
    if what == "points" and first is not None:
        before, after = findings.percent(first.score.value), findings.percent(then.score.value)
        moved = f"{abs(value):.1f} points {'lost' if value >= 0 else 'won'}"
        return f"{moved}: from {before} to {after} ({footing})."
    if what == "accuracy":
        return f"{findings.percent(then.score.value)} ({footing})."
    if what == "wrong":
        return f"{then.score.newly_wrong:,} of {then.score.n:,} {then.score.noun} turn wrong ({footing})."
    words = {"sparsity": "of the weights go", "energy": "of the squared weight (Σw²) goes"}
    words |= {"parameters": "of the network's parameters go", "macs": "of the multiply-adds go"}
    return f"{findings.percent(value / 100)} {words[what]}; {findings.percent(then.score.value)} are right ({footing})."


def _cliff(question: Question) -> Answer:
    trouble = kitchen.trouble(question.then)
    if trouble:
        return Answer(-1, f"It cannot be measured here: {trouble}")
    curve, _ = curves.curve(question.then, PANEL)
    if len(curve.points) < PERCENTS or any(point.partial for point in curve.points):
        return Answer(-1, "The curve is still being measured: come back to this question in a moment.")
    cliff = findings.cliff(curve)
    if cliff is None:
        return Answer(-1, "This curve has no steep fall: nothing within a tenth of it is larger than its interval.")
    many, n = kitchen.many(question.then), curve.points[0].n
    went = f"{cliff.times:.3g} times the perplexity" if cliff.times else f"{cliff.points:.0f} points go"
    words = (
        f"the steepest {'rise' if cliff.times else 'fall'} begins at {findings.percent(cliff.start)} of the {many}: {went} "
        f"until {findings.percent(cliff.stop)} ({n:,} held-out {curve.noun}; one shot, no fine-tuning)."
    )
    return Answer(question.right(100 * cliff.start), words)


def _most(question: Question) -> Answer:
    """Which choice keeps the most. Where intervals overlap, the measured order is told as what it is."""
    reports = [report(one.recipe) for one in question.choices]
    problem = next((one for one in reports if isinstance(one, str)), None)
    if problem:
        return Answer(-1, f"It cannot be measured here: {problem}")
    values = [one.score.value for one in reports]
    best = max(range(len(values)), key=values.__getitem__)
    told = "; ".join(
        f"«{choice.say}» {findings.percent(one.score.value)} ({findings.percent(one.score.interval[0])} to "
        f"{findings.percent(one.score.interval[1])})"
        for choice, one in zip(question.choices, reports, strict=True)
    )
    others = [one for at, one in enumerate(reports) if at != best]
    close = any(one.score.interval[1] >= reports[best].score.interval[0] for one in others)
    score = reports[best].score
    hedge = f" Intervals overlap: other {score.noun} might order them otherwise." if close else ""
    rest = f"{score.metric} on {score.n:,} held-out {score.noun}, 95% intervals, one shot, no fine-tuning"
    return Answer(best, f"{told}; {rest}.{hedge}")

"""Fields: what a lesson's measured sentence may quote of a Report, filled in as words."""

from __future__ import annotations

import re
from collections.abc import Callable

from pruneviz import findings
from pruneviz.report import Report

FIELD = re.compile(r"\{(other\.)?([A-Za-z_]+)\}")
"""A place in a sentence that a measured number fills."""


def _of_all(value: float, report: Report) -> str:
    """The metric's value: a percentage of what is right, or what a language model is measured by."""
    return f"{value:.2f}" if report.score.correct is None else findings.percent(value)


def _gone(report: Report, at: int) -> float:
    """The share of the parameters (0) or of the multiply-adds (1) that a smaller network has less; of zeros none."""
    return findings.less(report.cost)[at] if report.units and report.cost else 0.0


FIELDS: dict[str, Callable[[Report], str]] = {
    "sparsity": lambda one: findings.percent(one.sparsity),
    "share": lambda one: findings.percent(findings.share(one)),
    "accuracy": lambda one: _of_all(one.score.value, one),
    "low": lambda one: _of_all(one.score.interval[0], one),
    "high": lambda one: _of_all(one.score.interval[1], one),
    "dense": lambda one: _of_all(one.score.dense_value, one),
    "points": findings.against_dense,
    "n": lambda one: f"{one.score.n:,}",
    "samples": lambda one: one.score.noun,
    "wrong": lambda one: f"{one.score.newly_wrong:,}",
    "right": lambda one: f"{one.score.newly_right:,}",
    "removed": lambda one: f"{one.removed:,}",
    "left": lambda one: f"{one.left:,}",
    "weights": lambda one: f"{one.weights:,}",
    "energy": lambda one: findings.percent(one.energy_removed),
    "parameters": lambda one: findings.percent(_gone(one, 0)),
    "macs": lambda one: findings.percent(_gone(one, 1)),
    "units": lambda one: f"{one.units:,}",
    "units_left": lambda one: f"{one.units - one.units_removed:,}",
}


def fill(sentence: str, report: Report, other: Report | None = None) -> str:
    """The sentence with its places filled from a Report, and from another where it says so."""

    def word(found: re.Match[str]) -> str:
        return FIELDS[found[2]](other if found[1] and other is not None else report)

    return FIELD.sub(word, sentence)


def footing(report: Report) -> str:
    """What a measured sentence rests on: how many samples, its 95% interval, and that nothing was trained again."""
    low, high = FIELDS["low"](report), FIELDS["high"](report)
    so_far = " so far" if report.score.partial else ""
    return (
        f"{report.score.metric} on {report.score.n:,} held-out {report.score.noun}{so_far}, 95% interval {low} to {high}; "
        "one shot, no fine-tuning"
    )


def value(what: str, report: Report, first: Report | None = None) -> float:
    """What a question has measured, in the unit of its choices: points, percent, or a count of samples."""
    if what == "points" and first is not None:
        return 100 * (first.score.value - report.score.value)
    return {
        "accuracy": 100 * report.score.value,
        "wrong": float(report.score.newly_wrong),
        "sparsity": 100 * report.sparsity,
        "energy": 100 * report.energy_removed,
        "parameters": 100 * _gone(report, 0),
        "macs": 100 * _gone(report, 1),
    }[what]

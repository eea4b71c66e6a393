"""Numbers: a Case as plain tables, under the names that the command line gives them, to be read again by anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pruneviz import answers, recipe_file, truth_file
from pruneviz.answers import number
from pruneviz.case import Case
from pruneviz.recipe import Recipe
from pruneviz.report import Curve
from pruneviz.verdict import Row


def table(case: Case) -> dict[str, Any]:
    """Everything that was measured, and what it was measured on, ready for JSON."""
    return {
        "kind": "pruneviz report",
        "version": 1,
        "recipe": recipe(case),
        "evaluate": answers.evaluated(case.recipe, case.report),
        "curve": _curve(case, case.curve),
        "baseline": _curve(case, case.baseline),
        "classes": _classes(case),
        "candidates": [
            {"letter": one.letter, **answers.evaluated(one.recipe, one.report)} for one in case.candidates
        ],
        "verdict": {"word": case.verdict.word, "limits": [_limit(row) for row in case.verdict.rows]},
        "time": truth_file.to_table(case.truth) if case.truth is not None else None,
    }  # fmt: skip


def recipe(case: Case) -> dict[str, Any]:
    """What `recipe.json` holds: what was chosen, and the files and versions it was measured with."""
    sources = dict(case.sources)
    return recipe_file.to_table(chosen(case), sources.get("model", ""), sources.get("data", ""), dict(case.versions))


def chosen(case: Case) -> Recipe:
    """The Recipe with the data that its criterion did look at: what a card says of that need not be known elsewhere."""
    aside = case.report.calibration == "held-out"
    return replace(case.recipe, calibration="held-out") if aside else case.recipe


def _curve(case: Case, curve: Curve | None) -> dict[str, Any] | None:
    if curve is None:
        return None
    found = answers.curved(case.recipe, curve, max((point.n for point in curve.points), default=0))
    return {**found, "criterion": curve.criterion}


def _classes(case: Case) -> list[dict[str, Any]]:
    return [
        {"name": row.name, "n": row.n, "dense_correct": row.dense_correct, "correct": row.correct}
        for row in (case.breakage.classes if case.breakage else ())
    ]


def _limit(row: Row) -> dict[str, Any]:
    return {
        "limit": row.limit,
        "allowed": number(row.allowed),
        "value": number(row.value),
        "interval": row.interval and [number(end) for end in row.interval],
        "verdict": row.verdict,
    }

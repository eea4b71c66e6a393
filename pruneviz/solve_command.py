"""Solve command: `python -m pruneviz solve` searches the amounts that keep the accuracy and leave least, layer by layer."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from pruneviz.allocation import CURRENCIES, Allocation, Half, Setting, applied
from pruneviz.query import to_query
from pruneviz.recipe import Recipe

if TYPE_CHECKING:
    from pruneviz.engine.subject import Subject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes beside a Recipe."""
    parser.add_argument("--keep", type=_share, help="the share of the accuracy to keep, 0 to 1; 0.98 if nothing is said")
    parser.add_argument("--budget", choices=tuple(CURRENCIES), help="what is to become less: parameters if nothing is said")
    parser.add_argument("--evaluations", type=int, default=0, help="allocations that are measured; 0: as many as fit")


def solve(subject: Subject, recipe: Recipe, chosen: argparse.Namespace) -> dict[str, Any]:
    """Searches, and answers with the amounts, their link, and every figure on both halves of the held-out data."""
    from pruneviz.engine import allocation, evaluate

    asked = replace(
        recipe,
        tolerance=recipe.tolerance if chosen.keep is None else round(1 - chosen.keep, 12),
        budget=chosen.budget or recipe.budget,
    )
    standing = evaluate.stand(subject, asked)
    for found in allocation.solve(subject, asked, standing, allocation.Effort(evaluations=max(0, chosen.evaluations))):
        if found is not None and sys.stderr.isatty():
            print(f"\r{found.tried:,} of {found.of:,} evaluations: {found.saved:.1%} saved", end="", file=sys.stderr)
    return answer(asked, found)


def answer(recipe: Recipe, found: Allocation) -> dict[str, Any]:
    """What the command prints. Every value is ready for JSON."""
    after = applied(recipe, found)
    return {
        "subject": recipe.subject,
        "criterion": recipe.criterion,
        "granularity": recipe.granularity,
        "budget": found.budget,
        "keep": 1 - found.tolerance,
        "metric": found.metric,
        "amount": after.amount,
        "scope": after.scope,
        "own": dict(after.overrides),
        "query": to_query(after),
        "whole": found.whole,
        "saved": found.saved,
        "kept": found.kept,
        "kept_interval": found.kept_interval and [end if _finite(end) else None for end in found.kept_interval],
        "keeps": found.keeps,
        "started": found.started,
        "evaluations": found.tried,
        "dense": _setting(found.dense),
        "solver": _setting(found.best),
        **{one.name: _setting(one) for one in found.peers},
        "notes": [found.note] if found.note else [],
    }


def _setting(one: Setting) -> dict[str, Any]:
    table = {
        "left": one.left,
        "choosing": one.choosing and _half(one.choosing),
        "reporting": one.reporting and _half(one.reporting),
        "milliseconds": one.milliseconds,
    }
    if one.scope:
        table |= {"scope": one.scope, "amount": one.amount}
    if one.reporting and one.name != "solver":
        table |= {"only_it_right": one.gains, "only_solver_right": one.losses, "p": one.p}
    return table


def _half(one: Half) -> dict[str, Any]:
    return {name: value if _finite(value) else None for name, value in asdict(one).items()}


def _finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0.0 <= share <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a fraction; give a number from 0 to 1, such as 0.98")
    return share

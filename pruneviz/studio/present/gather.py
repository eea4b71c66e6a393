"""Gather: everything that is presented of the visitor's setting, from the same steps as every other page."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from urllib.parse import urlencode

import streamlit as st

from pruneviz import case as cases
from pruneviz import findings
from pruneviz.breakage import Breakage, Example
from pruneviz.candidates import Candidate, beside_live, left_out
from pruneviz.case import Case, Shown
from pruneviz.query import to_query
from pruneviz.recipe import Recipe
from pruneviz.report import Curve, Report
from pruneviz.studio import (
    bench,
    breakage,
    came_from,
    candidates,
    catalogue,
    curves,
    kitchen,
    made_with,
    reality,
    stage,
    titles,
)
from pruneviz.studio.reality import Measuring
from pruneviz.truths import Truth

EXAMPLES = 3
"""So many examples that changed sides are shown on a slide."""
PACKAGES = ("torch", "torchvision", "numpy")
DRAWN = 11
"""A baseline of fewer points would be straight lines that nobody measured."""
TIME = "present-time"
"""What is asked for where a visitor wants the setting timed."""
PANEL = "what-if"
"""What is asked in the room is measured beside the setting that is presented."""


def case(recipe: Recipe) -> Case:
    """The Case of a Recipe."""
    report, curve = kitchen.report(recipe), stage.curve_of(recipe)
    found, timed = broken(recipe, report), truth(recipe)
    compared, left_out = _candidates(recipe)
    return Case(
        recipe=recipe,
        **_named(recipe, report),
        report=report,
        curve=curve,
        baseline=_baseline(recipe, curve),
        breakage=found,
        examples=_examples(recipe, found),
        candidates=compared,
        left_out=left_out,
        truth=timed,
        verdict=cases.judged(recipe, report, found, timed),
        link=link(recipe),
        hardware=_processor(),
        sources=_sources(recipe, report),
        came=came_from.sentence(recipe, report),
        versions=tuple((name, version(name)) for name in PACKAGES),
    )


def asked(recipe: Recipe) -> Case:
    """What is known at once of a setting that somebody in the room asks about: its Report and its curve."""
    report = kitchen.report(recipe, PANEL)
    return Case(recipe=recipe, **_named(recipe, report), report=report, curve=stage.curve_of(recipe))


def _named(recipe: Recipe, report: Report) -> dict[str, str]:
    """The names of what was chosen, as the screen says them."""
    scopes = catalogue.scopes(recipe.granularity)
    return {
        "model": titles.title(recipe.subject),
        "criterion": catalogue.criteria()[recipe.criterion].name,
        "scope": scopes[recipe.scope].name if recipe.scope in scopes else "",
        "many": findings.many(report),
    }


def broken(recipe: Recipe, report: Report) -> Breakage | None:
    """What the setting breaks; None where that cannot be measured: of a heavy model it can be cancelled."""
    try:
        return breakage.found(recipe)
    except ValueError:
        return None


def _examples(recipe: Recipe, found: Breakage | None) -> tuple[Shown, ...]:
    """The first examples that turned wrong, and where there are too few, some that turned right; with their pictures."""
    flips = sorted(found.flips, key=lambda one: not one.wrong)[:EXAMPLES] if found else ()
    return tuple(_shown(recipe.subject, one) for one in flips)


def _shown(name: str, example: Example) -> Shown:
    return Shown(example, breakage.picture(name, example.index), breakage.text(name, example.index))


def _candidates(recipe: Recipe) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """The pinned settings and the live one, as far as they are of the same samples; none where none is pinned. And why
    others are left out."""
    if not recipe.pins:
        return (), ()
    found = candidates.looked(recipe)
    same, apart = beside_live([one for one in found if isinstance(one, Candidate)])
    absent = [left_out(one.letter, one.why.rstrip(".")) for one in found if isinstance(one, candidates.Absent)]
    return same, tuple(sorted((*absent, *apart)))


def _baseline(recipe: Recipe, curve: Curve | None) -> Curve | None:
    found = curves.baseline(recipe) if curve is not None else None
    return found if found is not None and len(found.points) >= DRAWN else None


def timing(recipe: Recipe) -> Measuring | None:
    """The timing of a setting: under way where it was asked for, or where a limit needs it; else None."""
    wanted = bench.asked(TIME) or "ms" in dict(recipe.limits)
    return reality.measured(recipe) if wanted else None


def truth(recipe: Recipe) -> Truth | None:
    """What was timed of this setting; None where nothing was, here."""
    found = timing(recipe)
    return found.truth if found else reality.known(recipe)


def link(recipe: Recipe) -> str:
    """The address that opens this setting on this page, without a slide."""
    sealed = made_with.seal(recipe)
    query = urlencode({name: value for name, value in to_query(sealed).items() if name != "slide"})
    place = (st.context.url or "present").partition("?")[0]
    return f"{place}?{query}" if query else place


@cache
def _processor() -> str:
    from pruneviz.engine import timing as clock

    return clock.machine(0).processor


def _sources(recipe: Recipe, report: Report) -> tuple[tuple[str, str], ...]:
    """The sha256 of the model's and of the data's files."""
    known = made_with.hashes(recipe.subject, now=True)
    return tuple(pair for pair in zip(("model", "data"), known or (report.subject_sha256,), strict=False) if pair[1])

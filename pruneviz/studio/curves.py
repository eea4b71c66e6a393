"""Curves: accuracy against sparsity, shipped or growing, and what goes at each percent. Cached as the kitchen caches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from pruneviz.recipe import Recipe
from pruneviz.report import Curve, Report, Sweep
from pruneviz.studio import background, kitchen

# Coarse to fine: the shape of the curve first, each further node a refinement.
ORDER = tuple(dict.fromkeys((0, 50, 80, 90, 95, 99, *range(0, 101, 10), *range(0, 101, 5), *range(0, 101, 2), *range(101))))
REDRAW = 2.0
AT_ONCE = 1.5
"""A curve that takes at most this many seconds is measured before the page shows it; a longer one grows on the page."""


@dataclass
class Growing:
    """A curve that is being measured: its points so far. Whoever draws it reads `curve`; one thread adds to it."""

    started: float
    curve: Curve | None = None
    done: bool = False
    trouble: str = ""


def curve(recipe: Recipe) -> tuple[Curve, bool]:
    """The accuracy curve of a Recipe's ranking, and whether it is complete. Shipped where it shipped; a long one grows."""
    found = kitchen.shipped_of(recipe)
    if found:
        return found.curves[recipe.criterion, recipe.scope], True
    key = replace(kitchen.measured_part(recipe), amount=0.0)
    growing = _growing(key)
    while not growing.done and (growing.curve is None or time.monotonic() - growing.started < AT_ONCE):
        time.sleep(0.01)
    if growing.trouble:
        _growing.clear(key)
        raise ValueError(growing.trouble)
    return growing.curve, growing.done


@st.cache_resource(max_entries=48, show_spinner=False)
def _growing(recipe: Recipe) -> Growing:
    growing = Growing(time.monotonic())
    place, bench = kitchen.standing_of(recipe), kitchen.workspace_of(recipe)
    background.start("curve", _grow, growing, recipe, place, bench)
    return growing


def _grow(growing: Growing, recipe: Recipe, place, bench) -> None:
    from pruneviz.engine import evaluate

    try:
        first, *rest = (node / 100 for node in ORDER)
        growing.curve = evaluate.curve(kitchen.subject(recipe.subject), recipe, place, bench, [first])
        for point in evaluate.curve_points(recipe, place, bench, rest):
            added = sorted((*growing.curve.points, point), key=lambda one: one.amount)
            growing.curve = replace(growing.curve, points=tuple(added))
            if background.closing():
                return
    except Exception as problem:  # a thread has nobody to raise to: the page that waits for the curve says it
        growing.trouble = f"The curve could not be measured: {problem}"
    growing.done = True


def watch(shown: Sequence[Curve]) -> None:
    """Redraws the page while a curve on it grows, and says how far it is; nothing where all are complete."""
    short = sum(max(0, len(ORDER) - len(one.points)) for one in shown)
    if short:
        _watch(short, len(ORDER) * len(shown), time.monotonic())


@st.fragment(run_every=REDRAW)
def _watch(short: int, wanted: int, drawn: float) -> None:
    st.caption(f"Measuring in the background: {wanted - short} of {wanted} points of the curves so far.")
    if time.monotonic() - drawn > REDRAW / 2:  # not while the page itself is being drawn
        st.rerun()


def tuned(recipe: Recipe) -> Curve | None:
    """The shipped curve after fine-tuning, where there is one for this ranking."""
    found = kitchen.shipped_of(recipe)
    return found.tuned.get((recipe.criterion, recipe.scope)) if found else None


def baseline(recipe: Recipe) -> Curve:
    """Random pruning under the same scope: the control that every criterion has to beat."""
    return curve(replace(recipe, criterion="random"))[0]


def sweep(recipe: Recipe) -> Sweep:
    """What goes at each whole percent."""
    found = kitchen.shipped_of(recipe)
    return (
        found.sweeps[recipe.criterion, recipe.scope] if found else _sweep(replace(kitchen.measured_part(recipe), amount=0.0))
    )


@st.cache_data(max_entries=48, show_spinner=False)
def _sweep(recipe: Recipe) -> Sweep:
    from pruneviz.engine.sweep import sweep as sweep_of

    return sweep_of(kitchen.subject(recipe.subject), recipe, kitchen.standing_of(recipe))


@dataclass(frozen=True)
class Compared:
    """One criterion on the page that compares them: its amount, curve, sweep, Report and the seconds its scores took."""

    key: str
    amount: float
    curve: Curve
    baseline: Curve | None
    sweep: Sweep
    report: Report
    seconds: float


def compared(recipe: Recipe, amounts: dict[str, float]) -> list[Compared]:
    """Every criterion at its own amount, in the order of the menu."""
    found = []
    for key, amount in amounts.items():
        one = replace(recipe, criterion=key, amount=amount)
        under = baseline(one) if key != "random" else None
        found.append(
            Compared(
                key, amount, curve(one)[0], under, sweep(one), kitchen.first_report(one), kitchen.standing_of(one).seconds
            )
        )
    return found


def alone(recipe: Recipe, layer: str) -> Recipe:
    """The Recipe that prunes one layer only, by magnitude: what the page of the weights scrubs."""
    others = tuple(sorted(one.name for one in kitchen.subject(recipe.subject).layers if one.name != layer))
    return replace(
        kitchen.measured_part(recipe),
        granularity="weight",
        criterion="magnitude",
        scope="layer",
        spared=others,
        overrides=(),
    )


def layer_curve(recipe: Recipe, layer: str) -> Curve:
    """Accuracy when only this layer is pruned, by magnitude."""
    return curve(alone(recipe, layer))[0]


def layer_report(recipe: Recipe, layer: str) -> Report:
    """The Report when only this layer is pruned, by magnitude, at the Recipe's amount."""
    return kitchen.report(alone(recipe, layer))


@st.cache_data(max_entries=64, show_spinner=False)
def _layer_sweep(recipe: Recipe, layer: str, absolute: bool) -> Sweep:
    from pruneviz.engine.sweep import sweep as sweep_of

    return sweep_of(kitchen.subject(recipe.subject), recipe, kitchen.standing_of(recipe), only=layer, absolute=absolute)


def layer_sweep(recipe: Recipe, layer: str) -> Sweep:
    """What goes of one layer at each whole percent of it, smallest first; binned by w or by |w| as the Recipe says."""
    return _layer_sweep(replace(alone(recipe, layer), amount=0.0), layer, recipe.shape == "absolute")

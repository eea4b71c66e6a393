"""Curves: accuracy against sparsity, shipped or growing, and what goes at each percent. Kept as the kitchen keeps.

Of a heavy model the worker process measures them, all points on a few samples first: then each point says of how many.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from pruneviz.recipe import Recipe
from pruneviz.report import Curve, CurvePoint, Report, Score, Sweep, wilson
from pruneviz.studio import background, bench, kitchen, larder, orders

# Coarse to fine: the shape of the curve first, each further node a refinement.
ORDER = tuple(dict.fromkeys((0, 50, 80, 90, 95, 99, *range(0, 101, 10), *range(0, 101, 5), *range(0, 101, 2), *range(101))))
REDRAW = 2.0
AT_ONCE = 0.7
"""A curve that takes at most this many seconds is measured before the page shows it; a longer one grows on the page."""
NODES = tuple(node / 100 for node in ORDER)
ALONE = "alone"
"""A layer that is pruned alone is measured beside the setting of the strip, not instead of it."""
ROUGH = 64
"""Of a heavy model every point is measured on so many samples before any is measured on more."""


@dataclass
class Growing:
    """A curve that is being measured: its points so far. Whoever draws it reads `curve`; one thread adds to it."""

    started: float
    curve: Curve | None = None
    done: bool = False
    trouble: str = ""


def curve(recipe: Recipe, panel: str = "") -> tuple[Curve, bool]:
    """The accuracy curve of a Recipe's ranking, and whether it is complete. Shipped where it shipped; a long one grows."""
    found = kitchen.shipped_of(recipe)
    if found:
        return found.curves[recipe.criterion, recipe.scope], True
    if kitchen.heavy(recipe.subject):
        return _ordered(recipe, lambda one: kitchen.report(one, panel), panel)
    key = _whole(recipe)
    growing = _growing(key)
    while not growing.done and (growing.curve is None or time.monotonic() - growing.started < AT_ONCE):
        time.sleep(0.01)
    if growing.trouble:
        _growing.clear(key)
        raise ValueError(growing.trouble)
    return growing.curve, growing.done


def _whole(recipe: Recipe) -> Recipe:
    """What a curve depends on: everything but the amount."""
    return replace(kitchen.measured_part(recipe), amount=0.0)


def _ordered(recipe: Recipe, report: Callable[[Recipe], Report], panel: str = "") -> tuple[Curve, bool]:
    order = orders.look(kitchen.job_part(recipe, amount=0.0), "curve", NODES, panel)
    return order.latest or _begun(report(recipe)), order.state == "done"


def known(recipe: Recipe) -> bool:
    """Whether everything that is drawn of a heavy model's Recipe was measured already."""
    whole = kitchen.job_part(recipe, amount=0.0)
    told = (whole, "sweep"), (kitchen.job_part(recipe), "measure"), (whole, "curve", NODES)
    return all(orders.known(*one) for one in told)


def _begun(report: Report) -> Curve:
    """The curve of which nothing is known but the setting on screen, and the dense network beside it: where what is known of
    it makes an interval. No other metric than a share has one of the counts alone, and none is drawn without."""
    score, known = report.score, {}
    if score.metric == "accuracy" and score.dense_correct is not None:
        dense = replace(
            score, value=score.dense_value, correct=score.dense_correct, newly_wrong=0, newly_right=0,
            interval=wilson(score.dense_correct, score.n),
        )  # fmt: skip
        known[0.0] = _point(0.0, 0.0, dense)
    known[report.amount] = _point(report.amount, report.sparsity, score)
    return Curve(
        subject=report.subject, criterion=report.criterion, scope=report.scope, seed=report.seed,
        calibration=report.calibration, calibration_n=report.calibration_n,
        points=tuple(known[amount] for amount in sorted(known)), dense_value=score.dense_value,
        chance=kitchen.chance(Recipe(subject=report.subject)), metric=score.metric, noun=score.noun,
    )  # fmt: skip


def _point(amount: float, sparsity: float, score: Score) -> CurvePoint:
    return CurvePoint(
        amount, sparsity, score.value, score.correct, score.n, score.interval, (0, 0), score.newly_wrong, score.newly_right,
        score.of or score.n,
    )  # fmt: skip


def seconds(name: str) -> tuple[float, float]:
    """How long a heavy model's curve takes, roughly: until every point is there, and until each is of all samples."""
    n = len(kitchen.subject(name).held_out)
    whole = kitchen.pace(name) * len(NODES)
    return whole * min(1.0, ROUGH / max(1, n)), whole


_turn = threading.Lock()
"""One curve grows at a time: several at once would only be late together, and every page with them."""


@larder.kept(48)
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
        with _turn:
            for point in evaluate.curve_points(recipe, place, bench, rest):
                added = sorted((*growing.curve.points, point), key=lambda one: one.amount)
                growing.curve = replace(growing.curve, points=tuple(added))
                if background.closing():
                    return
    except Exception as problem:  # a thread has nobody to raise to: the page that waits for the curve says it
        growing.trouble = f"The curve could not be measured: {problem}"
    growing.done = True


def watch(shown: Sequence[Curve | None]) -> None:
    """Redraws the page while a curve on it grows, and says how far it is; nothing where all are complete, nor where the
    status line says it."""
    here = [one for one in shown if one is not None and not kitchen.heavy(one.subject)]
    short = sum(max(0, len(ORDER) - len(one.points)) for one in here)
    if short:
        _watch(short, len(ORDER) * len(here), time.monotonic())


@st.fragment(run_every=REDRAW)
def _watch(short: int, wanted: int, drawn: float) -> None:
    st.caption(f"Measuring in the background: {wanted - short} of {wanted} points of the curves so far.")
    # Not while the page itself is being drawn, nor while a dialog lies over it.
    if time.monotonic() - drawn > REDRAW / 2 and not bench.covered():
        st.rerun()


def tuned(recipe: Recipe) -> Curve | None:
    """The shipped curve after fine-tuning, where there is one for this ranking."""
    found = kitchen.shipped_of(recipe)
    return found.tuned.get((recipe.criterion, recipe.scope)) if found else None


def baseline(recipe: Recipe, panel: str = "") -> Curve | None:
    """Random pruning under the same scope: the control that every criterion has to beat. It is measured once the curve
    itself is there; until then, and where it cannot be measured, there is none."""
    if recipe.criterion == "random" or not curve(recipe, panel)[1]:
        return None
    try:
        return curve(replace(recipe, criterion="random"), panel)[0]
    except ValueError:  # of a heavy model it is asked of the worker, and can be cancelled: the status line says so
        return None


def sweep(recipe: Recipe, panel: str = "") -> Sweep:
    """What goes at each whole percent."""
    found = kitchen.shipped_of(recipe)
    if found:
        return found.sweeps[recipe.criterion, recipe.scope]
    if kitchen.heavy(recipe.subject):
        return orders.first(kitchen.job_part(recipe, amount=0.0), "sweep", panel=panel)
    return _sweep(_whole(recipe))


@larder.kept(48, dry=True)
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
    return [_compared(recipe, replace(recipe, criterion=key, amount=amount)) for key, amount in amounts.items()]


def _compared(recipe: Recipe, one: Recipe) -> Compared:
    panel = "" if one == recipe else one.criterion  # not instead of the setting of the strip
    under = baseline(one, panel)
    report = kitchen.first_report(one, panel)
    return Compared(
        one.criterion, one.amount, curve(one, panel)[0], under, sweep(one, panel), report, kitchen.standing_of(one).seconds
    )


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
    one = alone(recipe, layer)
    if kitchen.heavy(recipe.subject):
        return _ordered(one, _alone_report, ALONE)[0]
    return curve(one)[0]


def _alone_report(one: Recipe) -> Report:
    return orders.first(kitchen.job_part(one), "measure", panel=ALONE)


def layer_report(recipe: Recipe, layer: str) -> Report:
    """The Report when only this layer is pruned, by magnitude, at the Recipe's amount."""
    one = alone(recipe, layer)
    return _alone_report(one) if kitchen.heavy(recipe.subject) else kitchen.report(one)


@larder.kept(64, dry=True)
def _layer_sweep(recipe: Recipe, layer: str, absolute: bool) -> Sweep:
    from pruneviz.engine.sweep import sweep as sweep_of

    return sweep_of(kitchen.subject(recipe.subject), recipe, kitchen.standing_of(recipe), only=layer, absolute=absolute)


def layer_sweep(recipe: Recipe, layer: str) -> Sweep:
    """What goes of one layer at each whole percent of it, smallest first; binned by w or by |w| as the Recipe says."""
    one, absolute = alone(recipe, layer), recipe.shape == "absolute"
    if kitchen.heavy(recipe.subject):
        return orders.first(kitchen.job_part(one, amount=0.0), "sweep", ("layer", layer, absolute), ALONE)
    return _layer_sweep(replace(one, amount=0.0), layer, absolute)

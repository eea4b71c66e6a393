"""Allocation: «keep so much of the accuracy, remove the most», asked of the worker, and its answer as a setting to use."""

from __future__ import annotations

import math
from dataclasses import replace

import streamlit as st

from pruneviz import allocation as records
from pruneviz import plain
from pruneviz.allocation import CANNOT_TELL, CURRENCIES, KEEPS, KEEPS_NOT, Allocation
from pruneviz.charts import allocation as charts
from pruneviz.charts.chart import as_percent
from pruneviz.query import to_pin
from pruneviz.recipe import PINS, Recipe
from pruneviz.studio import bench, catalogue, kitchen, orders, show

KIND = "allocate"
TOLERANCES = (0.005, 0.01, 0.02, 0.05, 0.1)
STARTS = {
    "layer": "uniform pruning",
    "global": "global pruning",
    "std": "Han's deviations",
    "erk": "ERK (Evci et al. 2020)",
    "lamp": "LAMP (Lee et al. 2021)",
    "owl": "OWL (Yin et al. 2024)",
    "isomorphic": "units built alike (Fang et al. 2024)",
    "distortion": "least distance of the outputs (Xu et al. 2023)",
    "mixture": "a mixture of two starts",
    "everything": "removing everything",
    "nothing": "the dense model",
}
"""What a search went out from, as a sentence says it."""


def ask() -> None:
    """How much of the accuracy is to stay, what is to become less, and the button that starts the search."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="wanted"):
        now = bench.recipe_now().tolerance
        bench.select("keep", "tolerance", sorted({*TOLERANCES, now}), _kept, width=220)
        bench.choose("remove most of the", "budget", [*CURRENCIES], CURRENCIES.get)
        st.button("Search", key="search", on_click=bench.ask, args=(KIND, wanted(bench.recipe_now())), type="primary")


def _kept(tolerance: float) -> str:
    return f"{as_percent(1 - tolerance)} of the accuracy"


def answer(recipe: Recipe) -> None:
    """What was found so far, and what can be done with it; nothing before somebody asked."""
    refused = records.trouble(recipe)
    if refused:
        st.info(plain.markdown(f"{refused[:1].upper()}{refused[1:]}.", 512))
        return
    what, nodes = wanted(recipe)
    if not bench.asked(KIND, (what, nodes)):
        # What was found before is shown; a search begins, or goes on, only where somebody asks for it.
        found = orders.found(what, KIND, nodes)
        if found is None:
            st.markdown(explained())
        else:
            _shown(recipe, found)
        return
    order = orders.look(what, KIND, nodes)
    found, why = order.latest, orders.why(order)
    if why:
        st.error(f"The search ended: {plain.markdown(why, 512)}")
    if found is not None:
        _shown(recipe, found)
    elif not why:
        st.caption("Measuring the dense model first.")


def asked(recipe: Recipe) -> Recipe:
    """What a search depends on: amounts are what it looks for; layers that are kept whole stay so."""
    return kitchen.job_part(recipe, amount=0.0, scope="layer", overrides=())


def wanted(recipe: Recipe) -> tuple[Recipe, tuple]:
    """All that a search depends on: what is searched, how much may be lost, and what is to become less."""
    return asked(recipe), (("tolerance", recipe.tolerance), ("budget", recipe.budget))


def explained() -> str:
    """What the search does, before it is asked for."""
    return (
        "The search gives every layer an amount of its own. It starts from uniform, global and other known ways, then moves "
        "budget from layer to layer; every step is a real evaluation of the model pruned everywhere at once. One half of "
        "the held-out data chooses; the other half is looked at once, at the end, beside uniform and global pruning at the "
        "same budget. One shot, no fine-tuning."
    )


def _shown(recipe: Recipe, found: Allocation) -> None:
    st.subheader(headline(found), anchor=False)
    st.markdown(told(found))
    if not found.complete:
        said = f"{found.tried:,} of {found.of:,} evaluations: {plain.markdown(found.words)}"
        st.progress(min(1.0, found.tried / max(1, found.of)), said)
    _use(recipe, found)
    measure = catalogue.kind(recipe.granularity).measure
    left, right = st.columns(2, gap="large") if found.complete else (st.container(), None)
    with left:
        show.chart(charts.shares(found, measure), key="shares")
    if right is not None:
        with right:
            show.chart(charts.equal_budget(found), key="equal-budget")


def _use(recipe: Recipe, found: Allocation) -> None:
    after = records.applied(recipe, found)
    same = (after.overrides, after.amount, after.scope) == (recipe.overrides, recipe.amount, recipe.scope)
    with st.container(horizontal=True, gap="small", key="use-it"):
        st.button("Use this setting", key="use", on_click=_take, args=(after,), disabled=same)
        pinned = to_pin(after) in recipe.pins
        st.button("Pin it", key="pin-it", on_click=_pin, args=(after,), disabled=pinned)


def _take(after: Recipe) -> None:
    bench.commit(after, bench.why_not(after))


def _pin(after: Recipe) -> None:
    now = bench.recipe_now()
    if len(now.pins) >= PINS:
        bench.say(f"{PINS} settings are pinned, and there is no room for more: take one away on the page Compare.")
    else:
        bench.commit(replace(now, pins=(*now.pins, to_pin(after))))


def headline(found: Allocation) -> str:
    """What the search found, in one sentence."""
    what = "multiply-adds" if found.budget == "ms" else CURRENCIES[found.budget]
    gone = as_percent(found.saved)
    if not found.complete or found.kept_interval is None:
        return f"So far {gone} of the {what} can go." if not found.complete else f"{gone} of the {what} go."
    low, high = (_percent(end) for end in found.kept_interval)
    asked_for = f"{as_percent(1 - found.tolerance)} asked for"
    seen = f"{found.best.reporting.n:,} other {found.noun}"
    end = {
        KEEPS: f"the {asked_for} are kept",
        KEEPS_NOT: f"the {asked_for} are not kept",
        CANNOT_TELL: f"whether the {asked_for} are kept, they cannot tell",
    }[found.keeps]
    kept = f"{as_percent(found.kept)} of the {found.metric} stay on {seen} (95% interval {low} to {high})"
    return f"{gone} of the {what} go, and {kept}: {end}."


def _percent(share: float) -> str:
    return as_percent(share) if math.isfinite(share) else "unknown"


def told(found: Allocation) -> str:
    """On which samples it was chosen, on which it is reported, and from where the search went out."""
    half = found.best.choosing
    if half is None:
        return ""
    chosen = f"{half.correct:,} of {half.n:,} right" if half.correct is not None else f"{found.metric} {half.value:.2f}"
    said = f"Chosen on {half.n:,} held-out {found.noun}: {chosen}, {_before(found.dense.choosing, found)} dense. "
    report, dense = found.best.reporting, found.dense.reporting
    if report is None or dense is None:
        return f"{said}Nobody has looked at the other half yet: until then the figure flatters. One shot, no fine-tuning."
    low, high = report.interval
    if report.correct is None:
        value = f"{found.metric} {report.value:.2f} ({low:.2f} to {high:.2f}), {dense.value:.2f} dense"
    else:
        value = (
            f"{report.correct:,} of {report.n:,} right, {100 * report.value:.1f}% (95% interval {100 * low:.1f} to "
            f"{100 * high:.1f}), {dense.correct:,} dense"
        )
    return (
        f"{said}**On the {report.n:,} others: {value}.** The search went out from "
        f"{STARTS.get(found.started, found.started)} and measured {found.tried:,} allocations; the half that chose "
        "flatters, the other does not. Once the setting is used, the app measures it on both halves together: then this "
        "figure of the others stays the honest one. One shot, no fine-tuning."
    )


def _before(half, found: Allocation) -> str:
    return f"{half.correct:,}" if half.correct is not None else f"{half.value:.2f}"

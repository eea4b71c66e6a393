"""Allocation: «keep so much of the accuracy, remove the most», asked of the worker, and its answer as a setting to use."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz import allocation as records
from pruneviz.allocation import CURRENCIES, Allocation
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
        st.button("Search", key="search", on_click=bench.ask, args=(KIND,), type="primary")


def _kept(tolerance: float) -> str:
    return f"{as_percent(1 - tolerance)} of the accuracy"


def answer(recipe: Recipe) -> None:
    """What was found so far, and what can be done with it; nothing before somebody asked."""
    refused = records.trouble(recipe)
    if refused:
        st.info(f"{refused[:1].upper()}{refused[1:]}.")
        return
    what, nodes = asked(recipe), (("tolerance", recipe.tolerance), ("budget", recipe.budget))
    if not bench.asked(KIND) and orders.found(what, KIND, nodes) is None:
        st.markdown(explained())
        return
    order = orders.look(what, KIND, nodes)
    found, why = order.latest, orders.why(order)
    if why:
        st.error(f"The search ended: {why}")
    if found is not None:
        _shown(recipe, found)
    elif not why:
        st.caption("Measuring the dense model first.")


def asked(recipe: Recipe) -> Recipe:
    """What a search depends on: amounts are what it looks for; layers that are kept whole stay so."""
    return kitchen.job_part(recipe, amount=0.0, scope="layer", overrides=())


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
        st.progress(min(1.0, found.tried / max(1, found.of)), f"{found.tried:,} of {found.of:,} evaluations: {found.words}")
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
    if not found.complete or found.kept is None:
        return f"So far {gone} of the {what} can go."
    return f"{gone} of the {what} go, and {as_percent(found.kept)} of the {found.metric} stay."


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
        "flatters, the other does not. One shot, no fine-tuning."
    )


def _before(half, found: Allocation) -> str:
    return f"{half.correct:,}" if half.correct is not None else f"{half.value:.2f}"

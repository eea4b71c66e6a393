"""Size: the page that asks whether a network had to be large to be pruned, or a small one would have done."""

from __future__ import annotations

import streamlit as st

from pruneviz.charts.chart import as_percent
from pruneviz.charts.labs import alike, width
from pruneviz.charts.labs import size as charts
from pruneviz.studio import kitchen
from pruneviz.studio.labs import around, fields, found
from pruneviz.studio.labs.asked import Asked
from pruneviz.traced import Traced

AMOUNTS = (0.25, 0.5, 0.75, 0.9)
WIDTHS = (25.0, 300.0, 25.0)
"""How wide the large network is, in percent of the model's own width: from, to, in steps of."""


def runs(here: Asked) -> dict[str, list[Traced]]:
    """The runs that differ by method and seed alone, by method."""
    return found.grouped(found.siblings(here.recipe, "method"), "method")


def headline(here: Asked) -> str:
    """What the runs say about the three networks, or the question."""
    return charts.headline(runs(here))


def choices(here: Asked) -> None:
    """How wide the large network is, how much of it goes, and which of the three is run next."""
    unit = here.recipe.granularity
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="size-choices"):
        low, high, step = WIDTHS
        fields.percent(here, "width of the large network (of this model's)", "width", low, high, step, width=280)
        fields.select(here, f"{unit}s removed", "amount", AMOUNTS, as_percent, width=150)
        fields.number(here, "steps, then", "steps", 1, 5000, width=140)
        fields.number(here, "steps after the cut", "retrain", 0, 5000, width=150)
        fields.choose(here, "network to run", "method", [*charts.METHODS], charts.METHODS.get)
    st.caption(
        "Three networks with as many parameters, each trained for as many steps: one is cut out of a large trained network, "
        "one is as narrow from the start, one has the shape that the cut left but fresh weights."
    )


def story(here: Asked) -> None:
    """How the three learn and end; what more width brings; how alike their filters are; and what each costs."""
    groups = runs(here)
    known = [run for group in groups.values() for run in group]
    if not known:
        st.info("Nobody ran this setting yet: run it live, or undo the last change.")
        return
    around.chart(charts.accuracy(groups), "sizes", known)
    everything = found.siblings(here.recipe, "method", "width")
    sides = st.columns(2, gap="large")
    with sides[0]:
        around.chart(width.widths(found.grouped(everything, "method")), "widths", everything)
    with sides[1]:
        around.chart(width.bill(groups), "bill", known)
    _alike(here, groups)


def said(here: Asked) -> None:
    """What is often said of large networks, beside what the papers report."""
    around.often_said(
        "A network has to be large to be trained well; what is superfluous can be pruned away afterwards.",
        "The papers disagree. Where whole filters go, training the pruned shape from fresh weights is almost always as good "
        "or better (Liu et al.). But ResNet-56 with 13.7% of its parameters pruned has 6.94% error fine-tuned, and 8.69% "
        "trained from scratch (Li et al.).",
        "Liu et al. 2019 (arXiv 1810.05270); Li et al. 2017, Table 1 (arXiv 1608.08710)",
    )
    st.markdown(f"**Our runs show:** {charts.verdict(runs(here))}")


def _alike(here: Asked, groups: dict[str, list[Traced]]) -> None:
    """The maps of one layer. Which layer changes no number, so it is a way of looking and no choice of the run."""
    offered = alike.layers(groups)
    if not offered:
        return
    labels = {layer.name: layer.label for layer in kitchen.subject(here.recipe.subject).layers}
    middle = offered[min(1, len(offered) - 1)]
    known = [run for group in groups.values() for run in group]
    left, right = st.columns((3, 2), gap="large", vertical_alignment="center")
    with left:
        name = lambda layer: labels.get(layer, layer)  # noqa: E731
        layer = st.segmented_control("filters of", offered, format_func=name, default=middle, key="alike", required=True)
        around.chart(alike.maps(groups, layer, name(layer), here.recipe.seed), "maps", known)
    with right:
        st.caption(
            "A square per pair of filters, similar ones side by side. |cos| is 1 where two filters are the same but for "
            "their size or sign. Of few numbers, as in a first layer or a narrow network, two filters look alike by chance: "
            "only maps of filters of equal size can be compared."
        )

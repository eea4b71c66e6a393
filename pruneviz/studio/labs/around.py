"""Around: what every chart of a lab has beside it: its bill, on how much it stands, and the way to the slider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from pruneviz import came_of
from pruneviz.charts.chart import Chart, as_percent
from pruneviz.course import Course
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, show
from pruneviz.studio.labs.asked import at_home
from pruneviz.studio.labs.live import counted, duration
from pruneviz.traced import Traced

SLIDER = "pages/start/slider.py"


def chart(one: Chart, key: str, runs: Sequence[Traced]) -> None:
    """A chart, and what it cost."""
    show.chart(one, key)
    st.caption(bill(runs))


def bill(runs: Sequence[Traced]) -> str:
    """What these runs cost in what their lab counts; of those that were performed here, also how long they took."""
    if not runs:
        return "No run: nothing to pay."
    own = [run for run in runs if not run.shipped]
    many = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    said = f"Bill: {counted(runs[0].recipe, sum(run.step for run in runs))} in {many}"
    where = {0: "performed here", len(runs): "shipped with the model"}
    where = where.get(len(runs) - len(own), f"{len(runs) - len(own)} shipped with the model, {len(own)} performed here")
    took = sum(run.seconds for run in own)
    return f"{said}, {where}{f' in {duration(took)}' if took else ''}."


def often_said(said: str, reported: str, source: str) -> None:
    """What is often said, and what the paper reports; the source is what a hover shows."""
    st.markdown(f"**Often said:** {said}  \n**The paper reports:** {reported}", help=source)


def to_slider(recipe: Recipe, came: Traced | None = None) -> None:
    """Opens the model as it is before any training at the same sparsity, under the same criterion; and, where this visitor's
    store has it, the network that came of the run."""
    with st.container(horizontal=True, gap="small", key="to-slider-row"):
        label = f"Open {as_percent(recipe.amount)} in the slider"
        said = "The slider shows what the same cut costs the trained model at once, without any training after it."
        if st.button(label, key="to-slider", help=said):
            _open(replace(recipe, course=Course()))
        if came is not None and came.done and not came.shipped:
            said = "The network that came of this run, as a model of its own: to look at, to prune further, to export."
            if st.button("Open what came of the run", key="to-network", help=said):
                _open(network(came))


def network(run: Traced) -> Recipe:
    """The Recipe that shows the network as it came of a run that is done and kept."""
    return came_of.opened(run.recipe, float(run.last("sparsity") or 0.0))


def _open(recipe: Recipe) -> None:
    after = at_home(recipe)
    trouble = bench.why_not(after)
    bench.commit(after, trouble)
    if not trouble:
        st.switch_page(SLIDER)

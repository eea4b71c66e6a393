"""Explained: does the pruned network look at the same pixels? The part of «What breaks» that captum answers."""

from __future__ import annotations

import streamlit as st

from pruneviz import plain
from pruneviz.attribution import METHODS, Attribution, Completeness
from pruneviz.charts import attribution as charts
from pruneviz.charts.chart import number
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, breakage, kitchen, larder, orders, show

QUESTION = "Does the pruned network look at the same pixels?"
ASKED = "pixels"
PANEL = "pixels"


def pair(recipe: Recipe, example: int) -> None:
    """Where the dense and the pruned network look in one held-out image, and where they differ. `example` is its place in
    the held-out data; below 0 none was chosen. Of a model that looks at no images it says so, and draws nothing."""
    title = st.empty()
    title.header(QUESTION, anchor=False)
    trouble = _refused(recipe.subject)
    if trouble or example < 0:
        asking = "Choose an example above, and both networks are asked which of its pixels count."
        st.markdown(trouble or asking)
        return
    bench.choose("pixels weighed by", "attribution", [*METHODS], lambda key: METHODS[key].name)
    if kitchen.heavy(recipe.subject):
        said = "This model takes a while, and it is asked about this one image only."
        st.button("Ask both networks", key="ask-pixels", help=said, on_click=bench.ask, args=(ASKED,))
        if not bench.asked(ASKED):
            return
    try:
        with st.spinner("Asking both networks which pixels count …"):
            found = attributed(recipe, example, recipe.attribution)
    except ValueError as problem:  # of a heavy model it is asked of the worker, and can be cancelled
        st.info(f"No pixels were weighed: {plain.markdown(problem, 600)}")
        return
    title.header(charts.finding(found), anchor=False)
    st.markdown(who(found))
    drawn = charts.maps(found, breakage.picture(recipe.subject, example))
    for at, (place, chart) in enumerate(zip(st.columns(len(drawn), gap="medium"), drawn, strict=True)):
        with place:
            show.chart(chart, key=f"pixels-{at}")
    st.markdown(how(found))


def attributed(recipe: Recipe, example: int, method: str) -> Attribution:
    """Both networks' maps of one held-out image; of a heavy model asked of the worker, where it can be cancelled."""
    if kitchen.heavy(recipe.subject):
        return orders.first(kitchen.job_part(recipe), "attributions", (example, method), PANEL)
    kitchen.wait_for(recipe)
    return _attributed(kitchen.measured_part(recipe), example, method)


@larder.kept(64, dry=True)
def _attributed(recipe: Recipe, example: int, method: str) -> Attribution:
    from pruneviz.engine import explain

    return explain.attributions(kitchen.subject(recipe.subject), recipe, kitchen.standing_of(recipe), example, method)


def _refused(name: str) -> str:
    """Why no pixels can be weighed, in a sentence; empty where they can."""
    from pruneviz.engine import explain

    try:
        explain.refuse(kitchen.subject(name))
    except ValueError as problem:
        return f"{plain.markdown(problem, 600)}."
    return ""


def who(found: Attribution) -> str:
    """Which image, what both networks say, and about which class they are asked."""
    label, target, said = (plain.markdown(name) for name in (found.label, found.target, found.said))
    same = f"both networks say {target}" if said == target else f"the dense network says {target}, the pruned one {said}"
    return (
        f"Held-out image {found.index:,}, «{label}»: {same}. Both maps are for «{target}», what the dense network says: its "
        f"score is {number(found.score[0])} before and {number(found.score[1])} after pruning, one shot, no fine-tuning."
    )


def how(found: Attribution) -> str:
    """How pixels are weighed, by whom, what the numbers above mean, and what one image cannot say."""
    method = METHODS[found.method]
    weighed = [
        f"**{method.name}.** {method.text} [{method.cite}]({method.url}), {method.where}; computed by captum.",
        _promised(found.promise),
        f"The square is {found.window} × {found.window} pixels." if found.window else "",
    ]
    read = [
        "Each map is drawn as shares of its own total, both on one scale: pruning often makes all scores smaller, and the "
        "question is where, not how much. In the difference purple is more in the pruned network, green is less.",
        _agreeing(found),
        "One image is an example, not a measurement, and a map shows what a score rests on, not why.",
    ]
    return "\n\n".join(f":small[{' '.join(filter(None, part))}]" for part in (weighed, read))


def _agreeing(found: Attribution) -> str:
    cosine = "" if found.cosine is None else f" The cosine of the two maps is {_two(found.cosine)}."
    beside = "" if found.elsewhere is None else (
        f" For comparison, the dense network's map of image {found.other:,}, of another class, agrees with its map of this "
        f"one by {_two(found.elsewhere)}."
    )  # fmt: skip
    return (
        "Rank agreement is Spearman's correlation over all pixels: 1 is the same order, 0 none; we say «the same» from "
        f"{charts.SAME} on and «mostly» from {charts.MOSTLY}.{beside}{cosine}"
    )


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _promised(promise: tuple[Completeness, Completeness] | None) -> str:
    if promise is None:
        return ""
    dense, thin = promise
    return (
        f"They promise that all pixels together make up the rise of the score from the blank image: they come to "
        f"{number(dense.total)} of {number(dense.rise)} in the dense network and to {number(thin.total)} of "
        f"{number(thin.rise)} in the pruned one."
    )

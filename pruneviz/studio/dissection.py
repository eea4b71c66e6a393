"""Dissection: the parts of the page Anatomy. Slider and units, what is left, one matrix in three ways, the proof."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz import findings, plain
from pruneviz.charts import anatomy as charts
from pruneviz.charts import holes as hole_charts
from pruneviz.charts import river
from pruneviz.recipe import Recipe
from pruneviz.report import Report
from pruneviz.studio import bench, catalogue, choices, curves, cutting, kitchen, panels, show, stage, titles, units
from pruneviz.studio.anatomy import anatomy
from pruneviz.studio.scrubber import scrubber


def headline(recipe: Recipe, report: Report) -> str:
    """What this setting takes, in one sentence."""
    if not report.groups:
        return f"{findings.percent(report.sparsity)} of the weights are zero, and the network is as large as before."
    return charts.headline(report.groups, findings.many(report), units.readers(recipe))


def caption(recipe: Recipe, report: Report) -> str:
    """What to do here, and how unevenly it goes."""
    if not report.groups:
        return (
            "Weights go one by one, and the matrices stay as large as they were. Choose filters, neurons, heads or layers, "
            "whichever this model has, to see whole units go and a smaller network remain."
        )
    many = findings.many(report)
    uneven = charts.uneven(report.groups, many)
    return f"{uneven} Drag the slider, or click a unit to remove or restore it; every click can be undone.".strip()


def _small(words: str) -> None:
    """A remark under a picture. Streamlit's own caption is a shade too pale on white: 4.48 : 1, where 4.5 is asked for."""
    st.markdown(f":small[{words}]")


def choose(recipe: Recipe) -> None:
    """What goes, by which importance, compared with whom: in one row, so that slider and units share a screen."""
    names, scopes = catalogue.criteria(), catalogue.scopes(recipe.granularity)
    offered = [key for key in catalogue.granularities(recipe.granularity) if ":" in key or key in kitchen.offers(recipe)]
    criteria = catalogue.order(recipe.granularity, kitchen.of_language(recipe))
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="choices"):
        bench.choose("what goes", "granularity", offered, catalogue.granularity_name)
        bench.select("criterion", "criterion", criteria, lambda key: names[key].name, width=220)
        if recipe.granularity in catalogue.UNITS and not names[recipe.criterion].units:
            bench.select("pooled by", "pool", [*choices.POOLS], choices.POOLS.get, width=130)
        if ":" in recipe.granularity:
            patterns = catalogue.patterns(recipe.granularity)
            bench.choose("keep N of every M inputs", "granularity", patterns, key="pattern")
        else:
            bench.select("compared", "scope", [*scopes], lambda key: scopes[key].name, width=210)


def living(recipe: Recipe, report: Report) -> None:
    """The slider and, beside it, the units that it takes; where weights go, the layers that they go from."""
    if not report.groups:
        stage.hero(recipe, report, stage.curve_of(recipe), challenges=False)
        return
    curve, baseline = curves.curve(recipe)[0], curves.baseline(recipe)
    left, right = st.columns([2, 3], gap="large")
    with left:
        panel = panels.hero(
            recipe,
            report,
            curve,
            curves.sweep(recipe),
            title=catalogue.criteria()[recipe.criterion].name,
            baseline=baseline if recipe.criterion != "random" else None,
            tuned=None,
            trail=bench.trail(),
        )
        scrubber([replace(panel, layers=(), histogram=None)], key="hero", on_commit=bench.take_commit)
        curves.watch([curve, baseline])
    with right:
        anatomy(units.anatomy(recipe, report), key="units", on_toggle=bench.take_unit)
        _alone(recipe)


def _alone(recipe: Recipe) -> None:
    missing, kind = units.alone_missing(recipe), kitchen.kind(recipe)
    if not missing:
        found = units.alone_known(recipe)
        if found:
            _small(_strength(found, kind.many))
        return
    said = f"Leave each {kind.one} out alone: {missing:,} measurements"
    words = "Afterwards every card says what the network loses without that one alone."
    st.button(said, key="alone", help=words, on_click=bench.ask, args=("alone",))
    if bench.asked("alone"):
        show.progress(f"Leaving each {kind.one} out", lambda told: units.leave_one_out(recipe, told))
        st.rerun()


def _strength(found: dict, many: str) -> str:
    """How many units are fragile, and what the word means."""
    weak, all_of = sum(int(one.fragile.sum()) for one in found.values()), sum(len(one.points) for one in found.values())
    return (
        f"{weak:,} of {all_of:,} {many} are fragile (marked with a triangle): without that one alone more held-out samples "
        "turn wrong than right, and more than chance explains (sign test, 5%). The others are robust, one at a time; "
        "together they may not be."
    )


def left(recipe: Recipe, report: Report) -> None:
    """What is left of the network: by weights, by width, from input to output."""
    one, other = st.columns(2, gap="large") if report.groups else (st.container(), None)
    with one:
        show.chart(charts.treemap(report.layers, titles.title(recipe.subject)), key="treemap")
        _small("Area: weights. Blue stays, hatched goes.")
    if not report.groups:
        return
    many = findings.many(report)
    with other:
        show.chart(charts.widths(report.groups, many), key="widths")
    if len(report.groups) > 1 and not report.groups[0].blocks:
        show.chart(river.flow(report.groups, many), key="flow")
        _small("A Sankey diagram in the network's order: the river is as wide as what passes on, its banks are what went.")


def matrix(recipe: Recipe) -> None:
    """One layer's weight matrix with half of it gone in three ways, side by side."""
    offered = cutting.matrices(recipe.subject)
    if not offered:
        return
    shown = recipe.layer if recipe.layer in offered else next(iter(offered))
    holes = cutting.holes(recipe.subject, shown)
    st.header(hole_charts.headline(offered[shown], holes), anchor=False)
    bench.select("matrix", "layer", [*offered], offered.get, shown=shown, width=260)
    for at, (place, one) in enumerate(zip(st.columns(len(holes), gap="large"), holes, strict=True)):
        with place:
            show.chart(hole_charts.hole(one), key=f"hole-{at}")
            _small(f"{one.words[:1].upper()}{one.words[1:]}.")


def removal(recipe: Recipe) -> None:
    """The button that removes for real, the proof, and the smaller network to keep."""
    st.header("Remove for real and compare", anchor=False)
    st.markdown(
        "The preview silences units and leaves the matrices as they are. Removing cuts them out of a copy of the network, "
        "runs both, and compares every output."
    )
    st.button("Remove for real", key="remove", on_click=bench.ask, args=("remove",))
    if not bench.asked("remove"):
        return
    try:
        found = cutting.remove(recipe)
    except ValueError as problem:  # of a heavy model the preview is asked of the worker, and can be cancelled
        st.info(f"Nothing was removed, for there is no preview to compare it with: {plain.markdown(problem, 512)}")
        return
    if found.trouble:
        st.error(f"The removal was rolled back: {plain.markdown(found.trouble, 512)}")
        return
    st.success(cutting.proof(found, kitchen.report(recipe).score.metric))
    before, after = (f"{value:.1%}" if found.correct[0] is not None else f"{value:.3f}" for value in found.value)
    show.table(
        [
            ("", "masked preview", "really removed"),
            ("parameters", f"{found.parameters[0]:,}", f"{found.parameters[1]:,}"),
            (kitchen.report(recipe).score.metric, before, after),
        ],
        "The same network, masked and cut",
    )
    st.download_button(
        "Download the smaller network (.zip)",
        lambda: cutting.archive(recipe),
        file_name=cutting.file_name(recipe),
        key="archive",
        on_click="ignore",
    )

"""Strips: what the live setting costs, on every page in the same place; once a setting is pinned, also against that one."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pruneviz import came_of, findings, plain
from pruneviz.candidates import LETTERS, paired, same_samples
from pruneviz.charts import candidate_words
from pruneviz.recipe import PINS, Recipe
from pruneviz.report import Report
from pruneviz.studio import bench, catalogue, status, titles
from pruneviz.studio import candidates as pinned
from pruneviz.studio.bring import taking

MENU, FITS = 220, 26
"""Pixels of the menu of models, and so many letters of a title that it shows: a longer one stands in full below it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the strip: label, value, what stands below, and against the baseline where there is one."""

    label: str
    value: str
    below: str
    against: str = ""


def strip(recipe: Recipe) -> DeltaGenerator:
    """The strip with its menu of models; its figures follow when they are known."""
    offered, came = titles.offered(), [pin.subject for pin in bench.pins() if came_of.run(pin.subject)]
    place = st.container(key="strip", horizontal=True, vertical_alignment="top", gap="medium")
    with place:
        options = list(dict.fromkeys([*offered, *came, recipe.subject]))
        with st.container(key="whose", horizontal=True, vertical_alignment="top", gap="small", width="content"):
            with st.container(width=MENU, gap="xxsmall", key="model"):
                bench.select("model", "subject", options, titles.title, width=MENU)
                title = titles.title(recipe.subject)
                if len(title) > FITS and not bench.is_hidden("subject"):
                    st.caption(plain.markdown(title, 160))
            with st.container(width="content", gap="xsmall"):
                if not bench.is_hidden("bring"):
                    st.button("Bring your own", key="bring", on_click=taking.open_it)
                if not bench.is_hidden("pin"):
                    _pinning(recipe)
    return place


def _pinning(recipe: Recipe) -> None:
    """Pins the live setting; once there is a baseline, leads back to it."""
    held = bench.pins()
    with st.container(key="pinning", horizontal=True, vertical_alignment="center", gap="small", width="content"):
        if bench.pinned():
            st.caption(f"This is {LETTERS[recipe.pins.index(bench.as_pin())]}", width="content")
        elif len(held) < PINS:
            label = f"Pin as {LETTERS[len(held)]}" if held else "Pin as baseline"
            st.button(label, key="pin", on_click=bench.pin, shortcut="Alt+P")
        if held and bench.as_pin() != recipe.pins[0]:
            said = f"A is {pinned.setting(held[0], beside=recipe)}."
            st.button("Back to A", key="back", on_click=bench.return_to, args=(0,), help=plain.markdown(said, 512))


def figures(recipe: Recipe, report: Report) -> None:
    """What the live setting costs; of ever more samples, where a heavy model is still being measured."""
    if report.score.partial:
        _growing(recipe, report)
    else:
        with st.container():  # as deep as a fragment lies, so that the figures take the place of those before
            _all(recipe, report)


@st.fragment(run_every=status.TICK)
def _growing(recipe: Recipe, report: Report) -> None:
    """Figures of the first samples, and of ever more of them."""
    _all(recipe, status.newest(recipe, report))


def _all(recipe: Recipe, report: Report) -> None:
    first = None if bench.pinned() and bench.as_pin() == recipe.pins[0] else pinned.baseline(recipe)
    against = first if isinstance(first, Report) and same_samples(report, first) else None
    with st.container(key="figures", horizontal=True, vertical_alignment="top", gap="medium"):
        _draw(_removed(report, against), "strip-sparsity")
        _draw(_measured(report, against), "accuracy")
        _draw(_against_dense(report, against), "strip-against")
        for at, figure in enumerate(_price(report, against)):
            _draw(figure, f"strip-price-{at}")
    if first is not None and against is None:
        st.caption(_not_compared(report, first))


def _not_compared(report: Report, first: Report | pinned.Absent) -> str:
    """Why the live setting is not held against A."""
    if isinstance(first, pinned.Absent):
        return f"Not compared with A: {plain.markdown(first.why, 512)}"
    if report.score.partial or first.score.partial:
        return "Not compared with A yet: one of the two is still being measured."
    return "Not compared with A: it was measured on other samples."


def _removed(report: Report, first: Report | None) -> Figure:
    """How much goes, and what is left of it."""
    kind = catalogue.kind(report.granularity)
    left, all_of = (report.units - report.units_removed, report.units) if report.units else (report.left, report.weights)
    of_kind = first is not None and catalogue.kind(first.granularity).many == kind.many
    against = _more(findings.share(report), findings.share(first)) if of_kind else "–" if first else ""
    below = f"{left:,} of {all_of:,} {findings.many(report)} left"
    return Figure(kind.measure, findings.percent(findings.share(report)), below, against)


def _measured(report: Report, first: Report | None) -> Figure:
    """What it costs, with its interval."""
    score = report.score
    many = f"{score.n:,} of {score.of:,}" if score.partial else f"{score.n:,}"
    label = f"{score.metric}, {many} held-out {score.noun}{' so far' * score.partial}"
    if score.correct is None:
        low, high = (f"{end:.2f}" for end in score.interval)
        against = candidate_words.difference(report, first) if first else ""
        return Figure(label, f"{score.value:.2f}", f"interval {low} to {high}", against)
    low, high = (f"{100 * end:.1f}" for end in score.interval)
    against = candidate_words.difference(report, first) if first else ""
    return Figure(label, findings.percent(score.value), f"interval {low} to {high}", against)


def _against_dense(report: Report, first: Report | None) -> Figure:
    """The difference to the dense model, and the samples that changed sides; against A, those that changed since."""
    score, pair = report.score, paired(report, first) if first else None
    below = f"{score.newly_wrong:,} newly wrong, {score.newly_right:,} newly right"
    if score.correct is None:
        below = f"{score.dense_value:.2f} before"
    against = f"{pair.newly_wrong:,} newly wrong, {pair.newly_right:,} newly right" if pair else ""
    return Figure("against dense", findings.against_dense(report), below, against)


def _price(report: Report, first: Report | None) -> list[Figure]:
    """What went with it: of weights their squares; of units what makes a network smaller."""
    # Zeros make nothing smaller: what units take along is not held against them.
    alike = first is not None and first.subject == report.subject and bool(first.units) == bool(report.units)
    if not (report.units and report.cost):
        against = _more(report.energy_removed, first.energy_removed) if alike else ""
        return [Figure("Σw² removed", findings.percent(report.energy_removed), "squared weight", against)]
    parameters, macs = findings.less(report.cost)
    before = findings.less(first.cost) if alike and first.cost else None
    left = f"{report.cost.parameters_left:,} left", f"{report.cost.macs_left / 1e6:,.2f} M left"
    return [
        Figure("parameters removed", findings.percent(parameters), left[0], _more(parameters, before[0]) if before else ""),
        Figure("MACs removed", findings.percent(macs), left[1], _more(macs, before[1]) if before else ""),
    ]


def _more(share: float, before: float) -> str:
    return findings.points(100 * (share - before))


def _draw(figure: Figure, key: str) -> None:
    with st.container(key=key, width="content", gap=None):
        st.metric(figure.label, figure.value, figure.below, delta_color="off", delta_arrow="off", width="content")
        if figure.against:
            st.caption("" if figure.against == "–" else f"against A: {figure.against}", width="content")

"""The frame around every page: navigation, the shared strip, and what there is to say about the link."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pruneviz import findings
from pruneviz.recipe import Recipe
from pruneviz.report import Report
from pruneviz.studio import admission, bench, catalogue, kitchen, library, link, made_with, orders, status, visitor
from pruneviz.studio.bring import dialog, taking

PAGES = (
    ("pages/start/slider.py", "Slider", "slider"),
    ("pages/see/weights.py", "Weights", "weights"),
    ("pages/see/anatomy.py", "Anatomy", "anatomy"),
    ("pages/analyse/criteria.py", "Criteria", "criteria"),
    ("pages/decide/reality.py", "Reality check", "reality"),
)


def open_page() -> None:
    """Everything but the page itself, then the page."""
    st.set_page_config(page_title="PruneViz", page_icon="✂️", layout="wide", initial_sidebar_state="collapsed")
    pages = [st.Page(path, title=title, url_path=url, default=at == 0) for at, (path, title, url) in enumerate(PAGES)]
    page = st.navigation(pages, position="hidden")
    bench.check_with(kitchen.trouble)
    bench.fit_with(catalogue.fitting)
    bench.open_bench(_trouble_of_link, made_with.absent)
    made_with.note_tab()
    recipe = _here()
    _style()
    with st.container(key="frame"):
        _menu(pages, page)
        for said in bench.words():
            st.warning(said)
        made_with.ask_for_files()
        strip, line = _strip(recipe), status.place(recipe)
    with status.telling(line):
        status.wait(recipe, line)
        with strip:
            _figures(recipe, kitchen.first_report(recipe))
        # Before the page: whoever copies the link while a slow page still draws gets all of it.
        bench.keep_link(made_with.seal)
        dialog.show_it()
        page.run()
    orders.tidy()
    status.line(line, recipe)


def _here() -> Recipe:
    """What the visitor chose, while its model is here. One that went meanwhile (another took its place, or its files were
    touched) may come back by Undo, or in a second tab: then a word about it, and the setting before."""
    gone = admission.trouble(bench.recipe_now())
    if gone:
        bench.retreat(gone, lambda one: admission.trouble(one) is None)
    return bench.recipe_now()


def _trouble_of_link(recipe: Recipe) -> str | None:
    """Why the Recipe of a link cannot be used: it is not possible here, or it was made with other files."""
    return kitchen.trouble(recipe) or made_with.difference(recipe)


def _menu(pages: list, current) -> None:
    with st.container(key="menu", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**PruneViz**", width="content")
        for page in pages:
            st.page_link(page, label=f"**{page.title}**" if page.title == current.title else page.title)
        st.space("stretch")
        st.button("Undo", key="undo", on_click=bench.undo, disabled=not bench.can_undo(), shortcut="Ctrl+Z")
        st.button("Redo", key="redo", on_click=bench.redo, disabled=not bench.can_redo(), shortcut="Ctrl+Shift+Z")
        link.copy_link(made_with.seal(bench.recipe_now()))


def _strip(recipe: Recipe) -> DeltaGenerator:
    """The strip with its menu of models; its figures follow when they are known."""
    offered = catalogue.subjects() | library.listed(visitor.name())
    strip = st.container(key="strip", horizontal=True, vertical_alignment="top", gap="medium")
    with strip:
        options = list(dict.fromkeys([*offered, recipe.subject]))
        with st.container(key="whose", horizontal=True, vertical_alignment="bottom", gap="small", width="content"):
            bench.select("model", "subject", options, lambda name: offered.get(name, name), width=220)
            st.button("Bring your own", key="bring", on_click=taking.open_it)
    return strip


def _figures(recipe: Recipe, report: Report) -> None:
    if report.score.partial:
        _growing_figures(recipe, report)
    else:
        with st.container():  # as deep as a fragment lies, so that the figures take the place of those before
            _all_figures(report)


@st.fragment(run_every=status.TICK)
def _growing_figures(recipe: Recipe, report: Report) -> None:
    """Figures of the first samples, and of ever more of them."""
    _all_figures(status.newest(recipe, report))


def _all_figures(report: Report) -> None:
    score = report.score
    with st.container(key="figures", horizontal=True, vertical_alignment="top", gap="medium"):
        _figure(*_removed(report), "strip-sparsity")
        _figure(*_measured(report), "accuracy")
        flips = f"{score.newly_wrong:,} newly wrong, {score.newly_right:,} newly right"
        before = f"{score.dense_value:.2f} before" if score.correct is None else flips
        _figure("against dense", findings.against_dense(report), before, "strip-against")
        for at, figure in enumerate(_price(report)):
            _figure(*figure, f"strip-price-{at}")


def _removed(report: Report) -> tuple[str, str, str]:
    """How much goes: label, value, and what is left of it."""
    share, kind = findings.percent(findings.share(report)), catalogue.kind(report.granularity)
    if report.units:
        return kind.measure, share, f"{report.units - report.units_removed:,} of {report.units:,} {kind.many} left"
    return kind.measure, share, f"{report.left:,} of {report.weights:,} weights left"


def _measured(report: Report) -> tuple[str, str, str]:
    """What it costs: label, value, interval."""
    score = report.score
    many = f"{score.n:,} of {score.of:,}" if score.partial else f"{score.n:,}"
    seen = f"{many} held-out {score.noun}{' so far' * score.partial}"
    if score.correct is None:
        low, high = (f"{end:.2f}" for end in score.interval)
        return f"{score.metric}, {seen}", f"{score.value:.2f}", f"interval {low} to {high}"
    low, high = (f"{100 * end:.1f}" for end in score.interval)
    return f"{score.metric}, {seen}", findings.percent(score.value), f"interval {low} to {high}"


def _price(report: Report) -> list[tuple[str, str, str]]:
    """What went with it: of weights their squares; of units what makes a network smaller."""
    if report.units and report.cost:
        parameters, macs = findings.less(report.cost)
        return [
            ("parameters removed", findings.percent(parameters), f"{report.cost.parameters_left:,} left"),
            ("MACs removed", findings.percent(macs), f"{report.cost.macs_left / 1e6:,.2f} M left"),
        ]
    return [("Σw² removed", findings.percent(report.energy_removed), "squared weight")]


def _figure(label: str, value: str, below: str, key: str) -> None:
    with st.container(key=key, width="content"):
        st.metric(label, value, below, delta_color="off", delta_arrow="off", width="content")


def _style() -> None:
    """The few rules that Streamlit has no setting for: less air above, figures that fit a strip."""
    st.html(
        "<style>"
        ".st-key-strip [data-testid='stMetricValue']{font-size:1.5rem;font-weight:600}"
        ".st-key-strip [data-testid='stMetricDelta']{background:none;padding:0;font-size:.8rem}"
        ".st-key-strip{border-block:1px solid rgba(128,128,128,.25);padding-block:.5rem;column-gap:2.25rem}"
        ".st-key-figures{column-gap:2.25rem}"
        ".st-key-status{min-height:2.5rem}"
        ".st-key-frame{gap:.5rem}"
        ".katex-display{overflow:visible!important}"
        "[data-testid='stCaptionContainer']{opacity:.75!important}"
        "[data-pv-guessing] :is(h1,.st-key-accuracy,.st-key-strip-against,.st-key-told),"
        "[data-pv-guessing] :is(.st-key-accuracy,.st-key-strip-against,.st-key-told) *{visibility:hidden}"
        "@media(max-width:640px){.st-key-strip{column-gap:1.25rem}}"
        "[data-testid='stHeader']{background:none;height:2.5rem;min-height:2.5rem}"
        "</style>"
    )

"""The frame around every page: navigation, the shared strip, and what there is to say about the link."""

from __future__ import annotations

from contextlib import asynccontextmanager

import streamlit as st

from pruneviz import findings
from pruneviz.report import Report
from pruneviz.studio import bench, catalogue, kitchen, link

PAGES = (
    ("pages/start/slider.py", "Slider", "slider"),
    ("pages/see/weights.py", "Weights", "weights"),
    ("pages/analyse/criteria.py", "Criteria", "criteria"),
)


@asynccontextmanager
async def lifespan(_server):
    """While the server starts: import torch and warm the default model in the background."""
    kitchen.preload()
    yield {}


def open_page() -> None:
    """Everything but the page itself, then the page."""
    st.set_page_config(page_title="PruneViz", page_icon="✂️", layout="wide", initial_sidebar_state="collapsed")
    pages = [
        st.Page(path, title=title, url_path=url, default=at == 0) for at, (path, title, url) in enumerate(PAGES)
    ]
    page = st.navigation(pages, position="hidden")
    bench.check_with(kitchen.trouble)
    recipe = bench.open_bench(kitchen.trouble)
    _style()
    with st.container(key="frame"):
        _menu(pages, page)
        for said in bench.words():
            st.warning(said)
        _strip(kitchen.first_report(recipe))
    page.run()
    bench.keep_link()


def _menu(pages: list, current) -> None:
    with st.container(key="menu", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**PruneViz**", width="content")
        for page in pages:
            st.page_link(page, label=f"**{page.title}**" if page.title == current.title else page.title)


def _strip(report: Report) -> None:
    score, recipe = report.score, bench.recipe_now()
    with st.container(key="strip", horizontal=True, vertical_alignment="center", gap="medium"):
        offered = catalogue.subjects()
        options = list(dict.fromkeys([*offered, recipe.subject]))
        bench.select("model", "subject", options, lambda name: offered.get(name, name), width=230)
        _figure("sparsity", findings.percent(report.sparsity), f"{report.left:,} of {report.weights:,} weights left", 190)
        with st.container(key="accuracy", width=200):
            low, high = (f"{100 * end:.1f}" for end in score.interval)
            _figure(f"accuracy on {score.n:,} held-out", findings.percent(score.value), f"95 in 100: {low} to {high}", 190)
        _figure(
            "against dense",
            findings.against_dense(report),
            f"{score.newly_wrong:,} newly wrong, {score.newly_right:,} newly right",
            205,
        )
        _figure("Σw² removed", findings.percent(report.energy_removed), "squared weight", 110)
        with st.container(key="history", horizontal=True, width="content", gap="small"):
            st.button("Undo", key="undo", on_click=bench.undo, disabled=not bench.can_undo(), shortcut="Ctrl+Z")
            st.button("Redo", key="redo", on_click=bench.redo, disabled=not bench.can_redo(), shortcut="Ctrl+Shift+Z")
            link.copy_link()


def _figure(label: str, value: str, below: str, width: int) -> None:
    st.metric(label, value, below, delta_color="off", delta_arrow="off", width=width)


def _style() -> None:
    """The few rules that Streamlit has no setting for: less air above, figures that fit a strip."""
    st.html(
        "<style>"
        ".st-key-strip [data-testid='stMetricValue']{font-size:1.5rem;font-weight:600}"
        ".st-key-strip{border-block:1px solid rgba(128,128,128,.25);padding-block:.6rem}"
        ".st-key-frame{gap:.5rem}"
        "</style>"
    )

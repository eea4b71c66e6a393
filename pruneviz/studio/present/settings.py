"""Settings: what the presenter decides beforehand. The limits, the words, and a look at all five slides."""

from __future__ import annotations

import streamlit as st

from pruneviz import headlines, plain
from pruneviz.case import COUNTED, Case
from pruneviz.recipe import Recipe
from pruneviz.studio import as_python, bench, reality
from pruneviz.studio.present import chrome, downloads, gather, slides

LABELS = {
    "points": ("points of accuracy lost, at most", 0.1),
    "worst": ("points lost by the worst class, at most", 0.5),
    "mb": ("MB of parameters, at most", 0.01),
    "ms": ("milliseconds for one input, at most", 0.1),
}
"""What each limit's field is called, and how far one press of its button goes."""


def form(case: Case) -> None:
    """Limits and verdict, title and words, the button that begins, and the preview."""
    chrome.preview_style()
    st.title(plain.markdown(headlines.decision(case), 1024), anchor=False)
    st.markdown("Five slides of this very setting. Set the limits beforehand, so that the verdict is not made to fit.")
    _limits(case)
    if case.verdict.word:
        slides.verdict(case, "verdict")
        slides.verdict_notes(case)
    _timing(case.recipe)
    _words()
    st.button("Present", key="present", on_click=begin)
    st.caption("On the slides: ← and → turn, L opens the live slider, Esc leaves.")
    downloads.buttons(case)
    as_python.part(case.recipe)
    st.header("The five slides", anchor=False)
    with st.container(key="preview"):
        for at in range(1, len(headlines.TOPICS) + 1):
            with st.container(border=True, key=f"preview-{at}"):
                slides.slide_of(case, at, large=False)
                st.button(f"Present from slide {at}", key=f"present-{at}", on_click=begin, args=(at,))


def begin(slide: int = 1) -> None:
    """Opens a slide."""
    bench.note(slides.LIVE, False)
    bench.change(slide=slide)


def _limits(case: Case) -> None:
    """Where nothing is right or wrong no point can be lost: such a limit is offered only where a link has set it."""
    counted = case.report.score.correct is not None
    offered = [name for name in LABELS if counted or name not in COUNTED or name in dict(case.recipe.limits)]
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="limits"):
        for name in offered:
            label, step = LABELS[name]
            bench.limit(label, name, step=step, width=240, placeholder="no limit")


def _words() -> None:
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom", key="words"):
        bench.write("title", "title", width=320)
        bench.write("author", "author", width=220)
        bench.write("contact: whom to ask", "contact", width=260)
    bench.write("not tested", "untested", placeholder="other data, other hardware, rare cases, fairness …")


def _timing(recipe: Recipe) -> None:
    """How far the timing is; where it was not asked for, the button that asks."""
    found = gather.timing(recipe)
    if found is not None:
        reality.watch(found)
    elif reality.known(recipe) is None:
        words = "Runs the dense and the pruned network on this machine, in turns, for some seconds."
        st.button("Measure the time", key="time", help=words, on_click=bench.ask, args=(gather.TIME,))

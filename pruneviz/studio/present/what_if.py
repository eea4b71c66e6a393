"""What if: the live slider in the room. What is tried there is not what is presented, until somebody keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from pruneviz import findings, headlines, plain
from pruneviz.case import Case
from pruneviz.studio import bench, curves, panels
from pruneviz.studio.present import gather
from pruneviz.studio.scrubber import scrubber

SLIDE = 2
"""The slide on which it opens: the trade-off."""
AMOUNT = "present-what-if"


def live(case: Case) -> None:
    """The slider over the curve, and the sentence about what it stands at; the setting that is presented stays."""
    if case.curve is None:
        st.title("A pattern has no amount to ask about.", anchor=False)
        return
    amount = bench.noted(AMOUNT)
    asked = replace(case.recipe, amount=case.recipe.amount if amount is None else amount)
    try:
        found, sweep = gather.asked(asked) if asked != case.recipe else case, curves.sweep(case.recipe)
    except ValueError as problem:  # of a heavy model it is asked of the worker, and can be cancelled
        st.info(f"What it would be is not known: {plain.markdown(problem, 512)}")
        return
    st.title(plain.markdown(_said(found, case), 1024), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="what-if-choice"):
        same = asked == case.recipe
        st.button("Keep this setting", key="keep-what-if", disabled=same, on_click=_keep, args=(asked.amount,))
        presented = f"{findings.percent(case.share)} removed, {case.report.score.metric} {headlines.value(case.report)}"
        st.markdown(f"Presented: {presented}")
    panel = panels.hero(
        asked, found.report, case.curve, sweep, title=case.criterion, baseline=case.baseline, tuned=None,
        trail=[case.recipe.amount],
    )  # fmt: skip
    scrubber([replace(panel, layers=(), histogram=None)], key="what-if", on_commit=_tried)


def _said(found: Case, case: Case) -> str:
    if found.recipe == case.recipe:
        return "What if it were more, or less? Drag the slider."
    return headlines.decision(found)


def _tried(commit: Any) -> None:
    if commit.kind == "amount" and commit.percent is not None:
        bench.note(AMOUNT, commit.percent / 100)


def _keep(amount: float) -> None:
    bench.note(AMOUNT, None)
    kept = replace(bench.recipe_now(), amount=amount)
    bench.commit(kept, bench.why_not(kept))

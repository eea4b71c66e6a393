"""Reading: a lesson's text and its claims. The text is its author's Markdown, without HTML and without pictures."""

from __future__ import annotations

import re

import streamlit as st

from pruneviz import lesson_fields, lesson_figure, plain
from pruneviz.lesson import Claim, Lesson
from pruneviz.studio.lessons import measured


def shown(text: str) -> str:
    """An author's Markdown as it is shown: a picture would be fetched from wherever it lies, so it stays a link.

    Its sign becomes an entity, which no backslash of the author's undoes; one that the author escaped is none already.
    """
    return re.sub(r"(?<!\\)((?:\\\\)*)!(?=\[)", r"\1&#33;", text)


def read_on(one: Lesson) -> None:
    """The text and the claims, folded. What is measured for them is measured when they are opened."""
    label = "Read on: what is often said, and what holds" if one.claims else "Read on"
    fold = st.expander(label, key=f"lesson-read-{one.name}", on_change="rerun")
    if not fold.open:
        return
    with fold:
        if one.text:
            st.markdown(shown(one.text))
        for at, claim in enumerate(one.claims):
            _claim(claim, f"lesson-claim-{at}")


def _claim(claim: Claim, key: str) -> None:
    with st.container(key=key, gap="xsmall"):
        st.markdown(f"**Often said:** {shown(claim.often)}")
        if claim.figures:
            _of_runs(claim)
        elif claim.recipe is None:
            st.markdown(f"**The paper reports:** {shown(claim.paper)} ({source(claim)})", help=_hover(claim))
        else:
            _measured(claim)


def source(claim: Claim) -> str:
    """Where a claim comes from, as a link where there is one."""
    cite = plain.markdown(claim.source, 300)
    return f"[{cite}]({claim.url})" if claim.url else cite


def _hover(claim: Claim) -> str:
    return plain.markdown(f"Source: {claim.source}", 320) + (f"  \n{plain.markdown(claim.url, 300)}" if claim.url else "")


def _of_runs(claim: Claim) -> None:
    figures = dict(claim.figures)
    rest = lesson_figure.footing([*figures.values()])
    if not rest:
        st.info(f"This is not measured here: {measured.NO_RUN}")
        return
    st.markdown(f"**Measured here:** {lesson_figure.fill(shown(claim.here), figures)}")
    st.caption(f"{rest[0].upper()}{rest[1:]}.")


def _measured(claim: Claim) -> None:
    with st.spinner("measuring …"):
        first = measured.report(claim.recipe)
        other = measured.report(claim.other) if claim.other else None
    problem = next((one for one in (first, other) if isinstance(one, str)), None)
    if problem:
        st.info(f"This is not measured here: {plain.markdown(problem, 400)}")
        return
    st.markdown(f"**Measured here:** {lesson_fields.fill(shown(claim.here), first, other)}")
    footing = f"{lesson_fields.footing(first)}."
    if other is not None:
        footing = f"First: {footing} Second: {lesson_fields.footing(other)}."
    st.caption(footing[0].upper() + footing[1:])

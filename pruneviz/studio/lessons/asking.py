"""Asking: a lesson's question. The learner chooses, the app measures, and the numbers say who is right."""

from __future__ import annotations

import streamlit as st

from pruneviz import plain
from pruneviz.lesson import Lesson
from pruneviz.studio import bench
from pruneviz.studio.lessons import found, measured, progress, reading
from pruneviz.studio.lessons.places import Places
from pruneviz.studio.lessons.progress import Progress


def question(one: Lesson, now: Progress, places: Places) -> None:
    """The question with its choices; once one is taken, what was measured, and the way on."""
    asked, key = one.question, f"lesson-answer-{one.name}"
    with st.container(key="lesson-question", gap="small"):
        st.radio(
            reading.shown(asked.ask),
            range(len(asked.choices)),
            index=now.answer if 0 <= now.answer < len(asked.choices) else None,
            format_func=lambda at: plain.markdown(asked.choices[at].say, 200),
            key=key,
            on_change=_taken,
            args=(one.name, key),
        )
        if 0 <= now.answer < len(asked.choices):
            _told(one, now.answer)
            _on(one, places)


def _taken(name: str, key: str) -> None:
    progress.answered(name, int(bench.entered(key) or 0))


def _told(one: Lesson, chosen: int) -> None:
    with st.spinner("measuring …"):
        said = measured.answer(one.question)
    names = [plain.markdown(choice.say, 200) for choice in one.question.choices]
    wrong = f"**You said «{names[chosen]}», but it is «{names[said.right]}».** "
    verdict = {-1: "", chosen: "**You are right.** "}.get(said.right, wrong)
    with st.container(key="lesson-measured", gap="xsmall"):
        st.markdown(f"{verdict}{'Measured: ' if said.right >= 0 else ''}{plain.markdown(said.words, 1200)}")
        if one.question.after:
            st.markdown(reading.shown(one.question.after))


def _on(one: Lesson, places: Places) -> None:
    """Where to go from here: the next lesson, or the list."""
    following = found.next_after(one)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="lesson-on"):
        if following and st.button(f"Next lesson: {plain.markdown(following.title)}", key="lesson-next"):
            found.begin(following, places)
        if places.has("lessons"):
            st.page_link(places.file("lessons"), label="All lessons")

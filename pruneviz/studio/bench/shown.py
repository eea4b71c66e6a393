"""Shown: widgets for what is bound to no single field of the Recipe. They show a value and hand what was chosen to whoever
makes a Recipe of it; where that Recipe cannot be used, there is a word about it and nothing changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pruneviz.recipe import Recipe
from pruneviz.studio.bench.fields import is_hidden
from pruneviz.studio.bench.session import commit, why_not

Take = Callable[[Any], Recipe]
"""What was chosen → the visitor's Recipe with it."""


def choose_of(
    label: str, key: str, now: Any, options: Sequence[Any], name: Callable[[Any], str], take: Take, **how: Any
) -> None:
    """A row of choices; hidden where a teacher's link hides its key."""
    if is_hidden(key):
        return
    st.session_state[key] = now if now in options else options[0]
    st.segmented_control(
        label, options, format_func=name, key=key, required=True, wrap=True, on_change=_taken, args=(key, take), **how
    )


def select_of(
    label: str, key: str, now: Any, options: Sequence[Any], name: Callable[[Any], str], take: Take, **how: Any
) -> None:
    """A menu; hidden where a teacher's link hides its key."""
    if is_hidden(key):
        return
    st.session_state[key] = now if now in options else options[0]
    st.selectbox(label, options, format_func=name, key=key, on_change=_taken, args=(key, take), **how)


def number_of(label: str, key: str, now: Any, bounds: tuple[Any, Any], take: Take, **how: Any) -> None:
    """A number; hidden where a teacher's link hides its key."""
    if is_hidden(key):
        return
    low, high = bounds
    st.session_state[key] = min(high, max(low, now))
    st.number_input(label, low, high, key=key, on_change=_taken, args=(key, take), **how)


def slide_of(label: str, key: str, now: Any, bounds: tuple[Any, Any, Any], take: Take, **how: Any) -> None:
    """A slider, from, to and by how much; with two values it has two thumbs. Hidden where a teacher's link hides its key."""
    if is_hidden(key):
        return
    low, high, step = bounds
    st.session_state[key] = now
    st.slider(label, low, high, step=step, key=key, on_change=_taken, args=(key, take), **how)


def _taken(key: str, take: Take) -> None:
    try:
        recipe = take(st.session_state[key])
    except ValueError as problem:
        commit(Recipe(), str(problem))
        return
    commit(recipe, why_not(recipe))

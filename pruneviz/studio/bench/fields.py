"""Fields: widgets that show one field of the Recipe and change it. They own nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from pruneviz.query import LONGEST
from pruneviz.recipe import HIGHEST, LIMITS
from pruneviz.studio.bench.pins import mark, marked
from pruneviz.studio.bench.session import change, recipe_now, say
from pruneviz.studio.bench.taking import take_choice


def is_hidden(control: str) -> bool:
    """Whether a teacher's link hides a control: by the field that it is bound to, or by a name of its own."""
    return control in recipe_now().hidden


def choose(
    label: str, field: str, options: Sequence[Any], name: Callable[[Any], str] = str, *, key: str = "", shown: Any = None,
    **how: Any,
) -> None:  # fmt: skip
    """A row of choices bound to one field of the Recipe; its key is the field's name, unless two rows share a field. `shown`
    stands where what was chosen is not on offer."""
    if is_hidden(field):
        return
    now, key = getattr(recipe_now(), field), key or field
    st.session_state[key] = now if now in options else shown or options[0]
    st.segmented_control(
        label, options, format_func=name, key=key, required=True, wrap=True, on_change=_take, args=(field, key), **how
    )


def select(
    label: str, field: str, options: Sequence[Any], name: Callable[[Any], str] = str, shown: Any = None, **how: Any
) -> Any:
    """A menu bound to one field of the Recipe; its key is the field's name. `shown` stands where nothing was chosen."""
    now = getattr(recipe_now(), field)
    now = now if now in options else shown or options[0]
    if is_hidden(field):
        return now
    st.session_state[field] = now
    return st.selectbox(label, options, format_func=name, key=field, on_change=_take, args=(field,), **how)


def number(label: str, field: str, low: int, high: int, **how: Any) -> int:
    """A whole number bound to one field of the Recipe."""
    now = min(high, max(low, getattr(recipe_now(), field)))
    if is_hidden(field):
        return now
    st.session_state[field] = now
    return st.number_input(label, low, high, step=1, key=field, on_change=_take, args=(field,), **how)


def write(label: str, field: str, **how: Any) -> str:
    """A line of text bound to one field of the Recipe."""
    st.session_state[field] = getattr(recipe_now(), field)
    return st.text_input(label, key=field, max_chars=LONGEST, on_change=_take_text, args=(field,), **how)


def limit(label: str, name: str, **how: Any) -> float | None:
    """A number that bounds what a setting may cost, or nothing; bound to the Recipe's limits."""
    key = f"limit-{name}"
    st.session_state[key] = dict(recipe_now().limits).get(name)
    return st.number_input(label, 0.0, HIGHEST, None, key=key, on_change=_take_limit, args=(name, key), **how)


def tick(label: str, letter: str) -> None:
    """A box that selects one candidate everywhere at once."""
    key = f"mark-{letter}"
    st.session_state[key] = letter in marked()
    st.checkbox(label, key=key, on_change=mark, args=(letter,), width="content")


def picked(key: str) -> list[Any]:
    """What the marks say on which a visitor clicked in a chart: the `customdata` of each, of one number or word."""
    found = st.session_state.get(key) or {}
    said = [point.get("customdata") for point in found.get("selection", {}).get("points", [])]
    return [one[0] if isinstance(one, list) and one else one for one in said if one not in (None, [])]


def _take(field: str, key: str = "") -> None:
    trouble = take_choice(field, st.session_state[key or field])
    if trouble:
        say(trouble)


def _take_text(field: str) -> None:
    change(**{field: " ".join("".join(one if one.isprintable() else " " for one in st.session_state[field]).split())})


def _take_limit(name: str, key: str) -> None:
    limits, given = dict(recipe_now().limits), st.session_state[key]
    limits = {kind: given if kind == name else limits.get(kind) for kind in LIMITS}
    change(limits=tuple((kind, float(value)) for kind, value in limits.items() if value is not None))

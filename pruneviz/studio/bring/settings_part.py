"""What can be set by hand: how images become inputs, in which order the classes come, how a table is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from pruneviz import plain
from pruneviz.studio import bench
from pruneviz.studio.bring import draft as drafts
from pruneviz.studio.bring import state
from pruneviz.studio.bring.look import Look

LAYOUTS = ("as it shows", "NHWC", "NCHW", "NHW")
_SHOWN = 2_000
_FORM = "bring-settings"


def ask(draft: drafts.Draft, found: Look | None) -> None:
    """The settings of this kind of data, folded away where all is well. Whatever is changed is checked at once."""
    if draft.task == "image_classification":
        with st.expander("Preprocessing", expanded=found is not None and found.sanity.at_chance):
            _images(draft, found)
    elif draft.task == "text_classification":
        with st.expander("How the table is read", expanded=found is None):
            _columns(draft)
    if draft.task != "language_modelling":
        with st.expander("Class order", expanded=bool(state.choices("check"))):
            _classes(draft, found)
    with st.expander("Name"):
        _text("name in menus", "name", str(drafts.table(draft).get("name", "")), lambda text: plain.one_line(text, 60))
    state.say_trouble("settings")


def begin_anew() -> None:
    """The fields show the Draft again, whatever was typed into them."""
    state.anew(_FORM)


def _images(draft: drafts.Draft, found: Look | None) -> None:
    data = drafts.table(draft)["data"]
    how = found.preparation if found else None
    st.caption("input = (pixel / scale − mean) / std, one number for all channels or one for each.")
    with st.container(horizontal=True):
        _text("scale", "data.scale", _numbers(data.get("scale", how.scale if how else 255)), _positive, width=120)
        _text("mean", "data.mean", _numbers(data.get("mean", how.mean if how else 0)), _list, width=220)
        _text("std", "data.std", _numbers(data.get("std", how.std if how else 1)), _list, width=220)
        _text("resize to", "data.resize", _numbers(data.get("resize", "")), _whole, width=110)
        _text("then crop to", "data.crop", _numbers(data.get("crop", "")), _whole, width=110)
    if str(data.get("file", "")).endswith(".npz"):
        chosen = data.get("layout", LAYOUTS[0])
        st.segmented_control(
            "axes of the arrays", LAYOUTS, default=chosen, key=_key("layout"), on_change=_take_layout, required=True
        )


def _columns(draft: drafts.Draft) -> None:
    data = drafts.table(draft)["data"]
    st.caption("The names of the columns, or their numbers from 0 where there is no header.")
    with st.container(horizontal=True):
        for label, key in (("text", "text_column"), ("second text", "second_column"), ("label", "label_column")):
            _text(label, f"data.{key}", str(data.get(key, "")), _column, width=160)
        _text("most tokens of a text", "data.context", _numbers(data.get("context", "")), _whole, width=160)


def _classes(draft: drafts.Draft, found: Look | None) -> None:
    told = drafts.table(draft).get("classes")
    names = told if isinstance(told, list) else [*(found.classes if found else state.choices("check"))]
    st.caption("One name a line, in the order of the model's outputs. Class folders are matched to them by name.")
    shown = "\n".join(plain.one_line(name) for name in names[:_SHOWN])
    st.text_area("classes", shown, height=160, key=_key("classes"))
    st.button("Use this order", key="bring-classes-use", on_click=_take_classes)


def _text(label: str, at: str, shown: str, read: Callable[[str], Any], width: Any = "stretch") -> None:
    """A field for one key of the card. What cannot be read is said, and the old value stays."""
    key = _key(at)
    st.text_input(label, shown, key=key, on_change=_take, args=(at, key, read), width=width)


def _take(at: str, key: str, read: Callable[[str], Any]) -> None:
    outer, _, inner = at.rpartition(".")

    def work() -> None:
        text = bench.entered(key).strip()
        value = read(text) if text else None
        change = {inner: value}
        state.keep(drafts.told(state.draft(), {outer: change} if outer else change))

    state.attempt("settings", work)


def _take_layout() -> None:
    chosen = bench.entered(_key("layout"))
    state.keep(drafts.told(state.draft(), {"data": {"layout": None if chosen == LAYOUTS[0] else chosen}}))


def _take_classes() -> None:
    names = [plain.one_line(line) for line in bench.entered(_key("classes")).splitlines() if line.strip()]
    state.keep(drafts.told(state.draft(), {"classes": names or None, "data": {"folders": None}}))
    begin_anew()


def _key(name: str) -> str:
    return f"{state.turn(_FORM)}-{name}"


def _numbers(value: Any) -> str:
    many = value if isinstance(value, list | tuple) else [value]
    return ", ".join(one if isinstance(one, str) else f"{one:g}" for one in many)


def _list(text: str) -> float | list[float]:
    found = [_number(part) for part in text.replace(";", ",").split(",") if part.strip()]
    return found[0] if len(found) == 1 else found


def _positive(text: str) -> float:
    value = _number(text)
    if not value > 0:
        raise ValueError(f"a scale of {text[:24]!r} divides: give a number above 0, such as 255")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text.strip()[:24]!r} is no number: give one such as 0.485, with a point") from None


def _whole(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_536:
        raise ValueError(f"{text[:24]!r} is no whole number from 1: correct it, or leave it empty")
    return int(text)


def _column(text: str) -> str | int:
    return int(text) if text.isdecimal() else text

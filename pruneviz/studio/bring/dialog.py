"""The dialog «Bring your own»: a model, data, a look at both, and then it is on the page like any other."""

from __future__ import annotations

import streamlit as st

from pruneviz import plain
from pruneviz.studio import house_rules, visitor
from pruneviz.studio.bring import check_part, data_part, model_part, state, taking, wanted_part
from pruneviz.studio.bring.draft import Draft
from pruneviz.studio.bring.look import Look


def show_it() -> None:
    """Shows the dialog while it is open: also after the page behind it was drawn anew."""
    if taking.is_open():
        _dialog()


@st.dialog("Bring your own", width="large", on_dismiss=taking.close_it)
def _dialog() -> None:
    st.caption(_promise())
    if wanted_part.ask():
        return
    model_part.ask()
    if state.draft().model is not None:
        data_part.ask()
    reference, found = check_part.ask()
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Close", key="bring-close"):
            taking.close_it()
            st.rerun()
        if st.button("Use it", key="bring-use", type="primary", disabled=not reference):
            _use(reference, found)


def _promise() -> str:
    """What becomes of what is brought here."""
    caps = house_rules.caps()
    kept = (
        "Nothing in a file is run. No other visitor sees what you bring, and it is forgotten "
        f"{max(1, round(caps.forgotten_seconds / 60))} minutes after your last tab is closed."
    )
    if visitor.own_machine():
        return f"{kept} On your own machine a path will do, and memory is the limit."
    return f"{kept} A file may have {plain.size(caps.upload_bytes)}, a model {caps.parameters:,} parameters."


def _use(reference: str, found: Look) -> None:
    """The model becomes the visitor's, and the page's; the dialog closes."""
    with st.spinner("Taking it in …"):
        taken = state.attempt("use", lambda: taking.take(reference, found))
    if taken is None:
        state.say_trouble("use")
        return
    taking.close_it()
    state.let_go({**state.draft().heap, **state.draft().files})
    state.keep(Draft())
    st.rerun()

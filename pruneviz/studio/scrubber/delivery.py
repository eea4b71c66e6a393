"""Delivery: each thing that the browser tells is handed over once, in order, however often it is told.

A component keeps telling what was done until Python has `seen` it, so that two quick acts survive even where Streamlit
folds their runs into one.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st


def seen(key: str) -> int:
    """The number of the last event that was handed over: the browser forgets it and all before."""
    return st.session_state.get(_seen_key(key), 0)


def deliver(key: str, take: Callable[[dict[str, object]], None]) -> None:
    """Hands over each event of a component's state `events` that was not handed over before."""
    for event in st.session_state[key].get("events") or []:
        # Whoever made this up in their own browser gets nothing for it, and no traceback.
        nonce = event.get("nonce") if isinstance(event, dict) else None
        if isinstance(nonce, int) and nonce > seen(key):
            st.session_state[_seen_key(key)] = nonce
            take(event)


def _seen_key(key: str) -> str:
    return f"{key}-seen"

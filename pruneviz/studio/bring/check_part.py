"""The dialog's third part: does it fit, and is it right? Layers, twelve examples, accuracy against chance, likely causes."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from pruneviz import findings, plain
from pruneviz.studio import show, visitor
from pruneviz.studio.bring import card_part, look, settings_part, state
from pruneviz.studio.bring import draft as drafts
from pruneviz.studio.bring.look import Look

SIDE = 80
"""Pixels that an example's picture is wide; smaller ones are enlarged without smoothing."""
LISTED = 40
"""Layers that a table shows."""


def ask() -> tuple[str, Look | None]:
    """Shows what was put together, as far as it goes: the reference of a model that can be used, and what it is."""
    draft = state.draft()
    if not draft.whole or not draft.task:
        return "", None
    st.header("3 · Does it fit?", anchor=False)
    with st.spinner("Loading it, and looking at a few examples …"):
        seen = state.attempt("check", lambda: _seen(draft))
    if seen is None:
        _say_trouble()
        settings_part.ask(draft, None)
        return "", None
    reference, found = seen
    _said(reference, found, draft.model.said)
    _sanity(found)
    settings_part.ask(draft, found)
    card_part.offer(reference)
    return reference, found


def _say_trouble() -> None:
    """Why it does not fit; where only the order of the classes is open, how to say it."""
    folders = state.choices("check")
    if folders:
        few = ", ".join(plain.markdown(name, 32) for name in folders[:6]) + ", …" * (len(folders) > 6)
        st.warning(
            f"Nothing says which of the model's outputs the {len(folders):,} classes of the data mean ({few}). Put them in "
            "the order of the outputs, below: often it is the order of the alphabet, and the examples will show."
        )
    else:
        state.say_trouble("check")


def _seen(draft: drafts.Draft) -> tuple[str, Look]:
    reference = drafts.reference(visitor.name(), draft)
    return reference, look.at(reference)


def _said(reference: str, found: Look, known: tuple[str, ...]) -> None:
    """What it is: parameters, layers that can be pruned, layers that cannot and why, and how long the curve will take."""
    st.markdown(f"{look.summary(found)} {look.duration(reference, found)}")
    for note in [one for one in found.notes if one not in known]:
        st.caption(plain.markdown(note))
    with st.expander(f"{len(found.layers):,} layers can be pruned, {len(found.skipped):,} parts cannot"):
        rows = [(plain.markdown(name), shape, f"{size:,}") for name, shape, size in found.layers[:LISTED]]
        more = f", the first {LISTED}" if len(found.layers) > LISTED else ""
        show.table([("layer", "shape", "weights"), *rows], f"What can be pruned{more}.")
        if found.skipped:
            left = [(plain.markdown(name), plain.markdown(why)) for name, why in found.skipped[:LISTED]]
            show.table([("part", "why it stays"), *left], "What cannot be pruned.")


def _sanity(found: Look) -> None:
    """Accuracy against chance, twelve examples, and what is likely wrong where it guesses."""
    sanity = found.sanity
    (st.warning if sanity.at_chance else st.markdown)(_verdict(sanity))
    for cause in sanity.causes:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(plain.markdown(cause.words), width="stretch")
            if cause.change:
                key = f"bring-cause-{cause.code}"
                st.button("Try this", key=key, on_click=_try, args=(dict(cause.change),))
    if any(one.image is not None for one in sanity.examples):
        _pictures(sanity.examples)
    else:
        rows = [(plain.markdown(one.text), plain.markdown(one.label), _answer(one)) for one in sanity.examples]
        show.table([("text", _answered(sanity.metric), "the model says"), *rows], "Held-out examples.")


def _answered(metric: str) -> str:
    """What a text is held against: its class, or how it goes on."""
    return "how it goes on" if metric == "perplexity" else "its label"


def _verdict(sanity: Any) -> str:
    low, high = sanity.interval
    if sanity.metric == "perplexity":
        said = f"**Perplexity {sanity.value:.2f}** (interval {low:.2f} to {high:.2f}; guessing {sanity.chance:,.0f})"
    else:
        value, chance = findings.percent(sanity.value), findings.percent(sanity.chance)
        said = (
            f"**{plain.markdown(sanity.metric)} {value}** (interval {100 * low:.1f} to {100 * high:.1f}; guessing {chance})"
        )
    said += f" on {sanity.n:,} of {sanity.of:,} held-out {sanity.noun}"
    return f"{said}: that is no better than guessing." if sanity.at_chance else f"{said}."


def _try(change: dict[str, Any]) -> None:
    state.keep(drafts.told(state.draft(), change))
    settings_part.begin_anew()


def _pictures(examples: Any) -> None:
    st.caption("Held-out examples: the label, and what the model says.")
    with st.container(horizontal=True, gap="small", key="bring-examples"):
        for one in examples:
            with st.container(width=SIDE + 8):
                said = f"{plain.markdown(one.label)} ✓" if one.right else f"{plain.markdown(one.label)} → {_answer(one)}"
                st.image(_enlarged(one.image), caption=said, width=SIDE, alt=f"held out, a {plain.one_line(one.label, 60)}")


def _answer(one: Any) -> str:
    if one.right is None:
        return plain.markdown(one.predicted)
    return f"{plain.markdown(one.predicted)} {'✓' if one.right else '✗'}"


def _enlarged(image: np.ndarray) -> np.ndarray:
    """The picture as it is stored, [H, W, C]; every pixel of a small one as a square."""
    times = max(1, SIDE // max(image.shape[:2]))
    return np.repeat(np.repeat(image, times, axis=0), times, axis=1)

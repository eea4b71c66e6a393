"""The card of what was brought, to take away: with it the command line measures the same model, without this page."""

from __future__ import annotations

import streamlit as st

from pruneviz import commands, plain
from pruneviz.recipe import Recipe
from pruneviz.studio import library, show, visitor

NAME = "subject.toml"


def offer(reference: str) -> None:
    """The card as a file, where each file belongs that was given, and the command that uses them."""
    folder = library.place(reference)
    if folder is None:
        return
    written = (folder / NAME).read_bytes()
    with st.expander("Take the card along: the same model on a command line", key="bring-card"):
        # A function, not the bytes: Streamlit's page asks for bytes as soon as the button is drawn, and where the dialog is
        # closed by then, for a file that is gone.
        st.download_button(
            NAME, lambda: written, file_name=NAME, mime="application/toml", key="bring-card-file", on_click="ignore"
        )
        rows = places(reference)
        if rows:
            marked = [(f"`{plain.one_line(given, 80)}`", f"`my-model/{place}`") for given, place in rows]
            said = f"Put {NAME} into a folder, my-model say, and your files where it names them."
            show.table([("the file that you gave", "where it belongs"), *marked], said)
        else:
            st.caption(f"Put {NAME} into a folder, my-model say: it needs no other file.")
        st.code(commands.line("evaluate", Recipe(subject=f"my-model/{NAME}")), language=None, wrap_lines=True)


def places(reference: str) -> list[tuple[str, str]]:
    """Each file that was given, and where the card says that it lies."""
    held = library.facts(reference, visitor.name())
    return sorted((one.name, place) for place, one in held.files.items()) if held is not None else []

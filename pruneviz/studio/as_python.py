"""As Python: the visitor's setting as plain PyTorch, to copy and to take away with what it reads."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pruneviz import plain
from pruneviz.recipe import Recipe
from pruneviz.studio import kitchen, larder, written

LABEL = "Copy as Python"
KIND = "script"
TALL = 420
"""Pixels of the script that are seen at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """A script, the files that whoever copies its text still needs, and how all of it is packed."""

    text: str
    needs: tuple[str, ...]
    packed: Callable[[], bytes]


def part(recipe: Recipe, key: str = "as-python") -> None:
    """The script, folded; it is written when somebody opens it."""
    fold = st.expander(LABEL, key=key, on_change="rerun")
    if not fold.open:
        return
    with fold:
        try:
            found = offered(recipe)
        except ValueError as problem:
            st.markdown(f"No script: {plain.markdown(problem, 512)}.")
            return
        st.markdown(_words(found))
        with st.container(horizontal=True, key=f"{key}-download"):
            st.download_button("Script and files (.zip)", found.packed, file_name="prune.zip", mime="application/zip",
                               key=f"{key}-zip", on_click="ignore")  # fmt: skip
        # The frame scrolls, not the text: the frame holds a button, so a keyboard gets into it.
        with st.container(height=TALL, key=f"{key}-text"):
            st.code(found.text, language="python", wrap_lines=True)


def _words(found: Offered) -> str:
    """How the script is run, in two sentences."""
    said = "Plain PyTorch that loads, prunes and measures this setting, without this app."
    if not found.needs:
        return f"{said} Copied, it runs in the folder of PruneViz; the .zip runs anywhere."
    files = " and ".join(f"`{name}`" for name in found.needs)
    return f"{said} It reads {files}, which come with the .zip."


def offered(recipe: Recipe) -> Offered:
    """The script of a Recipe. Of a heavy model the worker process writes it, and a page that waits for it can be left."""
    asked = kitchen.measured_part(recipe)
    if kitchen.heavy(recipe.subject):
        return _opened(written.content(kitchen.job_part(asked), KIND, KIND))
    if _script.known(asked) is None:
        kitchen.wait_for(asked)
    made = _script(asked)
    return Offered(made.text, made.needs, made.packed)


@larder.kept(4)
def _script(recipe: Recipe):
    from pruneviz.engine.export import script

    standing, score = kitchen.standing_of(recipe), kitchen.report(recipe).score
    return script.script(kitchen.subject(recipe.subject), recipe, standing, score, script.MOST)


def _opened(packed: bytes) -> Offered:
    """The script of an archive that the worker wrote."""
    from pruneviz.engine.export.script import NAME

    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        needs = tuple(name for name in archive.namelist() if name != NAME)
        return Offered(archive.read(NAME).decode("utf-8"), needs, lambda: packed)

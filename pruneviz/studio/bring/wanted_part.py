"""A link that was made with files that are not here: the dialog asks for just those, and opens the link as it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pruneviz import plain
from pruneviz.studio import bench, house_rules, library, show, visitor
from pruneviz.studio.bring import draft as drafts
from pruneviz.studio.bring import heap, look, state, taking
from pruneviz.studio.library import File
from pruneviz.studio.link import travel

_FILES = "bring-wanted"


def ask() -> bool:
    """Asks for a link's files, where the link says all that is needed; else the dialog goes on as usual."""
    recipe = bench.wanted()
    table = travel.unpack(recipe.card) if recipe is not None else None
    needed = travel.needed(recipe) if table is not None else []
    if table is None or bench.noted("bring_other"):
        return False
    state.work_off("wanted", "Reading …")
    have: dict[str, File] = bench.noted("bring_have", {})
    st.header("Files for the link", anchor=False)
    rows = [
        (plain.markdown(one.name), f"`{one.sha256[:12]}…`", "here" if one.place in have else "missing") for one in needed
    ]
    show.table([("file", "its sha256 begins", ""), *rows], "The link was made with these. Others are not taken for it.")
    st.file_uploader(
        "The files",
        accept_multiple_files=True,
        key=state.turn(_FILES),
        on_change=state.given,
        args=("wanted", _FILES, _take),
    )
    state.say_trouble("wanted")
    if needed and all(one.place in have for one in needed):
        _open(recipe, table, have)
    st.button("Bring something else", key="bring-other", on_click=bench.note, args=("bring_other", True))
    return True


def _take(uploads: Sequence[Any]) -> None:
    """Takes the files that the link was made with; says which of those given are others."""
    recipe, owner = bench.wanted(), visitor.name()
    needed, have = travel.needed(recipe), dict(bench.noted("bring_have", {}))
    given = state.taken(uploads)
    # The link's own file may be an archive; only where it is not, what is in it may be meant.
    if len(given) == 1 and not any(one.fits(given[0]) for one in needed):
        given = [*heap.gathered(owner, given, house_rules.caps()).values()]
    others = []
    for file in given:
        places = [one.place for one in needed if one.fits(file)]
        have |= dict.fromkeys(places, file)
        others += [] if places else [file]
    bench.note("bring_have", have)
    library.let_go(owner, {one.name: one for one in others})
    if others:
        said = ", ".join(f"{one.name} (sha256 {one.sha256[:12]}…)" for one in others[:3])
        raise ValueError(
            f"not what the link was made with: {said}; its numbers would be others: give the files in the table"
        )


def _open(recipe: Any, table: dict[str, Any], have: dict[str, File]) -> None:
    """All files are here: the card that travelled in the link makes the model of them, if it is the one the link says."""
    with st.spinner("Loading it …"):
        done = state.attempt("wanted", lambda: _opened(recipe, table, have))
    if done:
        bench.note("bring_have", {})
        taking.close_it()
        st.rerun()
    state.say_trouble("wanted")
    if not done:
        library.let_go(visitor.name(), have)
        bench.note("bring_have", {})


def _named(card: Any, table: dict[str, Any]) -> list[str]:
    try:
        return [*card.named(table).values()]
    except ValueError:  # it leads out of its folder
        return [""]


def _opened(recipe: Any, table: dict[str, Any], have: dict[str, File]) -> bool:
    from pruneviz.engine.sources import card

    # A stranger wrote the card: it names the link's own files, each in its place, and nothing else on this machine.
    table = library.portable(table)
    named = _named(card, table)
    if not all(one in have or any(at.startswith(f"{one}/") for at in have) for one in named):
        raise ValueError("the link's card names files that the link does not: ask whoever sent it for a new one")
    reference = library.lay(visitor.name(), table, have, lambda folder: drafts.identified(table, folder))
    if reference != recipe.subject:
        raise ValueError("the link's files make another model than the link says, so it is not opened: ask for a new link")
    return taking.take(reference, look.at(reference))

"""Made with: what a link was made with, against what is here. Other files are never shown under a link's numbers."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from pruneviz import plain
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, house_rules, kitchen, library, show, visitor
from pruneviz.studio.bring import taking
from pruneviz.studio.link import travel


def note_tab() -> None:
    """Notes that this visitor has this tab open: what they brought stays until their last tab has been gone for a while."""
    _tab(visitor.name(), visitor.tab())


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda one: library.leave(*one, _patience()))
def _tab(owner: str, tab: str) -> tuple[str, str]:
    library.enter(owner, tab)
    return owner, tab


def _patience() -> float:
    return float(house_rules.caps().forgotten_seconds)


def absent(recipe: Recipe) -> bool:
    """Whether a link is of a model that somebody brought, and this visitor did not."""
    return library.is_own(recipe.subject) and library.folder(recipe.subject, visitor.name()) is None


def seal(recipe: Recipe) -> Recipe:
    """The Recipe as a link carries it."""
    held = library.facts(recipe.subject, visitor.name()) if library.is_own(recipe.subject) else None
    held = replace(held, table=library.portable(held.table)) if held is not None else None
    return travel.sealed(recipe, hashes(recipe.subject, now=kitchen.warm()), held)


def difference(recipe: Recipe) -> str | None:
    """What a link was made with that is something else here, in one sentence; None where there is nothing to say."""
    if not recipe.model_sha and not recipe.data_sha:
        return None
    return travel.difference(recipe, hashes(recipe.subject, now=bool(recipe.data_sha)))


def hashes(name: str, *, now: bool) -> tuple[str, str] | None:
    """The sha256 of a model's and of its data's files, where they are known. Without `now`, nothing is read for it."""
    if library.is_own(name):
        held = library.facts(name)
        return (held.sha256, held.data_sha256) if held else None
    found = kitchen.shipped(name)
    if found is not None:
        return found.subject_sha256, (found.text_sha256 or _digits()) if now else ""
    if not kitchen.subject.known(name):
        return None
    model = kitchen.subject(name)
    return model.sha256, model.data_sha256


def _digits() -> str:
    """The samples' data: the digits that come with scikit-learn, whichever those are here."""
    from pruneviz.engine.sources import digits

    return digits.sha256()


def ask_for_files() -> None:
    """Where a link was made with files that are not here: which, and how to give them. Nobody else's numbers are shown."""
    recipe = bench.wanted()
    if recipe is None:
        return
    with st.container(key="wanted", border=True):
        st.markdown("**This link was made with files that are not here.** Give the same files, and it opens as it was made.")
        rows = [(plain.markdown(one.name), f"`{one.sha256[:12]}…`") for one in travel.needed(recipe)]
        if rows:
            show.table([("file", "its sha256 begins"), *rows], "What the link was made with.")
        else:
            st.caption("The link does not say which files: ask whoever sent it.")
        with st.container(horizontal=True):
            st.button("Give the files", key="wanted-give", type="primary", on_click=taking.open_it)
            st.button("Go on without them", key="wanted-leave", on_click=bench.give_up_wanted)

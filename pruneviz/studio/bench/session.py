"""The session of one tab: its history, its link, and what is noted beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from pruneviz.course import Course
from pruneviz.query import SHORT, from_query, to_query
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.studio.bench.history import History
from pruneviz.studio.link import travel

TRAIL = 12

_HISTORY, _WORDS, _TROUBLE = "pv_history", "pv_words", "pv_trouble"
_WANTED, _COVERED = "pv_wanted", "pv_covered"


def open_bench(
    known: Callable[[Recipe], str | None],
    absent: Callable[[Recipe], bool] = lambda _: False,
    usual: Callable[[Recipe], Recipe] = lambda same: same,
) -> Recipe:
    """This visitor's Recipe: from the link at first, from their own choices afterwards.

    `known` says in one sentence why a Recipe cannot be used here, or None where it can. A link that cannot be used gives
    the default Recipe and that sentence. Where `absent` says that only files are missing, the link is kept: see `wanted`.
    `usual` completes a link that says no amount.
    """
    if _HISTORY not in st.session_state:
        query = st.query_params.to_dict()
        recipe, words = from_query(query)
        recipe = recipe if SHORT["amount"] in query else usual(recipe)
        if absent(recipe):
            st.session_state[_WANTED] = recipe
            recipe = Recipe()
        trouble = known(recipe)
        if trouble:
            words, recipe = [*words, trouble], Recipe()
        st.session_state[_HISTORY] = History(travel.bare(recipe))
        st.session_state[_WORDS] = words
    return recipe_now()


def recipe_now() -> Recipe:
    """What the visitor chose last."""
    return _history().now


def wanted() -> Recipe | None:
    """The Recipe of the link that was opened, while files that it was made with are missing here."""
    return st.session_state.get(_WANTED)


def give_up_wanted() -> None:
    """The visitor goes on without the files that the link was made with."""
    st.session_state[_WANTED] = None


def open_wanted() -> str | None:
    """The files are here now: the link opens as it was made. Where it cannot be, the answer says why."""
    recipe = travel.bare(st.session_state[_WANTED])
    trouble = why_not(recipe)
    if not trouble:
        st.session_state[_WANTED] = None
        commit(recipe)
    return trouble


def keep_link(seal: Callable[[Recipe], Recipe]) -> None:
    """Writes the Recipe into the address, where it differs from what stands there; `seal` adds what only a link has.

    The address stays as it was opened while its files are missing, so that a reload asks for them again.
    """
    recipe = recipe_now()
    if wanted() is not None and recipe == Recipe():
        return
    query = {} if recipe == Recipe() else to_query(seal(recipe))
    if st.query_params.to_dict() != query:
        st.query_params.from_dict(query)


def entered(key: str) -> Any:
    """What a widget holds that is bound to no field of the Recipe."""
    return st.session_state.get(key) or ""


def cover(covered: bool) -> None:
    """A dialog lies over the page, or no longer does."""
    st.session_state[_COVERED] = covered


def covered() -> bool:
    """Whether a dialog lies over the page. The page is then not drawn anew by itself: what is being typed would be lost."""
    return bool(st.session_state.get(_COVERED))


def note(name: str, value: Any) -> None:
    """Keeps something for this tab: what a dialog was told, say."""
    st.session_state[f"pv_note_{name}"] = value


def noted(name: str, default: Any = None) -> Any:
    """What was kept for this tab under that name."""
    return st.session_state.get(f"pv_note_{name}", default)


def words() -> list[str]:
    """What there is to say about the link that was opened, and about the last choice that could not be taken; until the
    next choice, since a page on which something grows is drawn again and again."""
    return [*st.session_state.get(_WORDS, []), *filter(None, [st.session_state.get(_TROUBLE)])]


def say(words: str) -> None:
    """Something to tell the visitor on the next run, once."""
    st.session_state[_TROUBLE] = words


def change(**choices: Any) -> None:
    """Commits a choice: the Recipe before it goes to the history."""
    commit(replace(recipe_now(), **choices))


def commit(recipe: Recipe, refused: str | None = None) -> None:
    """Makes `recipe` the visitor's Recipe. With `refused`, says so and leaves the old state as it is."""
    st.session_state[_TROUBLE] = refused
    if refused or recipe == recipe_now():
        return
    st.session_state[_HISTORY] = _history().step(recipe)
    st.session_state[_WORDS] = []


def retreat(why: str, usable: Callable[[Recipe], bool] = lambda _: True) -> None:
    """Back to the Recipe before one that could not be measured, and a word about it. What is not `usable` any more is
    forgotten, before and after."""
    st.session_state[_HISTORY] = _history().retreated(usable)
    st.session_state[_WORDS], st.session_state[_TROUBLE] = [why], None


def undo() -> None:
    """Back to the Recipe before the last change."""
    st.session_state[_HISTORY] = _history().undone()


def redo() -> None:
    """Forward again to a Recipe that was undone."""
    st.session_state[_HISTORY] = _history().redone()


def can_undo() -> bool:
    return bool(_history().past)


def can_redo() -> bool:
    return bool(_history().future)


def trail() -> list[float]:
    """The last twelve amounts under today's model, criterion and scope, oldest first: the ghost dots on the curve. A pin or
    a look in between loses none of them."""
    now = measured(recipe_now())
    before = [measured(one) for one in _history().past]
    amounts = dict.fromkeys(one.amount for one in before if one != now and replace(one, amount=now.amount) == now)
    return list(amounts)[-TRAIL:]


def ask(what: str, of: Any = None) -> None:
    """Notes that the visitor asked for something slow: of the Recipe as it is now, or `of` all that its numbers depend on,
    where that is less of the Recipe, or also some of its looks."""
    st.session_state[f"pv_asked_{what}"] = measured(recipe_now()) if of is None else of


def asked(what: str, of: Any = None) -> bool:
    """Whether the visitor asked for it, and has changed nothing since that its numbers depend on."""
    return st.session_state.get(f"pv_asked_{what}") == (measured(recipe_now()) if of is None else of)


def measured(recipe: Recipe) -> Recipe:
    """The Recipe as far as measured numbers depend on it: what a lab would train changes none of them."""
    return replace(recipe, course=Course(), **{name: getattr(Recipe(), name) for name in LOOKS})


_CHECKS: dict[str, Callable[[Recipe], str | None]] = {}


def check_with(check: Callable[[Recipe], str | None]) -> None:
    """The question asked before any choice is taken: why can this Recipe not be used? None means it can."""
    _CHECKS["recipe"] = check


def why_not(recipe: Recipe) -> str | None:
    """Why a Recipe cannot be used here, in one sentence; None where it can."""
    check = _CHECKS.get("recipe")
    return check(recipe) if check else None


def _history() -> History:
    return st.session_state[_HISTORY]

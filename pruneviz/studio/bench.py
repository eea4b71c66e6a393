"""The visitor's bench: one Recipe, its history, and nothing else. Only this room says session_state or query_params.

Widgets show the Recipe and change it; they own nothing. A link is an experiment: what differs from the defaults stands in
the address, always.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from pruneviz.query import LONGEST, from_pin, from_query, to_pin, to_query
from pruneviz.recipe import HIGHEST, LIMITS, LOOKS, PINS, Recipe
from pruneviz.studio.link import travel

TRAIL = 12
HISTORY = 100

_RECIPE, _PAST, _FUTURE, _WORDS, _TROUBLE = ("pv_recipe", "pv_past", "pv_future", "pv_words", "pv_trouble")
_WANTED, _COVERED = "pv_wanted", "pv_covered"


def open_bench(known: Callable[[Recipe], str | None], absent: Callable[[Recipe], bool] = lambda _: False) -> Recipe:
    """This visitor's Recipe: from the link at first, from their own choices afterwards.

    `known` says in one sentence why a Recipe cannot be used here, or None where it can. A link that cannot be used gives
    the default Recipe and that sentence. Where `absent` says that only files are missing, the link is kept: see `wanted`.
    """
    if _RECIPE not in st.session_state:
        recipe, words = from_query(st.query_params.to_dict())
        if absent(recipe):
            st.session_state[_WANTED] = recipe
            recipe = Recipe()
        trouble = known(recipe)
        if trouble:
            words, recipe = [*words, trouble], Recipe()
        st.session_state[_RECIPE] = travel.bare(recipe)
        st.session_state[_PAST], st.session_state[_FUTURE] = [], []
        st.session_state[_WORDS] = words
    return recipe_now()


def recipe_now() -> Recipe:
    """What the visitor chose last."""
    return st.session_state[_RECIPE]


def wanted() -> Recipe | None:
    """The Recipe of the link that was opened, while files that it was made with are missing here."""
    return st.session_state.get(_WANTED)


def give_up_wanted() -> None:
    """The visitor goes on without the files that the link was made with."""
    st.session_state[_WANTED] = None


def open_wanted() -> str | None:
    """The files are here now: the link opens as it was made. Where it cannot be, the answer says why."""
    recipe = travel.bare(st.session_state[_WANTED])
    trouble = _CHECKS.get("recipe", lambda _: None)(recipe)
    if not trouble:
        st.session_state[_WANTED] = None
        commit(recipe)
    return trouble


def pins() -> list[Recipe]:
    """The pinned settings, oldest first; the first is the baseline, A."""
    return [recipe for recipe in map(from_pin, recipe_now().pins) if recipe is not None]


def pinned() -> bool:
    """Whether the setting as it is now is pinned already."""
    return to_pin(recipe_now()) in recipe_now().pins


def pin() -> None:
    """Pins the setting as it is now; the first that is pinned is the baseline. Undo takes it back."""
    now = recipe_now()
    if len(now.pins) >= PINS:
        say(f"{PINS} settings are pinned, and there is no room for more: take one away on the page Compare.")
    elif not pinned():
        change(pins=(*now.pins, to_pin(now)))


def unpin(at: int) -> None:
    """Takes the pinned setting at this place away."""
    now = recipe_now()
    change(pins=(*now.pins[:at], *now.pins[at + 1 :]), marked=())


def return_to(at: int) -> None:
    """Makes the pinned setting at this place the live one; what is looked at stays as it is."""
    found, now = from_pin(recipe_now().pins[at]), recipe_now()
    commit(replace(found, **{name: getattr(now, name) for name in LOOKS if found.subject == now.subject or name == "pins"}))


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


def change(**choices: Any) -> None:
    """Commits a choice: the Recipe before it goes to the history."""
    commit(replace(recipe_now(), **choices))


def commit(recipe: Recipe, refused: str | None = None) -> None:
    """Makes `recipe` the visitor's Recipe. With `refused`, says so and leaves the old state as it is."""
    st.session_state[_TROUBLE] = refused
    if refused:
        return
    if recipe == recipe_now():
        return
    st.session_state[_PAST] = [*st.session_state[_PAST], recipe_now()][-HISTORY:]
    st.session_state[_FUTURE] = []
    st.session_state[_RECIPE] = recipe
    st.session_state[_WORDS] = []


def retreat(why: str, usable: Callable[[Recipe], bool] = lambda _: True) -> None:
    """Back to the Recipe before one that could not be measured, and a word about it. What is not `usable` any more is
    forgotten, before and after."""
    now = recipe_now()
    for history in (_PAST, _FUTURE):
        st.session_state[history] = [one for one in st.session_state[history] if one != now and usable(one)]
    past = st.session_state[_PAST]
    st.session_state[_RECIPE] = past.pop() if past else Recipe()
    st.session_state[_WORDS], st.session_state[_TROUBLE] = [why], None


def undo() -> None:
    """Back to the Recipe before the last change."""
    if st.session_state[_PAST]:
        *past, recipe = st.session_state[_PAST]
        st.session_state[_FUTURE] = [*st.session_state[_FUTURE], recipe_now()]
        st.session_state[_PAST], st.session_state[_RECIPE] = past, recipe


def redo() -> None:
    """Forward again to a Recipe that was undone."""
    if st.session_state[_FUTURE]:
        *future, recipe = st.session_state[_FUTURE]
        st.session_state[_PAST] = [*st.session_state[_PAST], recipe_now()]
        st.session_state[_FUTURE], st.session_state[_RECIPE] = future, recipe


def can_undo() -> bool:
    return bool(st.session_state[_PAST])


def can_redo() -> bool:
    return bool(st.session_state[_FUTURE])


def trail() -> list[float]:
    """The last twelve amounts under today's model, criterion and scope, oldest first: the ghost dots on the curve."""
    now = recipe_now()
    same = [one for one in st.session_state[_PAST] if replace(one, amount=now.amount) == now]
    amounts = list(dict.fromkeys(one.amount for one in same if one.amount != now.amount))
    return amounts[-TRAIL:]


def ask(what: str) -> None:
    """Notes that the visitor asked for something slow, of the Recipe as it is now."""
    st.session_state[f"pv_asked_{what}"] = _measured(recipe_now())


def asked(what: str) -> bool:
    """Whether the visitor asked for it, and has changed nothing since that its numbers depend on."""
    return st.session_state.get(f"pv_asked_{what}") == _measured(recipe_now())


def _measured(recipe: Recipe) -> Recipe:
    return replace(recipe, **{name: getattr(Recipe(), name) for name in LOOKS})


def linked() -> bool:
    """Whether all criteria share one sparsity on the page that compares them."""
    return not recipe_now().apart and not recipe_now().unlinked


def link_all(together: bool) -> None:
    """Ties the criteria's sliders together, or lets each have its own."""
    change(apart=0 if together else 1, unlinked=())


def choose(
    label: str, field: str, options: Sequence[Any], name: Callable[[Any], str] = str, *, key: str = "", **how: Any
) -> None:
    """A row of choices bound to one field of the Recipe; its key is the field's name, unless two rows share a field."""
    now, key = getattr(recipe_now(), field), key or field
    st.session_state[key] = now if now in options else options[0]
    st.segmented_control(
        label, options, format_func=name, key=key, required=True, wrap=True, on_change=_take, args=(field, key), **how
    )


def select(
    label: str, field: str, options: Sequence[Any], name: Callable[[Any], str] = str, shown: Any = None, **how: Any
) -> Any:
    """A menu bound to one field of the Recipe; its key is the field's name. `shown` stands where nothing was chosen."""
    now = getattr(recipe_now(), field)
    st.session_state[field] = now if now in options else shown or options[0]
    return st.selectbox(label, options, format_func=name, key=field, on_change=_take, args=(field,), **how)


def number(label: str, field: str, low: int, high: int, **how: Any) -> int:
    """A whole number bound to one field of the Recipe."""
    st.session_state[field] = min(high, max(low, getattr(recipe_now(), field)))
    return st.number_input(label, low, high, step=1, key=field, on_change=_take, args=(field,), **how)


def write(label: str, field: str, **how: Any) -> str:
    """A line of text bound to one field of the Recipe."""
    st.session_state[field] = getattr(recipe_now(), field)
    return st.text_input(label, key=field, max_chars=LONGEST, on_change=_take_text, args=(field,), **how)


def _take_text(field: str) -> None:
    change(**{field: " ".join("".join(one if one.isprintable() else " " for one in st.session_state[field]).split())})


def limit(label: str, name: str, **how: Any) -> float | None:
    """A number that bounds what a setting may cost, or nothing; bound to the Recipe's limits."""
    key = f"limit-{name}"
    st.session_state[key] = dict(recipe_now().limits).get(name)
    return st.number_input(label, 0.0, HIGHEST, key=key, on_change=_take_limit, args=(name, key), **how)


def _take_limit(name: str, key: str) -> None:
    limits, given = dict(recipe_now().limits), st.session_state[key]
    limits = {kind: given if kind == name else limits.get(kind) for kind in LIMITS}
    change(limits=tuple((kind, float(value)) for kind, value in limits.items() if value is not None))


_CHECKS: dict[str, Callable[[Recipe], str | None]] = {}


def check_with(check: Callable[[Recipe], str | None]) -> None:
    """The question asked before any choice is taken: why can this Recipe not be used? None means it can."""
    _CHECKS["recipe"] = check


_FITS: dict[str, Callable[[Recipe], Recipe]] = {}


def fit_with(fit: Callable[[Recipe], Recipe]) -> None:
    """What makes a Recipe whole again after one of its choices ruled out others."""
    _FITS["recipe"] = fit


def say(words: str) -> None:
    """Something to tell the visitor on the next run, once."""
    st.session_state[_TROUBLE] = words


def take_subject(reference: str) -> str | None:
    """The visitor turns to another model; where it cannot be used, nothing changes and the answer says why."""
    return _choose("subject", reference)


def _take(field: str, key: str = "") -> None:
    trouble = _choose(field, st.session_state[key or field])
    if trouble:
        say(trouble)


def _choose(field: str, chosen: Any) -> str | None:
    recipe = replace(recipe_now(), **{field: chosen})
    if field in ("subject", "granularity"):  # what was said about other layers or units is meaningless there
        recipe = replace(recipe, spared=(), overrides=(), gone=(), back=(), layer="", pick=-1, guess=-1)
    if field == "layer":
        recipe = replace(recipe, pick=-1)
    fit, check = _FITS.get("recipe", lambda same: same), _CHECKS.get("recipe", lambda _: None)
    recipe, trouble = fit(recipe), check(fit(recipe))
    if trouble and field == "subject" and recipe.granularity != "weight":
        # The other model may have no heads, say: then its weights are pruned, and it is not refused.
        recipe = fit(replace(recipe, granularity="weight"))
        trouble = check(recipe)
    if not trouble:
        commit(recipe)
    return trouble


def take_commit(commit_made: Any) -> None:
    """What the live scrubber settled on, taken into the Recipe, if the Recipe that comes of it can be used."""
    if commit_made.kind == "linked":
        link_all(bool(commit_made.percent))
        return
    recipe = _after(recipe_now(), commit_made)
    check = _CHECKS.get("recipe")
    commit(recipe, check(recipe) if check else None)


def take_unit(toggle: Any) -> None:
    """What a hand did to one unit, taken into the Recipe, if the Recipe that comes of it can be used."""
    recipe = recipe_now().with_unit(toggle.unit, toggle.gone)
    check = _CHECKS.get("recipe")
    commit(recipe, check(recipe) if check else None)


def _after(now: Recipe, made: Any) -> Recipe:
    share = None if made.percent is None else made.percent / 100
    if made.kind == "amount":
        return replace(now, amount=share) if linked() or not made.panel else now.with_unlinked(made.panel, share)
    if made.kind == "layer":
        return now.with_own(made.layer, share)
    if made.kind == "lock":
        freed = now.with_own(made.layer, None)
        return freed if share is None else replace(freed, spared=tuple(sorted({*freed.spared, made.layer})))
    return replace(now, guess=round(made.percent))

"""Taking: what a hand did becomes a Recipe, where that Recipe can be used; else a word about it, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pruneviz.recipe import Recipe
from pruneviz.studio.bench.pins import return_to
from pruneviz.studio.bench.session import change, commit, recipe_now, why_not

_FITS: dict[str, Callable[[Recipe], Recipe]] = {}


def fit_with(fit: Callable[[Recipe], Recipe]) -> None:
    """What makes a Recipe whole again after one of its choices ruled out others."""
    _FITS["recipe"] = fit


def take_subject(reference: str) -> str | None:
    """The visitor turns to another model; where it cannot be used, nothing changes and the answer says why."""
    return take_choice("subject", reference)


def take_choice(field: str, chosen: Any) -> str | None:
    """One field's new value, with what it rules out elsewhere; where that cannot be used, the answer says why."""
    recipe = replace(recipe_now(), **{field: chosen})
    if field in ("subject", "granularity"):  # what was said about other layers or units is meaningless there
        recipe = replace(recipe, spared=(), overrides=(), gone=(), back=(), layer="", pick=-1, guess=-1)
    if field == "subject":
        recipe = replace(recipe, example=-1, group=-1)
    if field == "layer":
        recipe = replace(recipe, pick=-1)
    fit = _FITS.get("recipe", lambda same: same)
    recipe, trouble = fit(recipe), why_not(fit(recipe))
    if trouble and field == "subject" and recipe.granularity != "weight":
        # The other model may have no heads, say: then its weights are pruned, and it is not refused.
        recipe = fit(replace(recipe, granularity="weight"))
        trouble = why_not(recipe)
    if not trouble:
        commit(recipe)
    return trouble


def linked() -> bool:
    """Whether all criteria share one sparsity on the page that compares them."""
    return not recipe_now().apart and not recipe_now().unlinked


def link_all(together: bool) -> None:
    """Ties the criteria's sliders together, or lets each have its own."""
    change(apart=0 if together else 1, unlinked=())


def take_commit(commit_made: Any) -> None:
    """What the live scrubber settled on, taken into the Recipe, if the Recipe that comes of it can be used."""
    if commit_made.kind == "linked":
        link_all(bool(commit_made.percent))
    elif commit_made.kind == "pin":
        return_to(round(commit_made.percent))
    else:
        recipe = _after(recipe_now(), commit_made)
        commit(recipe, why_not(recipe))


def take_unit(toggle: Any) -> None:
    """What a hand did to one unit, taken into the Recipe, if the Recipe that comes of it can be used."""
    recipe = recipe_now().with_unit(toggle.unit, toggle.gone)
    commit(recipe, why_not(recipe))


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

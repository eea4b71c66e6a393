"""Admission: which models a visitor may name, and where they lie. It answers without torch."""

from __future__ import annotations

from pathlib import Path

from pruneviz import came_of
from pruneviz.recipe import Recipe
from pruneviz.studio import catalogue, library, visitor
from pruneviz.studio.labs import allowed

GONE = (
    "this model is not here: whoever brings one keeps it to themselves, and it is forgotten when they have gone; bring its "
    "files again with «Bring your own»"
)


def check(recipe: Recipe) -> None:
    """Refuses, in one sentence, a Recipe that names what is not here, or is not this visitor's to see."""
    _check_model(recipe.subject)
    for key in (recipe.criterion, recipe.against, *dict(recipe.unlinked)):
        if key not in catalogue.criteria():
            raise ValueError(f"unknown criterion {key!r}; there are {', '.join(catalogue.criteria())}")


def _check_model(reference: str) -> None:
    if (run := came_of.run(reference)) is not None:
        check(run)  # what it started from; whether it is stored here is found out when it is loaded
        if trouble := allowed.refused(run):
            raise ValueError(trouble)
    elif library.is_own(reference):
        if library.folder(reference, visitor.name()) is None:
            raise ValueError(GONE)
    elif reference not in catalogue.subjects() and not _is_path(reference):
        offered = ", ".join(catalogue.subjects())
        raise ValueError(f"unknown model {reference!r}; there are {offered}, or the path of a subject.toml")
    elif reference not in catalogue.subjects() and not visitor.own_machine():
        offered = ", ".join(catalogue.subjects())
        raise ValueError(
            f"a path is opened only on one's own machine: there are {offered}; bring a model's files with «Bring your own»"
        )


def trouble(recipe: Recipe) -> str | None:
    """The same as an answer: the sentence, or None where there is nothing to refuse."""
    try:
        check(recipe)
    except ValueError as problem:
        return str(problem)
    return None


def place(reference: str) -> str:
    """Where a model that was admitted lies: a sample's own name, or its card."""
    if came_of.run(reference) is not None:
        return came_of.at(reference, place(came_of.root(reference)))
    if not library.is_own(reference):
        return reference
    folder = library.place(reference)
    if folder is None:
        raise ValueError(GONE)
    return str(folder)


def _is_path(reference: str) -> bool:
    return Path(reference).name == "subject.toml"

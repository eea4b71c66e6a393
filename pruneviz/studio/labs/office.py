"""Office: this server's office, as the pages of the labs use it. A visitor sees the runs of models that they have."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import streamlit as st

from pruneviz import came_of
from pruneviz.recipe import Recipe
from pruneviz.studio import admission, catalogue, house_rules, kitchen, library, orders, visitor
from pruneviz.studio.labs import allowed
from pruneviz.traced import Traced

if TYPE_CHECKING:
    from pruneviz.runs.office import Office, Watched
    from pruneviz.runs.store.records import Run

RUNNING = ("waiting", "running")
_making = threading.Lock()


def office() -> Office:
    """The one office of this server, however many ask for it first."""
    with _making:
        return _office()


@cache
def _office() -> Office:
    from pruneviz.runs.office import Office
    from pruneviz.runs.store import Store

    return Office(Store())


def opened() -> bool:
    """Whether there is a store: to look at a page makes none."""
    from pruneviz.runs.store import place

    try:
        folder = place.folder()
        return place.address(folder) != place.address(folder, {}) or (folder / place.FILE).is_file()
    except ValueError:
        return False


def start(recipe: Recipe) -> Run:
    """The run of this Recipe: begun, gone on with, or done long ago. RuntimeError, one sentence, where that cannot be."""
    from pruneviz.engine.sources import limits
    from pruneviz.engine.training import labs
    from pruneviz.runs.jobs import Job
    from pruneviz.runs.office import Asked

    if trouble := allowed.refused(recipe):
        raise ValueError(trouble)
    subject, place = kitchen.subject(recipe.subject), admission.place(recipe.subject)
    lab = labs.find(recipe.course.lab)
    if trouble := allowed.too_long(lab.planned(subject, recipe)):
        raise ValueError(trouble)
    hashes, job = (subject.sha256, subject.data_sha256), None
    if library.is_own(recipe.subject):
        job = Job("", recipe, place, limits=limits.limits(house_rules.caps()), expects=hashes)
    if visitor.tab():
        _tab(orders.who())
    title = f"{lab.title}: {subject.title}"
    return office().start(Asked(recipe, place, hashes, title, job), orders.who())


def watch(key: str) -> Watched:
    """A run as it is now."""
    return office().watch(key)


def cancel(key: str) -> None:
    """This visitor wants a run no more; what was found stays."""
    office().cancel(key, orders.who())


def past(lab: str) -> Sequence[Run]:
    """The kept runs of a lab on models that this visitor has, the latest first; none where the store cannot be read: what is
    shipped is shown all the same, and whoever starts a run hears why."""
    try:
        return [run for run in office().past(lab) if _known(run)] if opened() else []
    except RuntimeError:
        return []


def traced(run: Run) -> Traced:
    """A run with its moments, as charts see it; read again only when more of them have come."""
    return _traced(run.key, run.moments, run.state, run.step)


@lru_cache(64)
def _traced(key: str, _moments: int, _state: str, _step: int) -> Traced:
    run = office().store.find(key)
    moments = tuple(office().moments(key))
    return Traced(run.recipe, run.title, run.state, run.step, run.of, moments, run.trouble, run.seconds, run.key)


def _known(run: Run) -> bool:
    """Whether a run is of a model that everybody has, or of one that this visitor brought."""
    name = run.recipe.subject
    listed = not library.is_own(name) and came_of.run(name) is None
    return name in catalogue.subjects() if listed else admission.trouble(run.recipe) is None


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda me: office().gone(me))
def _tab(me: str) -> str:
    return me

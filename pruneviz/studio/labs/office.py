"""Office: this server's office, as the pages of the labs use it. A visitor sees the runs of models that they have."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import streamlit as st

from pruneviz import came_of, plain
from pruneviz.recipe import Recipe
from pruneviz.studio import admission, bench, catalogue, house_rules, kitchen, library, orders, visitor
from pruneviz.studio.labs import allowed, traces
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

    return Office(Store(), caps=house_rules.caps())


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
    planned = lab.planned(subject, recipe)
    if trouble := allowed.too_long(recipe, planned) or allowed.too_slow(planned * (pace(recipe) or 0.0)):
        raise ValueError(trouble)
    hashes, job = (subject.sha256, subject.data_sha256), None
    if library.is_own(recipe.subject):
        job = Job("", recipe, place, limits=limits.limits(house_rules.caps()), expects=hashes)
    if visitor.tab():
        _tab(orders.who())
    title = f"{lab.title}: {subject.title}"
    return office().start(Asked(recipe, place, hashes, title, job), orders.who())


def weights(key: str) -> bytes:
    """The network that came of a run that is done, as safetensors under its parameters' own names."""
    from pruneviz.engine.training import labs
    from pruneviz.runs.store.tensors import pack

    store = office().store
    return pack(labs.concluded(store.memory(store.find(key)))[0], {"run": key})


def watch(key: str) -> Watched:
    """A run as it is now."""
    return office().watch(key)


def cancel(key: str) -> None:
    """This visitor wants a run no more; what was found stays. Where it goes on, they hear why."""
    try:
        office().cancel(key, orders.who(), owner=house_rules.own_machine())
    except (RuntimeError, ValueError) as problem:
        bench.say(plain.markdown(f"{problem}.", 512))


def exactly(recipe: Recipe) -> Run | None:
    """The kept run of just this Recipe, however many others there are."""
    return _read(lambda desk: desk.find(recipe, _hashes(recipe)))


def like(recipe: Recipe, fits: Callable[[Recipe], bool]) -> Sequence[Run]:
    """The kept runs of this Recipe's lab on its model, as it is now, whose Recipe `fits`; the latest first."""
    from pruneviz.runs.listing import Wanting

    lab, name = recipe.course.lab, recipe.subject
    wanted = Wanting(_hashes(recipe), lambda one: one.subject == name and fits(one))
    return _read(lambda desk: desk.past(lab, wanted)) or []


def past(lab: str, most: int) -> Sequence[Run]:
    """The latest kept runs of a lab on models that this visitor has. None where the store cannot be read: what is shipped is
    shown all the same, and whoever starts a run hears why."""
    from pruneviz.runs.listing import Wanting

    known = cache(_known)
    fits = lambda recipe: known(recipe.subject, recipe.criterion)  # noqa: E731
    return _read(lambda desk: desk.past(lab, Wanting(fits=fits), most)) or []


def pace(recipe: Recipe) -> float | None:
    """Seconds for a step on this machine, as kept runs took them that cost the same; None where there is none."""
    known = [run for run in like(recipe, lambda one: costs(one) == costs(recipe)) if run.state == "done" and run.seconds]
    return sum(run.seconds for run in known) / sum(run.of for run in known) if known else None


def costs(recipe: Recipe) -> tuple:
    """What a step's time depends on, beside model and machine."""
    course = recipe.course
    return course.method, course.batch, course.every, course.width, course.threads, bool(course.distil)


def traced(run: Run) -> Traced:
    """A run with its moments, as charts see it; only those are read that have come since. One that cannot be read has
    failed: whoever tries it again has what is damaged done anew."""
    office().seen(run.key)
    try:
        return traces.of(run, office().moments)
    except RuntimeError as problem:
        lost = run.recipe, run.title, "failed", run.step, run.of
        return Traced(*lost, trouble=str(problem), seconds=run.seconds, key=run.key)


def _read(question: Callable[[Office], object]):
    """What the store answers; None where there is none, or it cannot be read."""
    try:
        return question(office()) if opened() else None
    except RuntimeError:
        return None


def _hashes(recipe: Recipe) -> tuple[str, str]:
    subject = kitchen.subject(recipe.subject)
    return subject.sha256, subject.data_sha256


def _known(name: str, criterion: str) -> bool:
    """Whether a run is of a model that everybody has, or of one that this visitor brought."""
    listed = not library.is_own(name) and came_of.run(name) is None
    return name in catalogue.subjects() if listed else admission.trouble(Recipe(name, criterion)) is None


@st.cache_resource(scope="session", show_spinner=False, on_release=lambda me: office().gone(me))
def _tab(me: str) -> str:
    return me

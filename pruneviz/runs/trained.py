"""Trained: the network that came of a run, as a subject like any other: to be looked at, pruned, compared, exported."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from pruneviz import came_of
from pruneviz.engine import evaluate, prunable
from pruneviz.engine.export import cut
from pruneviz.engine.sources import asked as subjects
from pruneviz.engine.sources import card, code
from pruneviz.engine.sources.asked import Asked
from pruneviz.engine.sources.fetching import Fetch
from pruneviz.engine.subject import Origin, Subject
from pruneviz.engine.training import labs
from pruneviz.recipe import Recipe
from pruneviz.runs.store import Store, naming
from pruneviz.runs.store.records import Run


def load(name: str, base: Callable[[str], Subject]) -> Subject:
    """The network of that name (`came_of`), from this machine's store; `base` loads the model that its run started from.

    Raises ValueError, one sentence, where the run is not stored here, or has not come to its end.
    """
    recipe = came_of.run(name)
    if recipe is None:
        raise ValueError(f"{name[:64]!r} names no run: the text behind «{came_of.RUN}» is a run's link")
    model = load(recipe.subject, base) if came_of.run(recipe.subject) else base(recipe.subject)
    with closing(Store()) as store:
        return subject(store, found(store, model, recipe), model)


def asked(said: Asked, fetch: Fetch) -> Subject:
    """The subject that a command line names; of a network that came of a run, all else said there is of the model that it
    started from."""

    def base(name: str) -> Subject:
        return subjects.subject(replace(said, subject=name), fetch)

    return load(said.subject, base) if came_of.run(said.subject) else base(said.subject)


def placed(place: str) -> Subject:
    """The network of a run at the place that `came_of.at` says."""
    name, lies = came_of.parts(place)
    return load(name, lambda _: code.load(lies) if code.named(lies) else card.load(lies))


def found(store: Store, model: Subject, recipe: Recipe) -> Run:
    """The run of this Recipe, done."""
    key = naming.key(recipe, model.sha256, model.data_sha256)
    try:
        run = store.find(key)
    except ValueError:
        raise ValueError(absent(recipe, "is not stored here")) from None
    if run.state != "done":
        raise ValueError(absent(recipe, "has not come to its end"))
    return run


def absent(recipe: Recipe, why: str) -> str:
    """Why there is no such network, and what makes it."""
    where = "with «Recover» on the slider's page" if recipe.course.lab == "recover" else "in its lab"
    return (
        f"the run behind «{came_of.root(recipe.subject)}, {came_of.words(recipe)}» {why}: do that run {where}, or with "
        "python -m pruneviz train, and open this again"
    )


def subject(store: Store, run: Run, model: Subject) -> Subject:
    """The network that came of a run on `model`, around it what belongs to such a network."""
    there = labs.came_of(model, run.recipe, store.memory(run))
    layers, skipped = prunable.find(there.network)
    title = f"{model.title}, {came_of.words(run.recipe)}"
    return replace(
        there, name=came_of.name(run.recipe), title=title, layers=layers, skipped=skipped, sha256=run.memory,
        nonfinite=prunable.nonfinite(there.network), origin=_origin(model, run, there, title),
    )  # fmt: skip


def _origin(model: Subject, run: Run, there: Subject, title: str) -> Origin | None:
    """From where such a network can be built again: the model's card, and what the run cut out. None where no card says it,
    as of another width."""
    origin = model.origin
    if origin is None:
        return None
    origin = replace(origin, card={**origin.card, "name": title})
    if _shapes(there) == _shapes(model):
        return origin
    if run.lab != "recover":
        return None
    made = cut.cut(model, run.recipe, evaluate.stand(model, run.recipe))
    return replace(origin, steps=(*origin.steps, made.step)) if made.step else None


def _shapes(one: Subject) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in one.network.state_dict().items()}

"""Models: what depends on a model alone, and on nothing that a visitor chooses. Kept once for all who look at it."""

from __future__ import annotations

from dataclasses import replace

from pruneviz import came_of, plain
from pruneviz.recipe import Recipe
from pruneviz.studio import admission, catalogue, house_rules, larder, library, orders
from pruneviz.studio.samples import shipped

MANY = 5_000_000
"""Of more weights than this, even sorting and counting them would hold a page up."""


@larder.kept(1)
def subject(name: str):
    """The model with its data."""
    from pruneviz.engine import pace as clock
    from pruneviz.engine.sources import card, code, gate

    clock.settle_threads()
    if came_of.run(name) is not None:
        from pruneviz.runs import trained

        return trained.load(name, subject)
    if name in house_rules.functions():
        return replace(code.load(name), name=name)
    if not library.is_own(name):
        return card.load(name)
    place, changed, held = admission.place(name), library.changed(name), library.facts(name)
    if changed:
        files = ", ".join(plain.one_line(one) for one in changed)
        raise gate.SubjectError(f"{files} is no longer the file that was brought: bring it again", "changed")
    card.named(held.table if held is not None else {})  # whoever wrote the card: it leads nowhere outside of its folder
    # What was brought stays within the caps, however little of it is unpacked yet.
    found = replace(card.load(place, gate.limits(house_rules.caps())), name=name)
    orders.shown(name, (found.sha256, found.data_sha256))
    return found


def forget(name: str) -> None:
    """Gives back all that is kept of a model: nobody who may see it is here any more."""
    larder.drop(name)
    orders.forget(name)


library.on_forgotten(forget)


def heavy(name: str) -> bool:
    """Whether a model's numbers would hold pages up here, and are asked of the worker process instead."""
    if shipped(name):
        return False
    return subject(name).weights > MANY or pace(name) > orders.patience()


@larder.kept(1)
def pace(name: str) -> float:
    """Seconds that one full measurement takes on this machine, by the clock of a first batch."""
    from pruneviz.engine import pace as clock

    return clock.seconds(subject(name), 4 * orders.patience())


def calibration_of(recipe: Recipe) -> str:
    """Which data criteria look at: what the visitor chose; else what the card says; else held-out data where there is
    nothing to train on. Every page says which it was."""
    if recipe.calibration != "training" or shipped(recipe.subject):
        return recipe.calibration
    model = subject(recipe.subject)
    return "held-out" if model.training is None else model.calibration


def chance(recipe: Recipe) -> float:
    """What guessing gets on a model's task."""
    found = shipped(recipe.subject)
    return next(iter(found.curves.values())).chance if found else _chance(recipe.subject)


@larder.kept(1)
def _chance(name: str) -> float:
    from pruneviz.engine import tasks

    model = subject(name)
    return tasks.of(model).chance(len(model.classes))


def offers(recipe: Recipe) -> tuple[str, ...]:
    """What of a model can go at once: its weights, and the kinds of units it has. Shipped samples know it without torch."""
    found = shipped(recipe.subject)
    return found.offers if found and found.offers else _offers(recipe.subject)


def of_language(recipe: Recipe) -> bool:
    """Whether a model writes text on. Shipped samples know it without torch."""
    found = shipped(recipe.subject)
    if found:
        return next(iter(found.curves.values())).metric == "perplexity"
    return subject(recipe.subject).task == "language_modelling"


@larder.kept(1)
def _offers(name: str) -> tuple[str, ...]:
    from pruneviz.engine.structure import find

    return find.offers(subject(name))


def kind(recipe: Recipe) -> catalogue.Kind:
    """What goes of a model, in words, before anything of it is measured."""
    heads = recipe.granularity == "head" and "head" in offers(recipe)
    return catalogue.kind(recipe.granularity, structure(recipe.subject, "head").groups if heads else ())


def many(recipe: Recipe) -> str:
    """The same, in the plural."""
    return kind(recipe).many


@larder.kept(8)
def structure(name: str, granularity: str):
    """The units of a model at one granularity, those that can go and those that cannot."""
    from pruneviz.engine import evaluate

    return evaluate.structure_of(subject(name), granularity)

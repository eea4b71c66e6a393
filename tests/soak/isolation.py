"""Isolation: visitors who do different things at once, and whether each one's page shows their own Recipe's numbers.

A walk is drawn from a seed. What each step's page has to show is known: the same Recipe evaluated by the engine alone, later
and in another process. What a page showed is kept and compared afterwards, so that the comparing does not slow the walk.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from urllib.parse import parse_qsl

from pruneviz import findings, shipped
from pruneviz.query import from_query
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.studio import catalogue
from tests.soak.visitor import Visitor, enter

CRITERIA = ("magnitude", "gradient", "obd", "random")
SCOPES = ("global", "layer")
TOGETHER = (30, 50, 80, 90)
"""Percents that every visitor takes now and then, so that they meet in the shared caches."""
ACTS = {"drag": 10, "criterion": 3, "scope": 2, "granularity": 2, "subject": 2, "undo": 2}
"""What a visitor does, and how often."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Where visitors walk: models by name or path with their titles, what of each can go, and how often they do what."""

    subjects: dict[str, str]
    offers: dict[str, tuple[str, ...]]
    start: str
    acts: dict[str, int] = field(default_factory=lambda: dict(ACTS))


def samples(*names: str) -> Ground:
    """The samples that ship: measured by the server itself."""
    names = names or ("digits_mlp", "digits_cnn", "digits_resnet", "digits_vit")
    return Ground(
        {name: shipped.titles()[name] for name in names}, {name: shipped.made(name).offers for name in names}, "digits_cnn"
    )


@dataclass(frozen=True)
class Seen:
    """One step: what the visitor had chosen, what the page showed then, and how long it took."""

    visitor: int
    recipe: Recipe
    link: str
    shown: tuple[str, ...]
    seconds: float


def walk(address: str, ground: Ground, visitor: int, steps: int, seed: int) -> list[Seen]:
    """One visitor's walk: drags, other criteria, scopes, units and models, and steps back."""
    draw, recipe, past = random.Random(f"{seed}:{visitor}"), Recipe(subject=ground.start), []
    tab, seconds = enter(address, query="" if ground.start == Recipe().subject else f"m={ground.start}")
    seen = [Seen(visitor, recipe, tab.query, shown(tab), seconds)]
    try:
        for _ in range(steps):
            kind = draw.choices([*ground.acts], [*ground.acts.values()])[0]
            if kind == "undo" and past:
                recipe, seconds = past.pop(), tab.press("undo")
            else:
                wanted, seconds = _step(tab, draw, ground, recipe, kind, visitor)
                past += [recipe] if wanted != recipe else []
                recipe = wanted
            seen.append(Seen(visitor, recipe, tab.query, shown(tab), seconds))
            if seen[-1].shown[0] == "no figures":
                break  # nothing left to act on; what the page said instead is kept
    finally:
        tab.leave()
    return seen


def _step(
    tab: Visitor, draw: random.Random, ground: Ground, recipe: Recipe, kind: str, visitor: int
) -> tuple[Recipe, float]:
    """Does one thing: the Recipe that has to come of it, and the seconds until the page stood."""
    if kind == "criterion":
        key = draw.choice(CRITERIA)
        return replace(recipe, criterion=key), tab.choose("criterion", catalogue.criteria()[key].name)
    if kind == "scope":
        key = draw.choice(SCOPES)
        return replace(recipe, scope=key), tab.choose("scope", catalogue.scopes(recipe.granularity)[key].name)
    if kind == "granularity":
        key = draw.choice(ground.offers[recipe.subject])
        wanted = catalogue.fitting(replace(recipe, granularity=key))
        return wanted, tab.choose("granularity", catalogue.granularity_name(key))
    if kind == "subject":
        name = draw.choice([*ground.subjects])
        wanted = replace(recipe, subject=name)
        if recipe.granularity not in ground.offers[name]:
            wanted = catalogue.fitting(replace(wanted, granularity="weight"))
        return wanted, tab.choose("subject", ground.subjects[name])
    percent = draw.choice((*TOGETHER, 35 + visitor, 55 + visitor))  # two that nobody else takes
    return replace(recipe, amount=percent / 100), tab.drag(percent)


def shown(tab: Visitor) -> tuple[str, ...]:
    """What the page says of the Recipe once all is measured: what goes and what it costs, as figures and as a sentence."""
    tab.settle()
    if not any(figure.label.startswith("accuracy") for figure in tab.figures()):
        return ("no figures", tab.text()[:600])
    gone, accuracy = tab.figures()[0], tab.figure("accuracy")
    return gone.value, gone.below, accuracy.label, accuracy.value, accuracy.below, tab.title()


@cache
def known(recipe: Recipe) -> tuple[str, ...]:
    """What a page of this Recipe has to show, by the engine alone."""
    from pruneviz.engine import evaluate
    from pruneviz.engine.measure import Workspace

    standing, subject = _standing(replace(recipe, amount=0.5)), model(recipe.subject)
    report = evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured))
    score, words = report.score, catalogue.kind(report.granularity)
    left = f"{report.left:,} of {report.weights:,} weights left"
    if report.units:
        left = f"{report.units - report.units_removed:,} of {report.units:,} {words.many} left"
    low, high = (f"{100 * end:.1f}" for end in score.interval)
    share, label = findings.percent(findings.share(report)), f"accuracy, {score.n:,} held-out images"
    return share, left, label, findings.percent(score.value), f"interval {low} to {high}", findings.headline(report)


@cache
def _standing(recipe: Recipe):
    from pruneviz.engine import evaluate

    return evaluate.stand(model(recipe.subject), recipe)


@cache
def model(name: str):
    from pruneviz.engine.sources import card

    return replace(card.load(name), name=name)


def together(address: str, ground: Ground, visitors: int, steps: int, seed: int) -> list[Seen]:
    """All visitors walk at once."""
    return crowd_on(address, {ground: visitors}, steps, seed)


def crowd_on(address: str, grounds: dict[Ground, int], steps: int, seed: int) -> list[Seen]:
    """So many visitors on each ground walk at once."""
    everybody = [ground for ground, visitors in grounds.items() for _ in range(visitors)]
    with ThreadPoolExecutor(len(everybody)) as crowd:
        walks = [crowd.submit(walk, address, ground, at, steps, seed) for at, ground in enumerate(everybody)]
        return [seen for one in walks for seen in one.result()]


def bleeds(walked: Iterable[Seen]) -> list[str]:
    """Every step whose link or page was not this visitor's own, in words."""
    found = []
    for at, seen in enumerate(walked):
        where = f"step {at}, visitor {seen.visitor}, {seen.recipe}"
        linked = from_query(dict(parse_qsl(seen.link)))[0]
        plain = replace(linked, **{name: getattr(Recipe(), name) for name in LOOKS})
        if plain != seen.recipe:
            found.append(f"{where}: the link was {seen.link!r}")
        if linked.model_sha and not model(seen.recipe.subject).sha256.startswith(linked.model_sha):
            found.append(f"{where}: the link named another model's file")
        if seen.shown != known(seen.recipe):
            found.append(f"{where}: the page showed {seen.shown}, and {known(seen.recipe)} is right")
    return found

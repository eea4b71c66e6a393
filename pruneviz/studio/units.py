"""Units: what the page Anatomy shows of a model's filters, neurons, heads and layers. Cached as the kitchen caches.

What hangs on a unit depends on the model alone; the rest comes from the Report and the ranking.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pruneviz.recipe import Recipe
from pruneviz.report import GroupReport, Report
from pruneviz.studio import catalogue, kitchen, larder, orders, portraits
from pruneviz.studio.anatomy import Alone, Anatomy, Hang, Units

MOST_ALONE = 2048
"""Up to so many units are offered to be left out one by one."""
ALONE = "alone"
POOLED = {"mean": "mean", "l1": "Σ", "l2": "L2 of", "max": "largest"}
KIND = {"head": "matrix", "layer": "chips", "filter": "strip", "neuron": "strip"}


def anatomy(recipe: Recipe, report: Report) -> Anatomy:
    """The whole picture of a Recipe's units."""
    kind = catalogue.kind(recipe.granularity, report.groups)
    natural = kitchen.standing_of(recipe).ranking
    leaves = natural.split(natural.leaves(recipe.own_amounts()))
    drawn = portraits.portraits(recipe.subject, recipe.granularity)
    hanging = hangs(recipe.subject, recipe.granularity)
    known = alone_known(recipe)
    groups = tuple(
        Units(
            name=one.name,
            label=one.label,
            kind="wall" if one.name in drawn else KIND[recipe.granularity],
            kept=one.kept,
            scores=one.scores,
            leaves=one.leaves,
            forced=forced(recipe, one),
            natural=leaves.get(one.name),
            coupling=coupling(one),
            reason=one.reason,
            hangs=hanging.get(one.name, ()),
            names=one.blocks,
            picture=drawn.get(one.name),
            alone=known.get(one.name),
        )
        for one in report.groups
    )
    return Anatomy(100 * recipe.amount, kind.many, kind.one, formula(recipe), groups, recipe.scope, recipe.floor)


def coupling(group: GroupReport) -> str:
    """With whom a group's units go together, and why."""
    if not group.coupling:
        return ""
    others = group.modules[1:4]
    more = f" and {len(group.modules) - 4} more" if len(group.modules) > 4 else ""
    return f"goes together with {', '.join(others)}{more}. {group.coupling[:1].upper()}{group.coupling[1:]}"


def formula(recipe: Recipe) -> str:
    """What a unit's importance is, as short as a card needs it: «mean |w|»."""
    words = catalogue.criteria()[recipe.criterion]
    if words.units:
        return words.name
    return f"{POOLED[recipe.pool]} {'|w|' if recipe.criterion == 'magnitude' else words.name}"


def forced(recipe: Recipe, group: GroupReport) -> np.ndarray:
    """What a hand did to each unit of a group: 1 removed, −1 restored, 0 nothing, int8 [U]."""
    found = np.zeros(group.units, dtype=np.int8)
    for units, sign in ((recipe.gone, 1), (recipe.back, -1)):
        for unit in units:
            name, _, index = unit.rpartition(":")
            if name == group.name and int(index) < group.units:
                found[int(index)] = sign
    return found


@larder.kept(8)
def hangs(name: str, granularity: str) -> dict[str, tuple[Hang, ...]]:
    """What goes along with each unit of each group, in words: a line for each module and role."""
    found = kitchen.structure(name, granularity)
    shapes = {key: tuple(one.shape) for key, one in kitchen.subject(name).network.state_dict().items()}
    makers = {part.tensor.rpartition(".")[0]: group.name for group in found.groups for part in group.of("makes")}
    return {group.name: tuple(_hangs(group, shapes, makers)) for group in found.groups if not group.reason}


def readers(recipe: Recipe) -> dict[str, tuple[str, int]]:
    """Who reads a group's units and how many weights of each: the reader that has most of them, as a sentence names it."""
    found = {}
    for name, lines in hangs(recipe.subject, recipe.granularity).items():
        reading = [one for one in lines if one.reads]
        if reading:
            most = max(reading, key=lambda one: one.numbers)
            found[name] = (most.reads, most.numbers)
    return found


def _hangs(group, shapes: dict[str, tuple[int, ...]], makers: dict[str, str]) -> Iterator[Hang]:
    lines: dict[tuple[str, str], list[tuple[int, int]]] = {}
    biases: set[tuple[str, str]] = set()
    own = group.modules[0] if group.modules else ""
    for part in group.parts:
        module = part.tensor.rpartition(".")[0]
        if part.role == "makes" and (module == own or group.granularity == "head"):
            continue  # these are the unit itself
        positions = int((part.owner == 0).sum())
        size = int(np.prod(shapes[part.tensor])) // shapes[part.tensor][part.axis]
        if part.tensor.endswith(".bias") and (module, part.role) not in lines:
            biases.add((module, part.role))
        else:
            biases.discard((module, part.role))
        lines.setdefault((module, part.role), []).append((positions, positions * size))
    for (module, role), sizes in lines.items():
        positions, numbers = max(one for one, _ in sizes), sum(one for _, one in sizes)
        thing = {"makes": group.granularity, "follows": "bias" if (module, role) in biases else "row", "reads": "input"}[
            role
        ]
        many = "biases" if thing == "bias" else f"{thing}s"
        words = f"{module} {thing} {{i}}" if positions == 1 else f"{module}, {positions:,} {many}"
        reads = role == "reads"
        yield Hang(words.strip(), numbers, makers.get(module, "") if reads else "", module if reads else "")


@dataclass
class Leaving:
    """Where one model's units are left out one by one, and afterwards what came of it: points, lost, won, [3, U]."""

    lock: threading.Lock
    found: np.ndarray

    @property
    def done(self) -> int:
        """How many were left out so far."""
        return int(np.isfinite(self.found[0]).sum())


@larder.kept(8)
def _leaving(recipe: Recipe) -> Leaving:
    return Leaving(threading.Lock(), np.full((3, kitchen.standing_of(recipe).ranking.n), np.nan))


def _shared(recipe: Recipe) -> Recipe:
    """Leaving one out does not depend on who ranks, nor on how much goes: all Recipes of a model share what was found."""
    aside = kitchen.standing_of(recipe).split.source == "held-out"
    return Recipe(subject=recipe.subject, granularity=recipe.granularity, seed=recipe.seed if aside else 0)


def _leaving_of(recipe: Recipe) -> Leaving:
    place = _leaving(_shared(recipe))
    told = orders.found(kitchen.job_part(_shared(recipe)), ALONE) if kitchen.heavy(recipe.subject) else None
    if told is not None:
        place.found = told
    return place


def alone_known(recipe: Recipe) -> dict[str, Alone]:
    """What leaving each unit out alone costs, as far as it was measured."""
    place, ranking = _leaving_of(recipe), kitchen.standing_of(recipe).ranking
    if not place.done:
        return {}
    points, lost, won = (ranking.split(one) for one in place.found)
    return {name: Alone(points[name], lost[name], won[name], fragile(lost[name], won[name])) for name in points}


def fragile(lost: np.ndarray, won: np.ndarray) -> np.ndarray:
    """Whether more samples turn wrong than right [U] than chance explains: the one-sided exact sign test at 5 %
    (McNemar 1947 on paired samples); never where nothing was measured."""
    from scipy.stats import binom

    known = np.isfinite(lost) & np.isfinite(won)
    bad, good = np.where(known, lost, 0), np.where(known, won, 0)
    return known & (bad > good) & (binom.cdf(good, bad + good, 0.5) < 0.05)


def alone_missing(recipe: Recipe) -> int:
    """How many units were not yet left out alone; 0 also where there are too many, or where nothing is right or wrong."""
    place, dense = _leaving_of(recipe), kitchen.report(recipe).score.dense_correct
    units = place.found.shape[1]
    return units - place.done if dense is not None and units <= MOST_ALONE else 0


def leave_one_out(recipe: Recipe, told: Callable[[float], None]) -> None:
    """Measures the held-out data without each unit alone. Whoever is interrupted loses nothing: the next goes on. Of a heavy
    model the worker process does it."""
    if kitchen.heavy(recipe.subject):
        share = lambda done, of: told(done / max(1, of))  # noqa: E731
        orders.finished(kitchen.job_part(_shared(recipe)), ALONE, share, ALONE)
        return
    place, bench, ranking = _leaving_of(recipe), kitchen.workspace_of(recipe), kitchen.standing_of(recipe).ranking
    with place.lock:
        dense = bench.amount(ranking, 0.0, {}).correct
        for at, unit in enumerate(ranking.ids()):
            if np.isfinite(place.found[0, at]):
                continue
            now = bench.amount(ranking, 0.0, {}, gone=(unit,)).correct
            place.found[:, at] = 100 * (now.mean() - dense.mean()), (dense & ~now).sum(), (now & ~dense).sum()
            told(place.done / ranking.n)

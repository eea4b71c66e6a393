"""Insight: the slower questions about a model's weights, cached as the kitchen caches: shapes, damage, agreement, truth."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from pruneviz.recipe import Recipe
from pruneviz.report import Agreement, Deletions, LayerDamage, LayerShape, WeightStory
from pruneviz.studio import catalogue, kitchen, larder, orders

LEFT_OUT = "leave_one_out"


def skipped(name: str) -> dict[str, list[str]]:
    """What of a model cannot be pruned at granularity weight: reason → parameters."""
    found: dict[str, list[str]] = {}
    for parameter, reason in kitchen.subject(name).skipped:
        found.setdefault(reason, []).append(parameter)
    return found


def layer_sizes(name: str) -> dict[str, tuple[str, int]]:
    """The prunable layers: name → (label, weights)."""
    return {layer.name: (layer.label, layer.size) for layer in kitchen.subject(name).layers}


def shapes(name: str) -> tuple[LayerShape, ...]:
    """Each layer's weights as a distribution; of a heavy model the worker process fits them, and the page waits for it."""
    if kitchen.heavy(name):
        return orders.finished(Recipe(subject=name), "shapes")
    return _shapes(name)


@larder.kept(1, dry=True)
def _shapes(name: str) -> tuple[LayerShape, ...]:
    from pruneviz.engine.distribution import shape_of

    model = kitchen.subject(name)
    return tuple(shape_of(layer.name, layer.label, model.parameter(layer)) for layer in model.layers)


def damage(recipe: Recipe) -> tuple[tuple[LayerDamage, ...], int, str]:
    """How far each layer's output moves; the number of inputs and where they come from."""
    asked = kitchen.measured_part(recipe)
    if _damage.known(asked) is None:
        kitchen.wait_for(asked)
    return _damage(asked)


@larder.kept(64, dry=True)
def _damage(recipe: Recipe) -> tuple[tuple[LayerDamage, ...], int, str]:
    from pruneviz.engine.damage import damage as measure

    inputs, labels, source = kitchen.calibration(recipe.subject, kitchen.calibration_of(recipe), recipe.seed)
    mask = kitchen.mask(recipe)
    return measure(kitchen.subject(recipe.subject), mask, inputs), len(labels), source


def agreement(recipe: Recipe, amounts: dict[str, float]) -> Agreement:
    """How alike the removed weights of all criteria are, each at its own amount."""
    asked = replace(kitchen.measured_part(recipe), criterion="magnitude", amount=0.0)
    key = asked, tuple(amounts.items())
    if _agreement.known(*key) is None:
        kitchen.wait_for(*(replace(asked, criterion=one) for one in amounts))
    return _agreement(*key)


@larder.kept(32, dry=True)
def _agreement(recipe: Recipe, amounts: tuple[tuple[str, float], ...]) -> Agreement:
    from pruneviz.engine.mask import overlap

    places = {key: kitchen.standing_of(replace(recipe, criterion=key)) for key, _ in amounts}
    masks = {key: kitchen.mask(replace(recipe, criterion=key, amount=amount)) for key, amount in amounts}
    table = np.array([[overlap(one, other) for other in masks.values()] for one in masks.values()])
    seconds = {key: place.seconds for key, place in places.items()}
    return Agreement(tuple(masks), table, tuple(mask.removed for mask in masks.values()), seconds)


def ranks(recipe: Recipe, keys: tuple[str, ...], count: int = 2000) -> tuple[dict[str, np.ndarray], int, str]:
    """The rank (0 = first to go) of the same sampled weights, or of all units, under several criteria; among how many;
    and what they are called."""
    asked = replace(kitchen.measured_part(recipe), amount=0.0, criterion="magnitude")
    if recipe.granularity in catalogue.UNITS:
        found = {key: _unit_ranks(replace(asked, criterion=key)) for key in keys}
        return found, len(found[keys[0]]), kitchen.many(recipe)
    key = asked, tuple(dict.fromkeys(keys)), count
    if _ranks.known(*key) is None:
        kitchen.wait_for(*(replace(asked, criterion=one) for one in key[1]))
    return _ranks(*key), kitchen.subject(recipe.subject).weights, "sampled weights"


def _unit_ranks(recipe: Recipe) -> np.ndarray:
    ranking = kitchen.standing_of(recipe).ranking
    order = np.lexsort((np.arange(ranking.n), ranking.scores, ranking.leaves(recipe.own_amounts())))
    found = np.empty(ranking.n, dtype=np.int64)
    found[order] = np.arange(ranking.n)
    return found


def unit_truth_trouble(recipe: Recipe) -> str:
    """Why the units of this model cannot be left out one by one; empty where they can."""
    return kitchen.trouble(replace(kitchen.measured_part(recipe), criterion=LEFT_OUT, gone=(), back=())) or ""


def unit_truth_known(recipe: Recipe) -> bool:
    """Whether the units were left out one by one already."""
    return kitchen.known(replace(kitchen.measured_part(recipe), criterion=LEFT_OUT))


def unit_truth(recipe: Recipe, pair: tuple[str, str], told: Callable[[float], None]) -> Deletions:
    """Every unit left out alone, beside what two criteria said of it."""
    from scipy.stats import spearmanr

    started, asked = time.perf_counter(), kitchen.measured_part(recipe)
    truth = kitchen.standing_of(replace(asked, criterion=LEFT_OUT), lambda done, of: told(done / of))
    said = {key: kitchen.standing_of(replace(asked, criterion=key)).ranking.scores for key in pair}
    true, groups = truth.ranking.scores, truth.structure.removable
    rho = {
        key: float(spearmanr(one, np.abs(true)).statistic) if np.ptp(one) and np.ptp(true) else 0.0
        for key, one in said.items()
    }
    labels = tuple(group.label for group in groups for _ in range(group.units))
    index = np.concatenate([np.arange(group.units) for group in groups])
    return Deletions(labels, index, true, said, rho, len(truth.split.calibration), time.perf_counter() - started)


@larder.kept(16, dry=True)
def _ranks(recipe: Recipe, keys: tuple[str, ...], count: int) -> dict[str, np.ndarray]:
    from pruneviz.engine.truth import sample

    model = kitchen.subject(recipe.subject)
    layer, index = sample(model, count, recipe.seed)
    starts = np.cumsum([0, *(one.size for one in model.layers)])
    flat = starts[layer] + index
    found = {key: kitchen.standing_of(replace(recipe, criterion=key)).ranking for key in keys}
    return {key: np.array([ranking.order_of(int(at)) for at in flat]) for key, ranking in found.items()}


@larder.kept(2)
def gathered(name: str, source: str, seed: int):
    """Slope and curvature of every weight on the calibration data."""
    from pruneviz.engine.evidence import gather

    inputs, labels, _ = kitchen.calibration(name, source, seed)
    return gather(kitchen.subject(name), ("gradient", "absolute_gradient", "hessian_diagonal"), inputs, labels, seed=seed)


def story(recipe: Recipe, layer: str, index: int) -> WeightStory:
    """One weight: slope, curvature, ranks, predictions and the truth."""
    return _story(
        replace(
            kitchen.measured_part(recipe), criterion="magnitude", granularity="weight", amount=0.0, spared=(), overrides=()
        ),
        layer,
        index,
    )


@larder.kept(32, dry=True)
def _story(recipe: Recipe, layer: str, index: int) -> WeightStory:
    from pruneviz.engine import criterion
    from pruneviz.engine.truth import story as tell

    model = kitchen.subject(recipe.subject)
    at = [one.name for one in model.layers].index(layer)
    flat = sum(one.size for one in model.layers[:at]) + index
    offered = [key for key, one in criterion.shelf().items() if not one.units]
    places = {key: kitchen.standing_of(replace(recipe, criterion=key)) for key in offered}
    inputs, labels, _ = kitchen.calibration(recipe.subject, kitchen.calibration_of(recipe), recipe.seed)
    evidence = gathered(recipe.subject, kitchen.calibration_of(recipe), recipe.seed)
    return tell(
        model, inputs, labels, evidence, layer=at, index=index,
        ranks={key: place.ranking.order_of(flat) for key, place in places.items()},
        scores={key: place.score_at(flat) for key, place in places.items()},
    )  # fmt: skip


def next_pick(recipe: Recipe, layer: str, index: int) -> int:
    """Another weight of the same layer, the same one for everybody who stands at this one."""
    size = layer_sizes(recipe.subject)[layer][1]
    return int(np.random.default_rng((recipe.seed, index)).integers(size))


def deletions(recipe: Recipe, told: Callable[[float], None]) -> Deletions:
    """Sampled weights deleted one by one; `told` hears how far it is.

    Whoever asks while another measures waits for that one; whoever is interrupted loses nothing, the next goes on.
    """
    source = kitchen.calibration_of(recipe)
    place = _deleted(recipe.subject, source, recipe.nonfinite, recipe.seed, recipe.sampled)
    with place.lock:
        if place.coming is None:
            place.coming = _deleting(recipe, source)
        while place.found is None or len(place.found.true) < place.wanted:
            place.found = next(place.coming)
            place.wanted = min(recipe.sampled, kitchen.subject(recipe.subject).weights)
            told(len(place.found.true) / place.wanted)
    return place.found


def _deleting(recipe: Recipe, source: str) -> Iterator[Deletions]:
    from pruneviz.engine import criterion
    from pruneviz.engine.truth import deletions as measure

    inputs, labels, _ = kitchen.calibration(recipe.subject, source, recipe.seed)
    scoring = [key for key, one in criterion.shelf().items() if not one.units]
    offered = [key for key in scoring if not kitchen.trouble(replace(recipe, criterion=key, scope="global"))]
    ranked = {key: kitchen.standing_of(replace(recipe, criterion=key, scope="global")) for key in offered}
    scores = {key: list(one.scores) for key, one in ranked.items()}
    return measure(kitchen.subject(recipe.subject), inputs, labels, scores, count=recipe.sampled, seed=recipe.seed)


@dataclass
class Deleted:
    """Where one set of deletions is kept while it is measured and afterwards."""

    lock: threading.Lock
    coming: Iterator[Deletions] | None = None
    found: Deletions | None = None
    wanted: int = 1


@larder.kept(8, grows=True)
def _deleted(name: str, source: str, nonfinite: str, seed: int, count: int) -> Deleted:
    return Deleted(threading.Lock())

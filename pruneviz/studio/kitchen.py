"""The cached steps from Recipe to Report. Each takes just the part of the Recipe it depends on, so its signature answers
«what is recomputed on this move?». What is cached is shared by all visitors and never changed by any of them.

Torch is imported inside functions: the first page is drawn from the shipped curves while torch loads in the background.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import streamlit as st

from pruneviz import shipped as shelf
from pruneviz.recipe import Recipe
from pruneviz.report import (
    Agreement,
    Curve,
    Deletions,
    LayerDamage,
    LayerReport,
    LayerShape,
    Report,
    Score,
    Sweep,
    WeightStory,
)

NODES = tuple(percent / 100 for percent in range(101))
# Coarse to fine: the shape of the curve first, each further node a refinement.
ORDER = tuple(dict.fromkeys((0, 50, 80, 90, 95, 99, *range(0, 101, 10), *range(0, 101, 5), *range(0, 101, 2), *range(101))))
AT_ONCE = 1.5
"""A curve that takes at most this many seconds is computed before the page shows it; a longer one grows on the page."""

_ready = threading.Event()


def preload() -> None:
    """Imports torch and warms the default model, once, in the background; afterwards the heap is frozen, because a full
    collection over torch's half million objects would hold every visitor's thread for a third of a second."""
    threading.Thread(target=_preload, name="preload", daemon=True).start()


@cache
def _preload() -> None:
    try:
        recipe = Recipe()
        report(recipe)
        warm_writes(recipe)
    finally:
        gc.collect()
        gc.freeze()
        _ready.set()


def warm_writes(recipe: Recipe) -> None:
    """Runs each compiled kernel once, so that nobody's first drag waits for the compiler."""
    from pruneviz.engine import criterion

    for key in criterion.shelf():
        report(replace(recipe, criterion=key))


def warm() -> bool:
    """Whether torch and the default model are in."""
    return _ready.is_set()


@st.cache_resource(max_entries=8, show_spinner=False)
def shipped(name: str):
    """The curves that came with a sample; None where there are none."""
    return shelf.read(name)


@st.cache_resource(max_entries=6, show_spinner=False)
def subject(name: str):
    """The model with its data."""
    import torch

    from pruneviz.engine.sources import card

    _set_threads(torch)
    return card.load(name)


@cache
def _set_threads(torch) -> None:
    import os

    torch.set_num_threads(max(1, (os.cpu_count() or 2)))


@st.cache_resource(max_entries=24, show_spinner=False)
def standing(name: str, criterion: str, granularity: str, scope: str, calibration: str, nonfinite: str, seed: int):
    """Where every weight stands. The amount is not in this key."""
    from pruneviz.engine import evaluate

    recipe = Recipe(
        subject=name, criterion=criterion, granularity=granularity, scope=scope, calibration=calibration,
        nonfinite=nonfinite, seed=seed,
    )  # fmt: skip
    return evaluate.stand(subject(name), recipe)


def standing_of(recipe: Recipe):
    return standing(
        recipe.subject, recipe.criterion, recipe.granularity, recipe.scope, recipe.calibration, recipe.nonfinite,
        recipe.seed,
    )  # fmt: skip


@st.cache_resource(max_entries=6, show_spinner=False)
def workspace(name: str, aside: bool, seed: int):
    """A private network for measuring. `aside` says that a quarter of the held-out data is set aside, drawn by `seed`."""
    from pruneviz.engine.criterion import shelf as criteria
    from pruneviz.engine.measure import Workspace
    from pruneviz.engine.splits import split

    chosen = next(one for one in criteria().values() if one.needs_data == aside)
    parts = split(subject(name), chosen, calibration="held-out" if aside else "training", seed=seed)
    return Workspace(subject(name), parts.measured)


def workspace_of(recipe: Recipe):
    aside = standing_of(recipe).split.source == "held-out"
    return workspace(recipe.subject, aside, recipe.seed if aside else 0)


def report(recipe: Recipe) -> Report:
    """The exact Report of a Recipe, measured."""
    return _report(_measured_part(recipe))


@st.cache_data(max_entries=512, show_spinner=False)
def _report(recipe: Recipe) -> Report:
    from pruneviz.engine import evaluate

    return evaluate.evaluate(subject(recipe.subject), recipe, standing_of(recipe), workspace_of(recipe))


def first_report(recipe: Recipe) -> Report:
    """The Report for the shared strip: from the shipped curves while torch is still loading, measured afterwards."""
    if not warm():
        known = _shipped_report(recipe)
        if known:
            return known
    return report(recipe)


def _shipped_report(recipe: Recipe) -> Report | None:
    found = _shipped_of(recipe)
    node = round(100 * recipe.amount)
    if found is None or abs(100 * recipe.amount - node) > 1e-9:
        return None
    curve, sweep = found.curves[recipe.criterion, recipe.scope], found.sweeps[recipe.criterion, recipe.scope]
    point = curve.points[node]
    dense = round(curve.dense_value * point.n)
    layers = tuple(
        LayerReport(name, label, shape, weights, int(sweep.kept[node, at]), 0, 0.0)
        for at, (name, label, shape, weights) in enumerate(sweep.layers)
    )
    score = Score(
        curve.metric, point.value, point.correct, point.n, point.interval, 0.0, curve.dense_value, dense,
        point.newly_wrong, point.newly_right,
    )  # fmt: skip
    return Report(
        subject=recipe.subject, criterion=recipe.criterion, granularity=recipe.granularity, scope=recipe.scope,
        amount=recipe.amount, seed=recipe.seed, calibration=curve.calibration, calibration_n=curve.calibration_n,
        weights=sweep.weights, removed=int(sweep.removed[node]), zeros=0.0,
        threshold=None if sweep.threshold is None else float(sweep.threshold[node]),
        energy_removed=float(sweep.energy[node]), layers=layers, mask_sha256="", subject_sha256=found.subject_sha256,
        score=score,
    )  # fmt: skip


def _shipped_of(recipe: Recipe):
    """The shipped curves, where they are of exactly this Recipe's ranking."""
    plain = recipe.seed == 0 and recipe.calibration == "training" and not recipe.own_amounts()
    found = shipped(recipe.subject) if plain and recipe.granularity == "weight" else None
    return found if found and (recipe.criterion, recipe.scope) in found.curves else None


def sweep(recipe: Recipe) -> Sweep:
    """What goes at each whole percent."""
    found = _shipped_of(recipe)
    return found.sweeps[recipe.criterion, recipe.scope] if found else _sweep(replace(_measured_part(recipe), amount=0.0))


@st.cache_data(max_entries=48, show_spinner=False)
def _sweep(recipe: Recipe) -> Sweep:
    from pruneviz.engine.sweep import sweep as sweep_of

    return sweep_of(subject(recipe.subject), recipe, standing_of(recipe))


@dataclass
class Growing:
    """A curve that is being measured: its points so far. Whoever draws it reads `curve`; one thread adds to it."""

    curve: Curve | None = None
    done: bool = False
    trouble: str = ""


def curve(recipe: Recipe) -> tuple[Curve, bool]:
    """The accuracy curve of a Recipe's ranking, and whether it is complete. Shipped where it shipped; a long one grows."""
    found = _shipped_of(recipe)
    if found:
        return found.curves[recipe.criterion, recipe.scope], True
    growing = _growing(replace(_measured_part(recipe), amount=0.0))
    waited = time.monotonic()
    while not growing.done and (growing.curve is None or time.monotonic() - waited < AT_ONCE):
        time.sleep(0.01)
    if growing.trouble:
        raise ValueError(growing.trouble)
    return growing.curve, growing.done


@st.cache_resource(max_entries=48, show_spinner=False)
def _growing(recipe: Recipe) -> Growing:
    growing = Growing()
    place, bench = standing_of(recipe), workspace_of(recipe)
    threading.Thread(target=_grow, args=(growing, recipe, place, bench), name="curve", daemon=True).start()
    return growing


def _grow(growing: Growing, recipe: Recipe, place, bench) -> None:
    from pruneviz.engine import evaluate

    try:
        first, *rest = (node / 100 for node in ORDER)
        growing.curve = evaluate.curve(subject(recipe.subject), recipe, place, bench, [first])
        for point in evaluate.curve_points(recipe, place, bench, rest):
            added = sorted((*growing.curve.points, point), key=lambda one: one.amount)
            growing.curve = replace(growing.curve, points=tuple(added))
    except Exception as problem:  # a thread has nobody to raise to: the page that waits for the curve says it
        growing.trouble = f"The curve could not be measured: {problem}"
    growing.done = True


@st.fragment(run_every=1.0)
def watch_curve(recipe: Recipe) -> None:
    """Redraws the page while its curve grows, and says how far it is."""
    found, complete = curve(recipe)
    st.caption(f"Measuring the curve: {len(found.points)} of {len(ORDER)} points so far.")
    if complete:
        st.rerun()


def tuned(recipe: Recipe) -> Curve | None:
    """The shipped curve after fine-tuning, where there is one for this ranking."""
    found = _shipped_of(recipe)
    return found.tuned.get((recipe.criterion, recipe.scope)) if found else None


def baseline(recipe: Recipe) -> Curve:
    """Random pruning under the same scope: the control that every criterion has to beat."""
    return curve(replace(recipe, criterion="random"))[0]


@dataclass(frozen=True)
class Compared:
    """One criterion on the page that compares them: its amount, curve, sweep, Report and the seconds its scores took."""

    key: str
    amount: float
    curve: Curve
    baseline: Curve | None
    sweep: Sweep
    report: Report
    seconds: float


def compared(recipe: Recipe, amounts: dict[str, float]) -> list[Compared]:
    """Every criterion at its own amount, in the order of the menu."""
    found = []
    for key, amount in amounts.items():
        one = replace(recipe, criterion=key, amount=amount)
        under = baseline(one) if key != "random" else None
        found.append(Compared(key, amount, curve(one)[0], under, sweep(one), first_report(one), standing_of(one).seconds))
    return found


def alone(recipe: Recipe, layer: str) -> Recipe:
    """The Recipe that prunes one layer only, by magnitude: what the page of the weights scrubs."""
    others = tuple(sorted(one.name for one in subject(recipe.subject).layers if one.name != layer))
    return replace(_measured_part(recipe), criterion="magnitude", scope="layer", spared=others, overrides=())


def layer_curve(recipe: Recipe, layer: str) -> Curve:
    """Accuracy when only this layer is pruned, by magnitude."""
    return curve(alone(recipe, layer))[0]


def layer_report(recipe: Recipe, layer: str) -> Report:
    """The Report when only this layer is pruned, by magnitude, at the Recipe's amount."""
    return report(alone(recipe, layer))


@st.cache_data(max_entries=64, show_spinner=False)
def _layer_sweep(recipe: Recipe, layer: str, absolute: bool) -> Sweep:
    from pruneviz.engine.sweep import sweep as sweep_of

    return sweep_of(subject(recipe.subject), recipe, standing_of(recipe), only=layer, absolute=absolute)


def layer_sweep(recipe: Recipe, layer: str) -> Sweep:
    """What goes of one layer at each whole percent of it, smallest first; binned by w or by |w| as the Recipe says."""
    return _layer_sweep(replace(alone(recipe, layer), amount=0.0), layer, recipe.shape == "absolute")


def layer_sizes(name: str) -> dict[str, tuple[str, int]]:
    """The prunable layers: name → (label, weights)."""
    return {layer.name: (layer.label, layer.size) for layer in subject(name).layers}


@st.cache_data(max_entries=12, show_spinner=False)
def shapes(name: str) -> tuple[LayerShape, ...]:
    """Each layer's weights as a distribution."""
    from pruneviz.engine.distribution import shape_of

    model = subject(name)
    return tuple(shape_of(layer.name, layer.label, model.parameter(layer)) for layer in model.layers)


def damage(recipe: Recipe) -> tuple[tuple[LayerDamage, ...], int, str]:
    """How far each layer's output moves; the number of inputs and where they come from."""
    return _damage(_measured_part(recipe))


@st.cache_data(max_entries=128, show_spinner=False)
def _damage(recipe: Recipe) -> tuple[tuple[LayerDamage, ...], int, str]:
    from pruneviz.engine.damage import damage as measure

    inputs, labels, source = calibration(recipe.subject, recipe.calibration, recipe.seed)
    mask = standing_of(recipe).ranking.keep(recipe.amount, recipe.own_amounts())
    return measure(subject(recipe.subject), mask, inputs), len(labels), source


@st.cache_resource(max_entries=4, show_spinner=False)
def calibration(name: str, source: str, seed: int):
    """Calibration inputs, labels, and where they come from."""
    from pruneviz.engine.criterion import shelf as criteria
    from pruneviz.engine.splits import split

    model = subject(name)
    chosen = next(one for one in criteria().values() if one.needs_data)
    parts = split(model, chosen, calibration=source, seed=seed)
    samples = parts.calibration_samples(model)
    return samples.inputs(parts.calibration), samples.labels[parts.calibration], parts.source


def agreement(recipe: Recipe, amounts: dict[str, float]) -> Agreement:
    """How alike the removed weights of all criteria are, each at its own amount."""
    return _agreement(replace(_measured_part(recipe), criterion="magnitude", amount=0.0), tuple(amounts.items()))


@st.cache_data(max_entries=64, show_spinner=False)
def _agreement(recipe: Recipe, amounts: tuple[tuple[str, float], ...]) -> Agreement:
    from pruneviz.engine.mask import overlap

    places = {key: standing_of(replace(recipe, criterion=key)) for key, _ in amounts}
    masks = {key: places[key].ranking.keep(amount, recipe.own_amounts()) for key, amount in amounts}
    table = np.array([[overlap(one, other) for other in masks.values()] for one in masks.values()])
    seconds = {key: place.seconds for key, place in places.items()}
    return Agreement(tuple(masks), table, tuple(mask.removed for mask in masks.values()), seconds)


def ranks(recipe: Recipe, keys: tuple[str, ...], count: int = 2000) -> dict[str, np.ndarray]:
    """The rank (0 = first to go) of the same sampled weights under several criteria."""
    return _ranks(replace(_measured_part(recipe), amount=0.0, criterion="magnitude"), tuple(dict.fromkeys(keys)), count)


@st.cache_data(max_entries=32, show_spinner=False)
def _ranks(recipe: Recipe, keys: tuple[str, ...], count: int) -> dict[str, np.ndarray]:
    from pruneviz.engine.truth import sample

    model = subject(recipe.subject)
    layer, index = sample(model, count, recipe.seed)
    starts = np.cumsum([0, *(one.size for one in model.layers)])
    flat = starts[layer] + index
    found = {key: standing_of(replace(recipe, criterion=key)).ranking for key in keys}
    return {key: np.array([ranking.order_of(int(at)) for at in flat]) for key, ranking in found.items()}


@st.cache_resource(max_entries=4, show_spinner=False)
def gathered(name: str, source: str, seed: int):
    """Slope and curvature of every weight on the calibration data."""
    from pruneviz.engine.evidence import gather

    inputs, labels, _ = calibration(name, source, seed)
    return gather(subject(name), ("gradient", "absolute_gradient", "hessian_diagonal"), inputs, labels, seed=seed)


def story(recipe: Recipe, layer: str, index: int) -> WeightStory:
    """One weight: slope, curvature, ranks, predictions and the truth."""
    return _story(replace(_measured_part(recipe), criterion="magnitude", amount=0.0, spared=(), overrides=()), layer, index)


@st.cache_data(max_entries=64, show_spinner=False)
def _story(recipe: Recipe, layer: str, index: int) -> WeightStory:
    from pruneviz.engine import criterion
    from pruneviz.engine.truth import story as tell

    model = subject(recipe.subject)
    at = [one.name for one in model.layers].index(layer)
    flat = sum(one.size for one in model.layers[:at]) + index
    places = {key: standing_of(replace(recipe, criterion=key)) for key in criterion.shelf()}
    inputs, labels, _ = calibration(recipe.subject, recipe.calibration, recipe.seed)
    evidence = gathered(recipe.subject, recipe.calibration, recipe.seed)
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
    """Sampled weights deleted one by one; `told` hears how far it is. Whoever asks second waits for the first."""
    from pruneviz.engine import criterion
    from pruneviz.engine.truth import deletions as measure

    place = _deleted(recipe.subject, recipe.calibration, recipe.nonfinite, recipe.seed, recipe.sampled)
    with place.lock:
        if place.found is None:
            inputs, labels, _ = calibration(recipe.subject, recipe.calibration, recipe.seed)
            ranked = {key: standing_of(replace(recipe, criterion=key, scope="global")) for key in criterion.shelf()}
            scores = {key: list(one.scores) for key, one in ranked.items()}
            model, how = subject(recipe.subject), {"count": recipe.sampled, "seed": recipe.seed}
            for found in measure(model, inputs, labels, scores, **how):
                told(len(found.true) / recipe.sampled)
            place.found = found
    return place.found


@dataclass
class Deleted:
    """Where one set of deletions is kept once it is measured."""

    lock: threading.Lock
    found: Deletions | None = None


@st.cache_resource(max_entries=16, show_spinner=False)
def _deleted(name: str, source: str, nonfinite: str, seed: int, count: int) -> Deleted:
    return Deleted(threading.Lock())


def trouble(recipe: Recipe) -> str | None:
    """Why a Recipe cannot be used, in one sentence; None where it can. Shipped samples are answered without torch."""
    try:
        if not warm() and _shipped_of(recipe):
            return None
        from pruneviz.engine import evaluate

        evaluate.check(subject(recipe.subject), recipe)
        standing_of(recipe)
    except (ValueError, OSError) as problem:
        return " ".join(str(problem).split())
    return None


def _measured_part(recipe: Recipe) -> Recipe:
    """The Recipe without what only the eye depends on, so that equal experiments share one result."""
    plain = Recipe()
    return replace(
        recipe, layer=plain.layer, shape=plain.shape, axis=plain.axis, unlinked=plain.unlinked, pick=plain.pick,
        against=plain.against, sampled=plain.sampled, guess=plain.guess,
    )  # fmt: skip

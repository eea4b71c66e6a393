"""The cached steps from Recipe to Report. Each takes just the part of the Recipe it depends on, so its signature answers
«what is recomputed on this move?». What is cached is shared by all visitors and never changed by any of them.

Torch is imported inside functions: the first page is drawn from the shipped curves while torch loads in the background.
"""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import dataclass, field, replace
from functools import cache

import streamlit as st

from pruneviz import shipped as shelf
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.report import LayerReport, Report, Score
from pruneviz.studio import background, catalogue

_ready = threading.Event()


@cache
def preload() -> None:
    """Imports torch and measures the default model, once; afterwards the heap is frozen, because a full collection over
    torch's half million objects would hold every visitor's thread for a third of a second."""
    try:
        report(Recipe())
    finally:
        gc.collect()
        gc.freeze()
        _ready.set()
    _warm_up(Recipe())


def _warm_up(recipe: Recipe) -> None:
    """Scores the default model by every criterion, so that nobody's first look at one waits for it."""
    from pruneviz.engine import criterion

    for key, one in criterion.shelf().items():
        if background.closing():
            return
        if not one.units:
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
    torch.set_num_threads(os.cpu_count() or 2)


@st.cache_resource(max_entries=24, show_spinner=False)
def _standing(recipe: Recipe):
    from pruneviz.engine import evaluate

    return evaluate.stand(subject(recipe.subject), recipe)


STANDS_ON = ("subject", "criterion", "granularity", "scope", "pool", "floor", "calibration", "nonfinite", "seed")
"""What of a Recipe decides where every weight or unit stands. The amount is not among it."""


def standing_of(recipe: Recipe, told=None):
    """Where every weight or unit stands; `told(done, all)` hears how far a criterion is that goes unit by unit."""
    key = _stands_on(recipe)
    if recipe.criterion not in PATIENT:
        return _standing(key)
    place = _place(_scored_by(key))
    with place.lock:
        if key not in place.standings:
            from pruneviz.engine import evaluate

            found = evaluate.stand(subject(key.subject), key, told, place.scores)
            place.scores = found.ranking.split(found.ranking.scores)
            place.standings[key] = found
    return place.standings[key]


def known(recipe: Recipe) -> bool:
    """Whether nobody has to wait long for where the units stand: it is quick, or was measured already."""
    return recipe.criterion not in PATIENT or _place(_scored_by(_stands_on(recipe))).scores is not None


def _stands_on(recipe: Recipe) -> Recipe:
    return Recipe(**{name: getattr(recipe, name) for name in STANDS_ON} | {"calibration": calibration_of(recipe)})


def _scored_by(key: Recipe) -> Recipe:
    """Without what only ranks: who competes with whom does not change what leaving a unit out costs."""
    return replace(key, scope="global", floor=1, pool="mean")


PATIENT = ("leave_one_out",)
"""Criteria that measure every unit by itself. They are waited for under a bar that moves, and can be left."""


@dataclass
class _Place:
    """Where what takes long is kept. It is filled outside of the cache, so that its progress can be shown meanwhile."""

    lock: threading.Lock
    scores: dict | None = None
    standings: dict = field(default_factory=dict)


@st.cache_resource(max_entries=24, show_spinner=False)
def _place(recipe: Recipe) -> _Place:
    return _Place(threading.Lock())


def calibration_of(recipe: Recipe) -> str:
    """Which data criteria look at: what the visitor chose; else what the card says; else held-out data where there is
    nothing to train on. Every page says which it was."""
    if recipe.calibration != "training" or shipped(recipe.subject):
        return recipe.calibration
    model = subject(recipe.subject)
    return "held-out" if model.training is None else model.calibration


def mask(recipe: Recipe):
    """What stays of the prunable weights."""
    from pruneviz.engine import evaluate

    return evaluate.mask(recipe, standing_of(recipe))


@st.cache_resource(max_entries=6, show_spinner=False)
def workspace(name: str, aside: bool, seed: int):
    """A private network for measuring. `aside` says that a quarter of the held-out data is set aside, drawn by `seed`."""
    from pruneviz.engine.criterion import shelf as criteria
    from pruneviz.engine.measure import Workspace
    from pruneviz.engine.splits import split

    chosen = next(one for one in criteria().values() if one.needs_data == aside and not one.units)
    parts = split(subject(name), chosen, calibration="held-out" if aside else "training", seed=seed)
    return Workspace(subject(name), parts.measured)


def workspace_of(recipe: Recipe):
    aside = standing_of(recipe).split.source == "held-out"
    return workspace(recipe.subject, aside, recipe.seed if aside else 0)


def chance(recipe: Recipe) -> float:
    """What guessing gets on a model's task."""
    found = shipped(recipe.subject)
    return next(iter(found.curves.values())).chance if found else _chance(recipe.subject)


@st.cache_data(max_entries=16, show_spinner=False)
def _chance(name: str) -> float:
    from pruneviz.engine import tasks

    model = subject(name)
    return tasks.find(model.task).chance(len(model.classes))


def offers(recipe: Recipe) -> tuple[str, ...]:
    """What of a model can go at once: its weights, and the kinds of units it has. Shipped samples know it without torch."""
    found = shipped(recipe.subject)
    return found.offers if found and found.offers else _offers(recipe.subject)


@st.cache_data(max_entries=16, show_spinner=False)
def _offers(name: str) -> tuple[str, ...]:
    from pruneviz.engine.structure import find

    return find.offers(subject(name))


@st.cache_resource(max_entries=16, show_spinner=False)
def structure(name: str, granularity: str):
    """The units of a model at one granularity, those that can go and those that cannot."""
    from pruneviz.engine import evaluate

    return evaluate.structure_of(subject(name), granularity)


def report(recipe: Recipe) -> Report:
    """The exact Report of a Recipe, measured."""
    return _report(measured_part(recipe))


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
    found = shipped_of(recipe)
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


def shipped_of(recipe: Recipe):
    """The shipped curves, where they are of exactly this Recipe's ranking."""
    plain = recipe.seed == 0 and recipe.calibration == "training" and not recipe.own_amounts()
    found = shipped(recipe.subject) if plain and recipe.granularity == "weight" else None
    return found if found and (recipe.criterion, recipe.scope) in found.curves else None


@st.cache_resource(max_entries=4, show_spinner=False)
def calibration(name: str, source: str, seed: int):
    """Calibration inputs, labels, and where they come from. `source` is what `calibration_of` answers."""
    from pruneviz.engine.criterion import shelf as criteria
    from pruneviz.engine.splits import split

    model = subject(name)
    chosen = next(one for one in criteria().values() if one.needs_data and not one.units)
    parts = split(model, chosen, calibration=source, seed=seed)
    samples = parts.calibration_samples(model)
    return samples.inputs(parts.calibration), samples.labels[parts.calibration], parts.source


def trouble(recipe: Recipe) -> str | None:
    """Why a Recipe cannot be used, in one sentence; None where it can. Shipped samples are answered without torch."""
    try:
        _check_words(recipe)
        if not warm() and shipped_of(recipe):
            return None
        from pruneviz.engine import evaluate

        evaluate.check(subject(recipe.subject), recipe)
        if recipe.criterion not in PATIENT:
            standing_of(recipe)
    except (ValueError, OSError, RuntimeError) as problem:
        return " ".join(str(problem).split()).replace("use --nonfinite remove", "add nf=remove to the link")
    return None


def _check_words(recipe: Recipe) -> None:
    """What a link may name: models on offer or a card, criteria on the shelf."""
    if recipe.subject not in catalogue.subjects() and not recipe.subject.endswith("subject.toml"):
        offered = ", ".join(catalogue.subjects())
        raise ValueError(f"unknown model {recipe.subject!r}; there are {offered}, or the path of a subject.toml")
    for key in (recipe.criterion, recipe.against, *dict(recipe.unlinked)):
        if key not in catalogue.criteria():
            raise ValueError(f"unknown criterion {key!r}; there are {', '.join(catalogue.criteria())}")


def measured_part(recipe: Recipe) -> Recipe:
    """The Recipe without what only the eye depends on, so that equal experiments share one result."""
    return replace(recipe, **{name: getattr(Recipe(), name) for name in LOOKS})

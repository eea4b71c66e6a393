"""The cached steps from Recipe to Report. Each takes just the part of the Recipe it depends on, so its signature answers
«what is recomputed on this move?». What is kept is shared by all visitors and never changed by any of them.

Torch is imported inside functions: the first page is drawn from the shipped curves while torch loads in the background.
What would hold a page up is asked of the worker process (`orders`), and a Report may then be of the first samples only.
"""

from __future__ import annotations

import gc
import threading
from dataclasses import replace
from functools import cache

from pruneviz import nursery
from pruneviz.course import Course
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.report import Report
from pruneviz.studio import admission, background, catalogue, larder, orders, samples
from pruneviz.studio.models import calibration_of, chance, heavy, kind, many, of_language, offers, pace, structure, subject
from pruneviz.studio.order import Order
from pruneviz.studio.samples import shipped, shipped_of
from pruneviz.studio.standings import PATIENT, known, mask, standing_of, wait_for

__all__ = ["calibration_of", "chance", "heavy", "kind", "known", "many", "mask", "of_language", "offers", "pace", "shipped",
           "shipped_of", "standing_of", "structure", "subject", "wait_for"]  # fmt: skip

FEW = 32
"""Calibration samples that a page runs through a heavy model by itself; it says of how many its numbers are."""

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
    nursery.warm()  # whoever brings a heavy model, or a file to be read apart, need not wait for a process to start
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


@larder.kept(6, grows=True)
def workspace(name: str, aside: bool, seed: int, device: str = "cpu"):
    """A private network for measuring on a device. `aside` says that a quarter of the held-out data is set aside, drawn by
    `seed`."""
    from pruneviz.engine.criterion import shelf as criteria
    from pruneviz.engine.measure import Workspace
    from pruneviz.engine.splits import split

    chosen = next(one for one in criteria().values() if one.needs_data == aside and not one.units)
    parts = split(subject(name), chosen, calibration="held-out" if aside else "training", seed=seed)
    return Workspace(subject(name), parts.measured, device)


def devices() -> dict[str, str]:
    """Where this machine can measure, and what that is in words. Before torch is in, nobody has to wait for the answer."""
    return _devices() if warm() else {Recipe().device: "processor"}


@cache
def _devices() -> dict[str, str]:
    from pruneviz.engine import device

    return {name: device.words(name) for name in device.offered()}


def workspace_of(recipe: Recipe):
    """The workspace that measures what a Recipe's criterion has not looked at."""
    aside = standing_of(recipe).split.source == "held-out"
    return workspace(recipe.subject, aside, recipe.seed if aside else 0, recipe.device)


def report(recipe: Recipe, panel: str = "") -> Report:
    """The Report of a Recipe, measured; of a heavy model the best so far, which says of how many samples it is.

    What a page measures beside the setting of the strip has a `panel` of its own: it is not to take the strip's turn.
    """
    if heavy(recipe.subject):
        return orders.first(job_part(recipe), "measure", panel=panel)
    return _report(measured_part(recipe))


def whole_report(recipe: Recipe, panel: str) -> Report:
    """The Report of a Recipe on all samples, however long it takes: for what is compared, or kept."""
    if heavy(recipe.subject):
        return orders.finished(job_part(recipe), "measure", panel=panel)
    return report(recipe)


def ordered(recipe: Recipe) -> Order:
    """The measurement of a heavy model's Recipe, as far as it is; asked for now."""
    return orders.look(job_part(recipe), "measure")


def job_part(recipe: Recipe, **other: object) -> Recipe:
    """What of a Recipe the worker is told: what is measured, and which data criteria look at here."""
    return replace(measured_part(recipe), calibration=calibration_of(recipe), **other)


@larder.kept(512, dry=True)
def _report(recipe: Recipe) -> Report:
    from pruneviz.engine import evaluate

    return evaluate.evaluate(subject(recipe.subject), recipe, standing_of(recipe), workspace_of(recipe))


def first_report(recipe: Recipe, panel: str = "") -> Report:
    """The Report for the shared strip: from the shipped curves while torch is still loading, measured afterwards."""
    found = None if warm() else samples.report(recipe)
    return found or report(recipe, panel)


@larder.kept(4)
def calibration(name: str, source: str, seed: int):
    """Calibration inputs, labels, and where they come from. `source` is what `calibration_of` answers."""
    from pruneviz.engine.criterion import shelf as criteria
    from pruneviz.engine.splits import split

    model = subject(name)
    chosen = next(one for one in criteria().values() if one.needs_data and not one.units)
    parts = split(model, chosen, calibration=source, seed=seed)
    found, chosen = parts.calibration_samples(model), parts.calibration[: FEW if heavy(name) else None]
    return found.inputs(chosen), found.labels[chosen], parts.source


def trouble(recipe: Recipe) -> str | None:
    """Why a Recipe cannot be used, in one sentence; None where it can. Shipped samples are answered without torch."""
    try:
        admission.check(recipe)
        _check_pattern(recipe)
        if not warm() and shipped_of(recipe):
            return None
        _check(recipe)
    except (ValueError, OSError, RuntimeError) as problem:
        return " ".join(str(problem).split()).replace("use --nonfinite remove", "add nf=remove to the link")
    return None


def _check_pattern(recipe: Recipe) -> None:
    """Refuses another amount than a pattern's own: it removes N of every M, and nothing else."""
    share = catalogue.pattern_share(recipe.granularity)
    if share is not None and 0 <= share <= 1 and abs(share - recipe.amount) > 1e-9:
        asked = f"{100 * share:g}% of the weights, not {100 * recipe.amount:g}%"
        raise ValueError(f"{recipe.granularity} removes {asked}: leave the amount out")


def _check(recipe: Recipe) -> None:
    """Raises where a model cannot answer a Recipe. A heavy one is asked no more than takes a moment."""
    from pruneviz.engine import evaluate, fitting, standing

    model = subject(recipe.subject)
    evaluate.check(model, recipe)
    if recipe.criterion in PATIENT:
        return
    if heavy(recipe.subject):
        standing.split_of(model, replace(recipe, calibration=calibration_of(recipe)))
        if recipe.nonfinite == "refuse":
            fitting.refuse_nonfinite(model)
    else:
        standing_of(recipe)


def measured_part(recipe: Recipe) -> Recipe:
    """The Recipe without what only the eye depends on, and without what is only trained, so that equal experiments share one
    result."""
    return replace(recipe, course=Course(), **{name: getattr(Recipe(), name) for name in LOOKS})

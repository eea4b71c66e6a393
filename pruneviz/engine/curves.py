"""The curves that a sample ships with: measured once when it is made, for the weights whose sha256 they name."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from pruneviz import language_reference
from pruneviz.engine import criterion as criteria
from pruneviz.engine import evaluate, tasks
from pruneviz.engine.mask import Mask
from pruneviz.engine.measure import Workspace
from pruneviz.engine.outcomes import Measurement, measurement
from pruneviz.engine.sources import card
from pruneviz.engine.structure.find import offers
from pruneviz.engine.subject import Subject
from pruneviz.engine.sweep import sweep
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.loop import Stage, train
from pruneviz.engine.training.sample import Schooling, course, steps
from pruneviz.recipe import Recipe
from pruneviz.report import Curve
from pruneviz.shipped import Shipped, write

NODES = tuple(percent / 100 for percent in range(101))
TUNED_NODES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
TUNING = Schooling(epochs=3, batch=64, rate=5e-4, decay=1e-4, shift=0)


def write_curves(folder: Path) -> Path:
    """Measures every criterion on the sample in `folder`, before and (where the score is a share) after fine-tuning, and
    writes its curves.json."""
    subject = card.load(folder)
    curves, sweeps, tuned = {}, {}, {}
    for key in (key for key, one in criteria.shelf().items() if not one.units):
        recipe = Recipe(subject=subject.name, criterion=key)
        try:
            standing = evaluate.stand(subject, recipe)
        except ValueError:  # one that does not fit this task says so wherever it is chosen
            continue
        workspace = Workspace(subject, standing.split.measured)
        curves[key, recipe.scope] = evaluate.curve(subject, recipe, standing, workspace, NODES)
        sweeps[key, recipe.scope] = sweep(subject, recipe, standing)
        if tasks.of(subject).shares:
            tuned[key, recipe.scope] = tuned_curve(subject, recipe, standing, TUNED_NODES)
    shipped = Shipped(
        subject=subject.name,
        title=subject.title,
        words=subject.words,
        classes=subject.classes,
        subject_sha256=subject.sha256,
        curves=curves,
        sweeps=sweeps,
        tuned=tuned,
        versions={"torch": torch.__version__.partition("+")[0], "numpy": np.__version__},
        offers=offers(subject),
        text_sha256=_text(subject),
    )
    path = Path(folder) / "curves.json"
    write(path, shipped)
    return path


def _text(subject: Subject) -> str:
    """The name of the held-out text, where it is one that the running Python brings."""
    named = subject.origin.card["data"].get("set") if subject.origin else None
    return language_reference.sha256() if named == language_reference.NAME else ""


def tuned_curve(subject: Subject, recipe: Recipe, standing: evaluate.Standing, amounts: Sequence[float]) -> Curve:
    """Accuracy at each amount after fine-tuning the survivors with the mask held, from the dense weights each time."""
    points = tuple(tuned_points(subject, recipe, standing, amounts))
    parts = standing.split
    return Curve(
        subject=subject.name,
        criterion=recipe.criterion,
        scope=recipe.scope,
        seed=recipe.seed,
        calibration=parts.source,
        calibration_n=len(parts.calibration),
        points=points,
        dense_value=_dense(subject, parts.measured).correct.mean().item(),
        chance=tasks.of(subject).chance(len(subject.classes)),
        tuned=True,
    )


def tuned_points(subject: Subject, recipe: Recipe, standing: evaluate.Standing, amounts: Sequence[float]) -> Iterator:
    """The points of a fine-tuned curve one by one; each is its own training run from the dense weights."""
    dense = _dense(subject, standing.split.measured)
    for amount in amounts:
        network = fine_tune(subject, standing.ranking.keep(amount, recipe.own_amounts()), seed=recipe.seed)
        measured = _measure(network, subject, standing.split.measured)
        sparsity = standing.ranking.removals(amount) / standing.ranking.n
        yield evaluate.point(amount, sparsity, measured, dense, standing.split.choosing.numpy())


def fine_tune(subject: Subject, mask: Mask, *, seed: int) -> torch.nn.Module:
    """A copy of the subject's network, pruned by `mask` and trained on with the mask held.

    In float64: its rounding is too small for another processor's order of summation to change a prediction, so the
    shipped points can be recomputed anywhere.
    """
    network = copy.deepcopy(subject.network).double()
    generator, n = torch.Generator().manual_seed(seed), len(subject.training)
    held = Held(network, mask)
    for _ in train(Stage("tune", network, subject.training, course(TUNING, n), steps(TUNING, n), generator, held)):
        pass
    return network.eval()


def _dense(subject: Subject, measured: torch.Tensor) -> Measurement:
    return Workspace(subject, measured).dense()


def _measure(network: torch.nn.Module, subject: Subject, measured: torch.Tensor) -> Measurement:
    task = tasks.of(subject)
    held = subject.held_out
    with torch.inference_mode():
        outputs = ((network(held.inputs(part).double()), held.labels[part]) for part in measured.split(256))
        return measurement(task, outputs)

"""Gather: a Case without a screen, for the command line. Everything is measured by the steps that the app takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from pruneviz import case as cases
from pruneviz import findings, recipe_file
from pruneviz.breakage import Breakage
from pruneviz.candidates import LETTERS, LIVE, Candidate, beside_live, left_out
from pruneviz.case import Case, Shown
from pruneviz.engine import breakage as breaks
from pruneviz.engine import criterion, evaluate, pace, reality, scope, timing
from pruneviz.engine.measure import Workspace
from pruneviz.engine.standing import Standing
from pruneviz.engine.subject import Subject
from pruneviz.query import from_pin
from pruneviz.recipe import LOOKS, Recipe
from pruneviz.report import Curve, Report
from pruneviz.truths import Truth

WHOLE = tuple(percent / 100 for percent in range(101))
PATIENCE = 120.0
"""Seconds that a curve at every whole percent may take; where it takes longer, it has fewer points."""
PACKAGES = ("torch", "torchvision", "numpy")
SHOWN = 3
"""So many examples that changed sides are shown with their pictures."""
SHORT = 16
"""So many letters of a sha256 travel in a link."""

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ready:
    """One ranking of a subject, and the private network that measures it."""

    subject: Subject
    recipe: Recipe
    standing: Standing
    workspace: Workspace

    def report(self) -> Report:
        return evaluate.evaluate(self.subject, self.recipe, self.standing, self.workspace)


def gather(
    subject: Subject, recipe: Recipe, how: reality.How | None = None, told: Told = lambda words: None
) -> Case:  # fmt: skip
    """Everything that a report shows of a setting. Without `how` nothing is timed; `told` hears what comes next."""
    ready = _ready(subject, recipe)
    told("measuring the setting")
    report = ready.report()
    told("looking at who is affected")
    found = breaks.breakage(subject, recipe, ready.standing, ready.workspace)
    told("measuring the curve")
    curve, baseline = curves(ready)
    told("measuring the pinned settings")
    candidates, left_out = _candidates(ready, report)
    told("weighing and timing")
    truth = timed(subject, recipe, how) if how else None
    return Case(
        recipe=recipe,
        **words(recipe, report),
        model=subject.title,
        report=report,
        curve=curve,
        baseline=baseline,
        breakage=found,
        examples=examples(subject, found),
        candidates=candidates,
        left_out=left_out,
        truth=truth,
        verdict=cases.judged(recipe, report, found, truth),
        link=recipe_file.link(replace(recipe, model_sha=subject.sha256[:SHORT], data_sha=subject.data_sha256[:SHORT])),
        hardware=timing.machine(0).processor,
        sources=(("model", subject.sha256), ("data", subject.data_sha256)),
        versions=tuple((name, version(name)) for name in PACKAGES),
        coarse=curve is not None and len(curve.points) < len(WHOLE),
    )


def words(recipe: Recipe, report: Report) -> dict[str, str]:
    """Criterion, rule of competition and what goes of this model, as the screen says them."""
    units = recipe.granularity in findings.NOUNS
    return {
        "criterion": criterion.find(recipe.criterion).name,
        "scope": scope.find(recipe.scope, units=units).name,
        "many": findings.many(report),
    }


def curves(ready: Ready) -> tuple[Curve | None, Curve | None]:
    """Accuracy against amount, and random pruning's beside it; None at N:M, which has no amounts to choose from."""
    if ":" in ready.recipe.granularity:
        return None, None
    seconds = pace.seconds(ready.subject, PATIENCE)
    amounts = WHOLE if seconds * len(WHOLE) < PATIENCE else cases.STEPS
    own = _curve(ready, amounts)
    if ready.recipe.criterion == "random":
        return own, None
    return own, _curve(_ready(ready.subject, replace(ready.recipe, criterion="random"), ready), amounts)


def _curve(ready: Ready, amounts: tuple[float, ...]) -> Curve:
    found = evaluate.curve(ready.subject, ready.recipe, ready.standing, ready.workspace, sorted({*amounts}))
    return replace(found, seconds=0.0)


def _ready(subject: Subject, recipe: Recipe, other: Ready | None = None) -> Ready:
    """A ranking with a network that measures it: another's, where it measures on the same samples."""
    standing = evaluate.stand(subject, recipe)
    measured = standing.split.measured
    same = other is not None and np.array_equal(measured.numpy(), other.standing.split.measured.numpy())
    return Ready(subject, recipe, standing, other.workspace if same else Workspace(subject, measured, recipe.device))


def _candidates(ready: Ready, live: Report) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """The pinned settings of this model and of the same samples, then the setting itself; and why others are left out."""
    pins = [pinned for pinned in map(from_pin, ready.recipe.pins) if pinned is not None]
    if not pins:  # alone it is no choice among several
        return (), ()
    found, others = [], []
    for letter, pinned in zip(LETTERS, pins, strict=False):
        if pinned.subject == ready.recipe.subject:
            found.append(Candidate(letter, pinned, _ready(ready.subject, pinned, ready).report()))
        else:
            others.append(left_out(letter, "it is of another model"))
    found.append(Candidate(LIVE, replace(ready.recipe, **{name: getattr(Recipe(), name) for name in LOOKS}), live))
    same, apart = beside_live(found)
    return same, tuple(sorted((*others, *apart)))


def examples(subject: Subject, found: Breakage) -> tuple[Shown, ...]:
    """The first few that turned wrong, and where there are too few, some that turned right; with their pictures or texts."""
    few = sorted(found.flips, key=lambda one: not one.wrong)[:SHOWN]
    return tuple(Shown(one, breaks.picture(subject, one.index), breaks.text(subject, one.index)) for one in few)


def timed(subject: Subject, recipe: Recipe, how: reality.How) -> Truth:
    """What the setting weighs and takes on this machine."""
    with reality.threads(recipe.threads):
        for step in reality.measure(subject, recipe, how):  # noqa: B007
            pass
    return step.truth

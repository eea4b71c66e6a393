"""Kinds: how a worker does each kind of job. A kind is a generator that yields a Step every third of a second or so.

Each takes the job, the worker, whose larder keeps what the next job needs again, and the results that a worker before had.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz import came_of
from pruneviz.recipe import Recipe
from pruneviz.runs import machine
from pruneviz.runs.jobs import Job, Step

if TYPE_CHECKING:
    from pruneviz.engine.evaluate import Standing
    from pruneviz.engine.measure import Workspace
    from pruneviz.engine.subject import Subject
    from pruneviz.runs.worker import Worker

Kind = Callable[["Job", "Worker", list[Any]], Iterator[Step]]

STANDS_ON = ("subject", "criterion", "granularity", "scope", "pool", "floor", "calibration", "nonfinite", "seed")
"""What of a Recipe decides where every weight or unit stands."""


def find(name: str) -> Kind:
    """The generator of this kind."""
    module, _, function = name.rpartition(":")
    if module:
        return getattr(importlib.import_module(module), function)
    if name in _ELSEWHERE:
        return getattr(importlib.import_module(_ELSEWHERE[name]), name)
    if name not in _KINDS:
        raise ValueError(f"unknown kind of job {name[:64]!r}; there are {', '.join(_KINDS)}")
    return _KINDS[name]


def measure(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """Reports of one setting, on more and more samples; the last is of all."""
    from pruneviz.engine import evaluate

    subject, standing, workspace = ready(job, worker)
    for report in evaluate.reports(subject, job.recipe, standing, workspace, worker.stopped):
        yield Step(report.score.n, report.score.of or report.score.n, report)


def curve(job: Job, worker: Worker, results: list[Any]) -> Iterator[Step]:
    """Curves around the points so far, for the amounts in `nodes`: coarse ones first."""
    from pruneviz.engine import evaluate

    subject, standing, workspace = ready(job, worker)
    points = {point.amount: point for point in (results[-1].points if results else ())}
    nodes = [amount for amount in job.nodes if amount not in points or points[amount].partial]
    of = len(job.nodes) * len(standing.split.measured)
    for point in evaluate.curve_steps(job.recipe, standing, workspace, nodes, worker.stopped):
        found = None
        if point is not None and point.n >= getattr(points.get(point.amount), "n", 0):
            points[point.amount] = point
            found = evaluate.curve_of(subject, job.recipe, standing, workspace, tuple(points.values()))
        yield Step(sum(one.n for one in points.values()), of, found)


def breakage(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """What one setting breaks, on more and more samples; the last is of all."""
    from pruneviz.engine import breakage as breaking

    subject, standing, workspace = ready(job, worker)
    for found in breaking.breakages(subject, job.recipe, standing, workspace, worker.stopped):
        yield Step(found.n, found.of, found)


def flips(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """At which of the amounts in `nodes` each sample first changes sides, amount by amount."""
    from pruneviz.engine import breakage as breaking

    (_, standing, workspace), done = ready(job, worker), 0
    for found in breaking.first_flips(job.recipe, standing, workspace, job.nodes, worker.stopped):
        done = len(found.amounts) if found else done
        yield Step(done, len(job.nodes), found)


def sweep(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """What goes at each whole percent: of all layers, or with `nodes` («layer», name, absolute) of one."""
    from pruneviz.engine import sweep as sweeps

    subject, standing = stood(job, worker)
    yield Step()
    only = {"only": job.nodes[1], "absolute": bool(job.nodes[2])} if job.nodes else {}
    yield Step(1, 1, sweeps.sweep(subject, job.recipe, standing, **only))


def stand(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """Where the units stand, as scores by group; or where weights do, as a file of their scores in the order of layers."""
    subject, standing = stood(job, worker)
    if standing.structure is not None:
        yield Step(result={"units": standing.ranking.split(standing.ranking.scores)})
        return
    told = {"seconds": standing.seconds, "curvature": standing.curvature, "later": standing.later}
    yield Step(result={"path": _written(job, worker, standing), **told})


def shapes(job: Job, worker: Worker, _results: list[Any]) -> Iterator[Step]:
    """Each layer's weights as a distribution."""
    from pruneviz.engine.distribution import shape_of

    subject, found = model(job, worker), []
    for layer in subject.layers:
        found.append(shape_of(layer.name, layer.label, subject.parameter(layer)))
        yield Step(len(found), len(subject.layers))
    yield Step(len(found), len(found), tuple(found))


def _written(job: Job, worker: Worker, standing: Standing) -> str:
    """The weights' scores as safetensors, under the card's name in the queue's folder, whole or not at all."""
    from safetensors.torch import save_file

    path = Path(worker.folder, f"{machine.name_of(job.card)}-{machine.name_of(repr(job.recipe))}.safetensors")
    unfinished = path.with_suffix(".part")
    save_file({f"{at:05d}": scores.contiguous() for at, scores in enumerate(standing.scores)}, unfinished)
    os.replace(unfinished, path)
    files = sorted(Path(worker.folder).glob("*.safetensors"), key=lambda file: file.stat().st_mtime_ns)
    while len(files) > 1 and sum(file.stat().st_size for file in files) > worker.larder.most:
        files.pop(0).unlink()  # whoever has it mapped keeps it
    return str(path)


def model(job: Job, worker: Worker) -> Subject:
    """The model of a job, read once while there is room for it."""
    return worker.larder.get(job.card, ("subject", job.recipe.subject, *_version(job)), lambda: _loaded(job))


def _loaded(job: Job) -> Subject:
    """The model, read within the limits that it was let in with, and the very one that was asked about."""
    from pruneviz.engine.sources import card, code, gate

    try:
        # The server has loaded it before it asks: a function's name is one that its owner gave on the command line.
        if came_of.parts(job.card) is not None:
            from pruneviz.runs import trained

            return trained.placed(job.card)
        found = code.load(job.card) if code.named(job.card) else card.load(job.card, job.limits or gate.LOCAL)
    except gate.SubjectError as error:
        if error.code != "unknown-subject" or job.card == job.recipe.subject:
            raise
        name = gate.printable(job.recipe.subject, 64)
        raise gate.SubjectError(f"the files of {name} are here no more: bring it again", "unknown-subject") from None
    if job.expects is not None and job.expects != (found.sha256, found.data_sha256):
        raise gate.SubjectError(
            "the files of this model hold something else than when it was opened: open it anew, or bring it again", "changed"
        )
    return replace(found, name=job.recipe.subject)


def stood(job: Job, worker: Worker) -> tuple[Subject, Standing]:
    from pruneviz.engine import evaluate

    subject = model(job, worker)
    stands_on = Recipe(**{name: getattr(job.recipe, name) for name in STANDS_ON})
    key = "standing", stands_on, *_version(job)
    return subject, worker.larder.get(job.card, key, lambda: evaluate.stand(subject, stands_on, worker.pause))


def ready(job: Job, worker: Worker) -> tuple[Subject, Standing, Workspace]:
    """What a measurement needs. Settings that measure on the same samples share one network."""
    from pruneviz.engine.measure import Workspace

    subject, standing = stood(job, worker)
    aside = standing.split.source == "held-out"
    key = "workspace", job.recipe.subject, job.recipe.device, aside, job.recipe.seed if aside else 0, *_version(job)
    made = lambda: Workspace(subject, standing.split.measured, job.recipe.device)  # noqa: E731
    return subject, standing, worker.larder.get(job.card, key, made)


def _version(job: Job) -> tuple:
    """What tells a model from another that lay in the same place, or of which more was let in."""
    return _stamp(job.card), job.limits, job.expects


def _stamp(card: str) -> tuple[int, int]:
    """What tells a card's file from the one that lay there before."""
    try:
        path = Path(card)
        state = (path / "subject.toml" if path.is_dir() else path).stat()
    except (OSError, ValueError):
        return 0, 0
    return state.st_mtime_ns, state.st_size


_KINDS: dict[str, Kind] = {
    "measure": measure, "breakage": breakage, "sweep": sweep, "stand": stand, "curve": curve, "flips": flips,
    "shapes": shapes,
}  # fmt: skip
_ELSEWHERE = dict.fromkeys(("remove", "alone", "archive"), "pruneviz.runs.removal")
_ELSEWHERE |= {"attributions": "pruneviz.runs.attributions"}
_ELSEWHERE |= dict.fromkeys(("sensitivity", "allocate"), "pruneviz.runs.allocations")
_ELSEWHERE |= {"script": "pruneviz.runs.scripts"}
_ELSEWHERE |= {"continuations": "pruneviz.runs.continuations"}

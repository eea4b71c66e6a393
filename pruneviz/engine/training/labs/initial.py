"""Can one tell before training which weights will not be needed?

Scores of an untrained network choose what goes; what stays is trained with the mask held. The method «trained» is the
reference: it prunes by magnitude after a training and then trains again, so it takes twice the steps.

Two controls ask what a method has found. Where shuffling the mask within each layer («shuffled») or new starting numbers
(«reinit») cost nothing, it found how much each layer needs, and not which weights (Frankle et al. 2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.course import Course
from pruneviz.engine import criterion as criteria
from pruneviz.engine import fitting
from pruneviz.engine.batches import Inputs
from pruneviz.engine.splits import split
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import cutting, foresight, private, tickets
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.labs import check, conclude
from pruneviz.engine.training.loop import Stage
from pruneviz.engine.training.memory import Memory
from pruneviz.engine.training.trial import Trial, attempt, lot
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

title = "Pruning before training"
PRUNED, DENSE, TRAINED = "pruned", "dense", "trained"
CONTROLS = ("shuffled", "reinit")
OFTEN = 10
"""A method with many rounds shows every so many of them."""
default = Recipe(
    subject="digits_mlp",
    amount=0.95,
    course=Course(lab="initial", method="synflow", control="shuffled,reinit", steps=600, batch=60, rate=1.2e-3, every=40),
)


def methods() -> tuple[str, ...]:
    """What may choose: scores of an untrained network, its magnitudes, a lot, and magnitudes after a training."""
    return (*foresight.shelf(), "magnitude", "random", TRAINED)


def planned(subject: Subject, recipe: Recipe) -> int:
    """The steps of every training."""
    return recipe.course.steps * len(_lanes(recipe.course))


def run(subject: Subject, recipe: Recipe, memory: Memory) -> Iterator[Moment]:
    """Moments while the mask is chosen (no step is taken) and of every training. From the mask on they have the array
    `kept`, how many weights each layer has left, and `collapsed`, how many layers have none."""
    plan = _Plan(subject, recipe, memory)
    for at, lane in enumerate(_lanes(recipe.course)):
        if at >= memory.number("lanes"):
            if lane != DENSE:
                yield from plan.choose()
            yield from plan.go(lane)
            memory.forget(lane)
            memory.note("lanes", at + 1)
    network = private.trained(subject)
    network.load_state_dict(memory.under("ended"))
    conclude(memory, network, memory.under("mask"))


def _lanes(course: Course) -> list[str]:
    """All trainings, in order."""
    return [*([DENSE] if course.method == TRAINED else []), PRUNED, *dict.fromkeys(filter(None, course.control.split(",")))]


class _Plan:
    """One choice and its trainings: what is not in the memory follows from subject and Recipe alone."""

    def __init__(self, subject: Subject, recipe: Recipe, memory: Memory) -> None:
        _check(subject, recipe)
        self._subject, self._recipe, self._memory = subject, recipe, memory

    def choose(self) -> Iterator[Moment]:
        """The mask, in as many rounds as the method has; where it is known, nothing is done."""
        course, memory, way = self._recipe.course, self._memory, foresight.shelf().get(self._recipe.course.method)
        rounds = way.rounds if way else 1
        network, batch = self._start(), self._batch() if way and memory.number("cuts") < rounds else None
        inside = private.around(self._subject, network)
        for at in range(memory.number("cuts") + 1, rounds + 1):
            if way:
                Held(network).hold(memory.under("mask"))
                kept = foresight.cut(inside, self._recipe, way, batch, memory.under("mask"), at)
            else:
                kept = self._cut(inside, "random" if course.method == "random" else "magnitude")
            memory.put("mask", kept)
            memory.note("cuts", at)
            if at % OFTEN == 0 or at == rounds:
                behind = course.steps if course.method == TRAINED else 0
                values, arrays = self._kept(kept)
                yield Moment(behind, planned(self._subject, self._recipe), "choose", values | {"round": float(at)}, arrays)

    def go(self, lane: str) -> Iterator[Moment]:
        """One training. When its last moment comes, all that later ones need of it is in the memory."""
        course, memory, seed = self._recipe.course, self._memory, self._recipe.seed
        network, kept = self._network(lane), {} if lane == DENSE else memory.under("mask")
        if lane == "shuffled":
            kept = tickets.elsewhere(kept, lot(seed, "mask shuffled"))
        held, behind = Held(network), course.steps * _lanes(course).index(lane)
        held.hold(kept)
        order = lot(seed, "order dense" if lane == DENSE else "order")
        stage = Stage(lane, network, self._subject.training, course, course.steps, order, held=held)
        values, arrays = self._kept(kept)
        for moment in attempt(
            Trial(stage, self._subject, behind, planned(self._subject, self._recipe), values), memory
        ):  # fmt: skip
            if moment.step == behind + course.steps and lane in (DENSE, PRUNED):
                memory.put("trained" if lane == DENSE else "ended", network.state_dict())
            yield replace(moment, arrays=arrays)

    def _start(self) -> nn.Module:
        """The network that is pruned: fresh, or after its training."""
        network = private.fresh(self._subject, lot(self._recipe.seed, "start"))
        if "trained" in {name.partition("/")[0] for name in self._memory.tensors()}:
            network.load_state_dict(self._memory.under("trained"))
        return network

    def _network(self, lane: str) -> nn.Module:
        return private.fresh(self._subject, lot(self._recipe.seed, lane)) if lane == "reinit" else self._start()

    def _batch(self) -> tuple[Inputs, Tensor]:
        """What scores may look at: 512 samples of the training split, as criteria do."""
        recipe = self._recipe
        parts = split(self._subject, criteria.find("gradient"), calibration=recipe.calibration, seed=recipe.seed)
        samples = parts.calibration_samples(self._subject)
        return samples.inputs(parts.calibration), samples.labels[parts.calibration]

    def _cut(self, inside: Subject, criterion: str) -> dict[str, Tensor]:
        asked = replace(self._recipe, criterion=criterion)
        stays = cutting.stays(inside, asked, asked.amount)
        return {name: torch.from_numpy(one.copy()) for name, one in stays.items()}

    def _kept(self, kept: dict[str, Tensor]) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """How much each layer has left, and how many have nothing."""
        layers = self._subject.layers
        counts = [int(kept[layer.name].sum()) if layer.name in kept else layer.size for layer in layers]
        collapsed = sum(not count for count, layer in zip(counts, layers, strict=True) if layer.size)
        values = {"amount": self._recipe.amount if kept else 0.0, "collapsed": float(collapsed)}
        return values | {"sparsity": 1 - sum(counts) / self._subject.weights}, {"kept": np.array(counts, dtype=np.int64)}


def _check(subject: Subject, recipe: Recipe) -> None:
    """Refuses, in one sentence, what cannot be chosen or trained."""
    check(subject)
    course = recipe.course
    if recipe.granularity != "weight":
        raise ValueError(f"single weights are chosen here, not {recipe.granularity}s: choose granularity = weight")
    fitting.check(subject, replace(recipe, criterion="magnitude"))
    if course.method not in methods():
        raise ValueError(f"unknown method {course.method[:40]!r}; there are {', '.join(methods())}")
    for one in filter(None, course.control.split(",")):
        if one not in CONTROLS:
            raise ValueError(f"unknown control {one[:40]!r}; there are {', '.join(CONTROLS)}, or both with a comma")
    if not course.steps:
        raise ValueError("a training of 0 steps shows nothing: give steps of 1 or more")

"""Should a weight go because it is small, or because it becomes small?

A network is trained on one task, then tuned for another while weights leave along a schedule. «magnitude» removes those
that are small. «movement» (Sanh et al. 2020, arXiv 2005.07683) gives each weight a score that grows while tuning drives the
weight away from zero, and removes the lowest. «soft-movement» removes every weight whose score falls below a threshold, and
pulls all scores down by `strength`: how much goes comes of it, so `sparsity` says it and `amount` does not.

The task comes in two by its classes («upper-half»: trained on the first half of them, tuned and measured on the second), or
the network is tuned and measured on the data of another card with inputs of the same size, named in `second`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.course import Course
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import private, schedules, second, telling
from pruneviz.engine.training.exam import exam
from pruneviz.engine.training.labs import check, conclude
from pruneviz.engine.training.loop import Stage, Tick, train
from pruneviz.engine.training.memory import Memory
from pruneviz.engine.training.straight_through import Masked, above, top
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

title = "Movement lab"
METHODS = ("movement", "soft-movement", "magnitude")
SCORE_RATE = 0.01
"""Scores learn at this rate, whatever the weights' rate is; their order does not depend on it."""
THRESHOLD = 0.1
"""Soft movement: in the end a weight stays where the sigmoid of its score, 0.5 at first, is above this."""
POINTS, WHOLE = 2000, 1 << 20
"""So many weights are drawn, before against after; of at most so many it is told who of all stays."""
default = Recipe(
    subject="digits_mlp",
    amount=0.95,
    spared=("fc3.weight",),
    course=Course(
        lab="movement", method="movement", second=second.HALVES, steps=400, rate=1e-3, batch=32, schedule="cubic",
        start=0.1, stop=0.7, strength=450.0, every=20,
    ),
)  # fmt: skip


def planned(subject: Subject, recipe: Recipe) -> int:
    """As many steps for each of the two tasks."""
    return 2 * recipe.course.steps


def run(subject: Subject, recipe: Recipe, memory: Memory) -> Iterator[Moment]:
    """Moments of the first task, then of the second with a lot of weights before and after it, and who of them stays."""
    check(subject)
    _check(subject, recipe)
    course = recipe.course
    first, then = second.tasks(subject, course.second)
    generator = torch.Generator().manual_seed(recipe.seed)
    network = private.fresh(subject, generator)
    for tick in train(Stage("pre-train", network, first.training, course, course.steps, generator), memory):
        told = telling.measured(exam(first, network)) | telling.trained(tick) | {"amount": 0.0, "sparsity": 0.0}
        yield Moment(tick.step, planned(subject, recipe), "pre-train", told)
    tuning = _Tuning(then, recipe, network)
    for tick in train(tuning.stage(generator), memory):
        yield tuning.moment(tick)
    tuning.settle(course.steps)
    conclude(memory, tuning.shown, tuning.masked.stays)


def judged_on(subject: Subject, recipe: Recipe) -> Subject:
    """The second task: what the network was tuned for."""
    return second.tasks(subject, recipe.course.second)[1]


class _Tuning:
    """The second task: a network, its scores, and the mask that they make of the step that they are at."""

    def __init__(self, then: Subject, recipe: Recipe, network: nn.Module) -> None:
        self._then, self._recipe, self._network = then, recipe, network
        self._layers = [layer for layer in then.layers if layer.name not in recipe.own_amounts()]
        scored = recipe.course.method != "magnitude"
        self._scores = [nn.Parameter(torch.zeros(layer.shape)) for layer in self._layers] if scored else []
        named = {layer.name: one for layer, one in zip(self._layers, self._scores, strict=scored)}
        self.masked, self.shown = Masked(self._layers, named), private.trained(private.around(then, network)).eval()
        self._asked = schedules.curve(recipe.course, recipe.amount)
        self._ramp = schedules.curve(recipe.course, 1.0)
        self._lot = _lot(sum(layer.size for layer in self._layers))
        self._before = self._weights(network)[self._lot].copy()
        self._share = 0.0

    def stage(self, generator: torch.Generator) -> Stage:
        """Its training."""
        soft, course = self._recipe.course.method == "soft-movement", self._recipe.course
        extra = ({"params": self._scores, "lr": SCORE_RATE, "weight_decay": 0.0},) if self._scores else ()
        return Stage(
            "fine-tune", self._network, self._then.training, course, course.steps, generator, objective=self.masked,
            pull=self._pull if soft and course.strength else None, before=self._choose, extra=extra,
        )  # fmt: skip

    def settle(self, step: int) -> None:
        """`shown` is the network with the mask of that step; when there are no more, with that of the end."""
        self._choose(step)
        self.masked.fill(self._network, self.shown)

    def moment(self, tick: Tick) -> Moment:
        """What there is to see after a step, masked as the next one will be."""
        course = self._recipe.course
        self.settle(tick.step)
        stays = np.concatenate([one.numpy().reshape(-1) for one in self.masked.stays.values()])
        small = self._by_size(stays)
        values = telling.measured(exam(self._then, self.shown)) | telling.trained(tick)
        values["amount"] = self._asked(tick.step / course.steps)
        values["sparsity"] = float((~stays).sum() / self._then.weights)
        arrays = {"w_before": self._before, "w_after": self._weights(self._network)[self._lot].copy()}
        arrays |= {"kept": stays[self._lot], "kept_by_magnitude": small[self._lot], "mosaic": _mosaic(stays, small)}
        if tick.step == tick.steps and stays.size <= WHOLE:
            arrays["stays"] = np.packbits(stays)
        return Moment(course.steps + tick.step, 2 * course.steps, "fine-tune", values, arrays)

    def _choose(self, step: int) -> None:
        """The mask of a step, by the scores or weights as they are."""
        recipe, progress = self._recipe, step / self._recipe.course.steps
        self._share = self._ramp(progress)
        if recipe.course.method == "soft-movement":
            self.masked.stays = above(self._layers, self._scores, THRESHOLD * self._share)
        else:
            self.masked.stays = top(self._layers, self._scores or self._sizes(), self._asked(progress), recipe.scope)

    def _sizes(self) -> list[Tensor]:
        return [self._network.get_parameter(layer.name).detach().abs() for layer in self._layers]

    def _weights(self, network: nn.Module) -> np.ndarray:
        flat = [network.get_parameter(layer.name).detach().to(torch.float32).reshape(-1) for layer in self._layers]
        return torch.cat(flat).numpy()

    def _by_size(self, stays: np.ndarray) -> np.ndarray:
        """Who would stay if as many went by magnitude, bool [n]."""
        kept = top(self._layers, self._sizes(), float((~stays).mean()), self._recipe.scope)
        return np.concatenate([one.numpy().reshape(-1) for one in kept.values()])

    def _pull(self) -> None:
        """Adds the slope of strength · mean σ(S) to the scores' gradients: the penalty that lets weights go."""
        many = sum(one.numel() for one in self._scores)
        for one in self._scores:
            likely = one.detach().sigmoid()
            one.grad.add_(likely * (1 - likely), alpha=self._recipe.course.strength * self._share / many)


def _mosaic(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How many stay or go by one, down, and by the other, across: [[stay-stay, stay-go], [go-stay, go-go]], int64."""
    return np.array([[(mine & yours).sum() for yours in (other, ~other)] for mine in (one, ~one)], dtype=np.int64)


def _lot(many: int) -> np.ndarray:
    """Which weights are drawn: the same ones in every run, whatever its seed, so that runs are laid over each other."""
    order = torch.randperm(many, generator=torch.Generator().manual_seed(0))[:POINTS]
    return order.sort().values.numpy()


def _check(subject: Subject, recipe: Recipe) -> None:
    method = recipe.course.method
    if method not in METHODS:
        raise ValueError(f"unknown method {method[:40]!r}; there are {', '.join(METHODS)}")
    if recipe.granularity != "weight":
        raise ValueError(f"movement scores single weights, not {recipe.granularity}: choose the granularity weight")
    if not recipe.course.steps:
        raise ValueError("a task of 0 steps cannot be learnt: give steps of 1 or more")
    if recipe.scope not in ("global", "layer"):
        raise ValueError(f"scores compete globally or by layer, not under {recipe.scope[:40]!r}: choose global or layer")
    own, known = recipe.own_amounts(), [layer.name for layer in subject.layers]
    if unknown := [name for name in own if name not in known]:
        raise ValueError(f"{subject.title} has no layer {unknown[0]!r}; there are {', '.join(known)}")
    if any(own.values()):
        raise ValueError("all layers follow one schedule here, but for those that are spared: take their own amounts away")
    if len(own) == len(known):
        raise ValueError("every layer is spared, so nothing can go: spare fewer")

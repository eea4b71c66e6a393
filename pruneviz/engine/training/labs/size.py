"""Was the size needed, or would a small network have done?

Three networks with as many parameters, each trained for as many steps. «pruned»: the large one is trained, pruned and
trained on. «small»: a dense one, as narrow as it has to be, is trained from fresh weights. «scratch»: what pruning left of
the large one is trained from fresh weights (Liu et al. 2019, arXiv 1810.05270), for which the large one has to be trained
first: its bill says so, and `own` counts the steps of the network that is judged. `width` makes the large one wider. The
maps show how alike the filters of each layer are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.course import Course
from pruneviz.engine.structure.units import KINDS
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import private, similarity, telling, widths
from pruneviz.engine.training.exam import exam
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.labs import check, conclude
from pruneviz.engine.training.loop import Stage, Tick, train
from pruneviz.engine.training.memory import Memory
from pruneviz.engine.training.one_shot import OneShot, one_shot, remembered, smaller
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

title = "Was the size needed?"
METHODS = ("pruned", "small", "scratch")
MAPS = 8
"""Similarity is shown of so many layers at most, the first ones."""
default = Recipe(
    subject="digits_cnn",
    granularity="filter",
    scope="layer",
    amount=0.75,
    course=Course(lab="size", method="pruned", steps=240, retrain=240, rate=5e-3, annealing="cosine", shift=1, every=20),
)


def planned(subject: Subject, recipe: Recipe) -> int:
    """As many steps for each network that is judged; before «scratch» the large one's come on top."""
    course = recipe.course
    return course.steps + course.retrain + (course.steps if course.method == "scratch" else 0)


def run(subject: Subject, recipe: Recipe, memory: Memory) -> Iterator[Moment]:
    """Moments of the large network, where there is one, and of the one that is judged; maps at the end of each stage."""
    check(subject)
    _check(recipe)
    plan = _Plan(subject, recipe, memory)
    course = recipe.course
    if course.method == "small":
        judged = _Judged(widths.matched(subject, plan.parameters(), plan.generator))
        yield from plan.trained("small", judged, course.steps + course.retrain, 0)
    else:
        large = _Judged(widths.wide(subject, course.width, plan.generator))
        yield from plan.trained("large", large, course.steps, 0)
        left = remembered(memory, lambda: one_shot(large.inside, recipe))
        judged = plan.cut(large.inside, left)
        if not memory.number("cut"):
            memory.note("cut", 1)
            yield plan.moment("cut", judged, course.steps)
        steps = course.retrain if course.method == "pruned" else course.steps + course.retrain
        yield from plan.trained("fine-tune" if course.method == "pruned" else "scratch", judged, steps, course.steps)
    conclude(memory, judged.network, judged.held.kept() if judged.held else {})


def rebuilt(subject: Subject, recipe: Recipe, state: Mapping[str, Tensor]) -> nn.Module:
    """The network that came of a run, from its `concluded` state."""
    plan = _Plan(subject, recipe, Memory())
    if recipe.course.method == "small":
        network = widths.matched(subject, plan.parameters(), plan.generator).network
    else:
        network = plan.architecture()
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """A network in training, the subject around it, what is held of it, and the steps that it brings along."""

    inside: Subject
    held: Held | None = None
    behind: int = 0

    @property
    def network(self) -> nn.Module:
        return self.inside.network


class _Plan:
    """A run's generator, its memory, and the large network's size, which all shares are shares of."""

    def __init__(self, subject: Subject, recipe: Recipe, memory: Memory) -> None:
        self._subject, self._recipe, self._memory = subject, recipe, memory
        self._of = planned(subject, recipe)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self._untrained = widths.wide(subject, recipe.course.width, torch.Generator().manual_seed(recipe.seed))

    def parameters(self) -> int:
        """How many parameters pruning leaves; the same of a trained network as of this one, which nobody trained."""
        left = one_shot(self._untrained, self._recipe)
        gone = 0 if left.units else sum(int((~stays).sum()) for stays in left.weights.values())
        return widths.count(self.architecture()) - gone

    def architecture(self) -> nn.Module:
        """What pruning leaves of the large network as it was before anything trained it."""
        left = one_shot(self._untrained, self._recipe)
        return smaller(self._untrained, self._recipe.granularity, left.units) if left.units else self._untrained.network

    def cut(self, large: Subject, left: OneShot) -> _Judged:
        """What pruning leaves of the large network: as it was trained, or with fresh values."""
        inside = large
        if left.units:
            inside = widths.around(large, smaller(large, self._recipe.granularity, left.units))
        if self._recipe.course.method == "scratch":
            inside = replace(inside, network=private.fresh(inside, self.generator))
        elif not left.units:
            inside = replace(inside, network=private.trained(inside))
        behind = 0 if self._recipe.course.method == "scratch" else self._recipe.course.steps
        if left.units:
            return _Judged(inside, None, behind)
        held = Held(inside.network)
        held.hold(left.weights)
        return _Judged(inside, held, behind)

    def trained(self, name: str, judged: _Judged, steps: int, before: int) -> Iterator[Moment]:
        """One stage, `before` steps into the run."""
        stage = Stage(
            name, judged.network, self._subject.training, self._recipe.course, steps, self.generator, held=judged.held
        )  # fmt: skip
        for tick in train(stage, self._memory):
            yield self.moment(name, judged, before, tick)

    def moment(self, name: str, judged: _Judged, before: int, tick: Tick | None = None) -> Moment:
        """What there is to see now."""
        step, last = (tick.step, tick.step == tick.steps) if tick else (0, False)
        values = telling.measured(exam(self._subject, judged.network)) | (telling.trained(tick) if tick else {})
        zeros = sum(int((~stays).sum()) for stays in judged.held.kept().values()) if judged.held else 0
        values["parameters"] = float(widths.count(judged.network) - zeros)
        values["sparsity"] = 1 - (judged.inside.weights - zeros) / self._untrained.weights
        values["own"] = float(judged.behind + step)
        return Moment(before + step, self._of, name, values, _maps(judged.inside) if last else {})


def _maps(inside: Subject) -> dict[str, np.ndarray]:
    """How alike the filters of each layer are, the output's aside, by «similarity:» and the layer's name."""
    layers = [layer for layer in inside.layers if len(layer.shape) >= 2][:-1][:MAPS]
    return {f"similarity:{layer.name}": similarity.picture(inside.parameter(layer)) for layer in layers}


def _check(recipe: Recipe) -> None:
    method = recipe.course.method
    if method not in METHODS:
        raise ValueError(f"unknown method {method[:40]!r}; there are {', '.join(METHODS)}")
    if not recipe.course.steps:
        raise ValueError("a large network of 0 steps is not trained: give steps of 1 or more")
    if recipe.granularity in KINDS and (recipe.scope != "layer" or recipe.granularity == "layer"):
        raise ValueError(
            f"{recipe.granularity} under the scope {recipe.scope} leaves as many parameters as the training happens to: "
            "choose the scope layer with filter, neuron or head, so that the three networks are of one size"
        )

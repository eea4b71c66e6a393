"""What do penalties do to the weights, and how much of the network can go then?

The network is trained from fresh weights with a penalty, or none, while the histogram of its weights changes. Then it is
pruned at many sparsities: each is measured as it is, and again after retraining with the mask held, at a tenth of the rate.
Han et al. (2015) found L1 better before retraining and L2 better after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.course import Course
from pruneviz.engine import fitting, granularity
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import cutting, private, regularisers, telling
from pruneviz.engine.training.exam import exam
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.labs import check, conclude
from pruneviz.engine.training.loop import Stage, train
from pruneviz.engine.training.memory import Memory
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

title = "Regularise lab"
AMOUNTS = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99)
"""The sparsities that are tried, and the Recipe's own beside them."""
GENTLER = 0.1
"""Retraining goes at this share of the rate (Han et al. 2015, §3.3 and §4.1)."""
BINS = 81
REACH = 3.0
"""The histogram reaches so many deviations of the fresh weights to each side; what lies beyond is in its outer bins."""
default = Recipe(
    subject="digits_mlp", amount=0.9,
    course=Course(
        lab="regularise", optimiser="sgd", rate=0.1, annealing="linear", steps=800, penalty="l1", strength=3e-4,
        retrain=150, every=50,
    ),
)  # fmt: skip


def amounts(recipe: Recipe) -> tuple[float, ...]:
    """The sparsities that are tried, ascending."""
    return tuple(sorted({*AMOUNTS, recipe.amount}))


def planned(subject: Subject, recipe: Recipe) -> int:
    """The steps of training, and those of retraining at each sparsity."""
    return recipe.course.steps + recipe.course.retrain * len(amounts(recipe))


def run(subject: Subject, recipe: Recipe, memory: Memory) -> Iterator[Moment]:
    """First moments with a `histogram` [bins] between `edges`, then such with the curves: `amounts`, `before` retraining,
    and `after` it as far as it is known (NaN elsewhere)."""
    check(subject)
    plan = _Plan(subject, recipe)
    if not memory.number("opened"):
        memory.note("opened", 1)
        yield plan.moment("start", 0, {}, plan.histogram())
    for tick in train(plan.training(), memory):
        # What comes before retraining is known as soon as training is over.
        curves = plan.curves(memory) if tick.step == tick.steps else {}
        yield plan.moment("train", tick.step, telling.trained(tick), plan.histogram() | curves)
    for at, amount in enumerate(plan.amounts):
        if at != plan.own and not np.isnan(plan.curves(memory)["after"][at]):
            continue
        stage = plan.retraining(at)
        for tick in train(stage, memory):
            if tick.step == tick.steps:
                plan.note(memory, at, stage)
            step = recipe.course.steps + recipe.course.retrain * at + tick.step
            found = telling.trained(tick) | {"amount": amount, "sparsity": cutting.sparsity(subject, stage.held.kept())}
            yield plan.moment(f"retrain at {amount:.0%}", step, found, plan.curves(memory), stage.network)
        if at == plan.own:
            network, kept = stage.network, stage.held.kept()
    conclude(memory, network, kept)


class _Plan:
    """A run's networks: the one that is trained with a penalty, and those that are pruned from it."""

    def __init__(self, subject: Subject, recipe: Recipe) -> None:
        fitting.check(subject, recipe)
        if granularity.pattern(recipe.granularity):
            raise ValueError(f"{recipe.granularity} has one sparsity, and many are tried here: choose weight or filter")
        self.subject, self.recipe, self.amounts = subject, recipe, amounts(recipe)
        self._of, self.own, self._before = planned(subject, recipe), self.amounts.index(recipe.amount), None
        self._generator = torch.Generator().manual_seed(recipe.seed)
        self.network = private.fresh(subject, self._generator)
        self._penalty = regularisers.bind(subject, self.network, recipe.course)
        reach = REACH * float(self._weights().std())
        self._edges = np.linspace(-reach, reach, BINS + 1)
        self._inside = private.around(subject, self.network)

    def training(self) -> Stage:
        """From fresh weights, under the penalty."""
        pull = self._penalty.pull if self._penalty.pulls else None
        course = self.recipe.course
        return Stage("train", self.network, self.subject.training, course, course.steps, self._generator, pull=pull)

    def pruned(self, at: int) -> tuple[nn.Module, Held]:
        """A copy of the trained network at one of the sparsities."""
        network, amount = private.trained(self._inside), self.amounts[at]
        held = Held(network)
        held.hold(cutting.stays(self._inside, replace(self.recipe, amount=amount), amount))
        return network, held

    def retraining(self, at: int) -> Stage:
        """At one of the sparsities, with the mask held, under the same penalty, from the same draws at each."""
        network, held = self.pruned(at)
        course = replace(self.recipe.course, rate=GENTLER * self.recipe.course.rate)
        penalty = regularisers.bind(self.subject, network, course)
        generator = torch.Generator().manual_seed((self.recipe.seed + 1) % 2**63)
        pull, name = penalty.pull if penalty.pulls else None, f"retrain {at}"
        return Stage(name, network, self.subject.training, course, course.retrain, generator, held=held, pull=pull)

    def note(self, memory: Memory, at: int, stage: Stage) -> None:
        """What came of one sparsity. Of the network itself only the Recipe's own is needed again."""
        after = memory["after"].clone() if "after" in memory else torch.full((len(self.amounts),), torch.nan).double()
        after[at] = exam(self.subject, stage.network).value
        memory["after"] = after
        if at != self.own:
            memory.forget(stage.name)

    def curves(self, memory: Memory) -> dict[str, np.ndarray]:
        """The measured value at each sparsity, before retraining and after it."""
        if self._before is None:
            self._before = np.array([exam(self.subject, self.pruned(at)[0]).value for at in range(len(self.amounts))])
        after = memory["after"].numpy() if "after" in memory else np.full(len(self.amounts), np.nan)
        return {"amounts": np.array(self.amounts), "before": self._before, "after": after}

    def moment(
        self, stage: str, step: int, values: dict[str, float], arrays: dict[str, np.ndarray],
        network: nn.Module | None = None,
    ) -> Moment:  # fmt: skip
        """What there is to see now, of the network in training or of a pruned one."""
        network = self.network if network is None else network
        found = telling.measured(exam(self.subject, network)) | values
        if self._penalty.pulls:
            found["penalty"] = regularisers.bind(self.subject, network, self.recipe.course).value()
        return Moment(step, self._of, stage, found, arrays)

    def histogram(self) -> dict[str, np.ndarray]:
        """How many prunable weights lie between which edges."""
        inside = self._weights().double().clamp(self._edges[0], self._edges[-1]).numpy()
        return {"histogram": np.histogram(inside, self._edges)[0], "edges": self._edges}

    def _weights(self) -> Tensor:
        return torch.cat([self.network.get_parameter(layer.name).detach().flatten() for layer in self.subject.layers])

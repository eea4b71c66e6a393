"""The training loop: a generator of ticks. Whoever iterates decides how far it goes, and a memory lets it go on later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.course import Course
from pruneviz.engine.subject import Samples, Sentences, Windows
from pruneviz.engine.training import annealing, optimisers
from pruneviz.engine.training.feed import Feed
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.memory import Memory

Inputs = Tensor | dict[str, Tensor]
Objective = Callable[[nn.Module, Inputs, Tensor], tuple[Tensor, Tensor]]
"""(network, inputs, labels) → the mean loss to descend, and the outputs."""
NOTHING = -100


@dataclass(frozen=True, slots=True)
class Tick:
    """A few steps of a stage: mean training loss, and how many of the seen were right, *while* they were taken."""

    step: int
    steps: int
    loss: float
    correct: int
    seen: int
    rate: float

    @property
    def accuracy(self) -> float:
        """The share of training samples that were right while these steps were taken."""
        return self.correct / max(1, self.seen)


def plain(network: nn.Module, inputs: Inputs, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy, mean over all that is predicted: classes, or tokens where something is predicted."""
    outputs = network(**inputs) if isinstance(inputs, dict) else network(inputs)
    outputs = getattr(outputs, "logits", outputs)
    if labels.ndim > 1:
        return nn.functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), ignore_index=NOTHING), outputs
    return nn.functional.cross_entropy(outputs, labels), outputs


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One stage of training: this very network (give a private copy), on these samples, for so many steps.

    `generator` decides the order of the samples and how they are moved; nothing else is random. `held` is a mask that is
    held. `pull` adds to the gradients before each step, as a penalty does; `before` is told the step that comes and may
    change what is held; `extra` are further groups of parameters with rates of their own. `start` is the step that it begins
    at, where the network comes from there: the rate goes on from that step.
    """

    name: str
    network: nn.Module
    samples: Samples | Windows | Sentences
    course: Course
    steps: int
    generator: torch.Generator
    held: Held | None = None
    objective: Objective = plain
    pull: Callable[[], None] | None = None
    before: Callable[[int], None] | None = None
    extra: Sequence[Mapping] = ()
    start: int = 0


def train(stage: Stage, memory: Memory | None = None) -> Iterator[Tick]:
    """Trains; a tick after every `course.every` steps and after the last.

    With a `memory`, all that the rest of the stage depends on is in it at every tick, below the stage's name: a second call
    with that memory goes on from there, to the bit, and a stage that had ended only fills the network in. Dropout is off:
    its lots are the process's, not the generator's.
    """
    memory = Memory() if memory is None else memory
    run = _Run(stage, memory)
    network, frozen = stage.network, [one for one in stage.network.parameters() if not one.requires_grad]
    if run.step >= stage.steps:
        network.eval()
        return
    try:
        network.requires_grad_(True).train()
        for module in network.modules():
            if isinstance(module, nn.modules.dropout._DropoutNd):
                module.eval()
        if stage.held is not None:
            stage.held.apply()
        yield from run.ticks()
    finally:
        run.optimiser.zero_grad()
        network.eval()
        for parameter in frozen:
            parameter.requires_grad_(False)


class _Run:
    """A stage on its way."""

    def __init__(self, stage: Stage, memory: Memory) -> None:
        self._stage, self._memory, course = stage, memory, stage.course
        self.optimiser = optimisers.find(stage.network, course, stage.extra)
        self._feed = Feed(stage.samples, course.batch, course.shift, course.flip)
        self._anneal = annealing.find(course.annealing)
        self._heights = [group["lr"] for group in self.optimiser.param_groups]
        self._kind = next(stage.network.parameters()).dtype
        self.step = memory.number(f"{stage.name}/step", stage.start)
        self._order = torch.empty(0, dtype=torch.int64)
        if f"{stage.name}/step" in memory:
            self._recall()

    def ticks(self) -> Iterator[Tick]:
        stage, sums = self._stage, [0.0, 0, 0]
        while self.step < stage.steps:
            at = self.step % self._feed.round
            if at == 0 or not len(self._order):
                self._order = self._feed.order(stage.generator)
            if stage.before is not None:
                stage.before(self.step)
            for group, height in zip(self.optimiser.param_groups, self._heights, strict=True):
                group["lr"] = height * self._anneal(self.step / stage.steps)
            loss, right, seen = self._take(at)
            self.step += 1
            sums = [sums[0] + loss * seen, sums[1] + right, sums[2] + seen]
            if self.step % stage.course.every == 0 or self.step == stage.steps:
                self._note()
                loss, rate = sums[0] / max(1, sums[2]), self.optimiser.param_groups[0]["lr"]
                yield Tick(self.step, stage.steps, loss, sums[1], sums[2], rate)
                sums = [0.0, 0, 0]

    def _take(self, at: int) -> tuple[float, int, int]:
        """One step: the loss before it, how many were right, and of how many."""
        stage = self._stage
        inputs, labels = self._feed.batch(self._order, at, stage.generator)
        if isinstance(inputs, Tensor) and inputs.is_floating_point():
            inputs = inputs.to(self._kind)
        loss, outputs = stage.objective(stage.network, inputs, labels)
        self.optimiser.zero_grad()
        loss.backward()
        if stage.pull is not None:
            stage.pull()
        self.optimiser.step()
        if stage.held is not None:
            stage.held.apply()
        told = labels != NOTHING
        return loss.item(), int(((outputs.argmax(-1) == labels) & told).sum()), int(told.sum())

    def _note(self) -> None:
        """All that the rest depends on. Of a stage that has ended, what came of it."""
        stage, memory, name = self._stage, self._memory, self._stage.name
        memory.forget(name)
        memory.put(f"{name}/network", stage.network.state_dict())
        memory.note(f"{name}/step", self.step)
        memory[f"{name}/generator"] = stage.generator.get_state()
        if stage.held is not None:
            memory.put(f"{name}/held", stage.held.kept())
        memory.put(f"{name}/extra", {str(at): one for at, one in enumerate(self._extra())})
        if self.step < stage.steps:
            memory.put(f"{name}/optimiser", optimisers.state(self.optimiser))
            memory[f"{name}/order"] = self._order

    def _recall(self) -> None:
        stage, memory, name = self._stage, self._memory, self._stage.name
        stage.network.load_state_dict(memory.under(f"{name}/network"))
        stage.generator.set_state(memory[f"{name}/generator"])
        if stage.held is not None:
            stage.held.hold(memory.under(f"{name}/held"))
        with torch.no_grad():
            for at, one in enumerate(self._extra()):
                one.copy_(memory[f"{name}/extra/{at}"])
        if self.step < stage.steps:
            optimisers.restore(self.optimiser, memory.under(f"{name}/optimiser"))
            self._order = memory[f"{name}/order"]

    def _extra(self) -> list[Tensor]:
        return [one for group in self._stage.extra for one in group["params"]]

"""How much of what pruning took comes back, and what does it cost?

The network is pruned as the slider prunes it, then repaired in one of three ways. «batchnorm» counts BatchNorm's statistics
anew on training data: seconds, and no weight changes. «fine-tune» trains what is left, and what went stays zero.
«fine-tune-removed» does so in the network that is really smaller, where whole units went. With `distil`, the network before
pruning teaches: its words are learnt beside the labels. What is gained is told against the pruned network as it was, on the
same held-out samples, with its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from pruneviz.course import Course
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.structure.units import KINDS
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import batch_statistics, gains, private, telling, widths
from pruneviz.engine.training.distil import distilled
from pruneviz.engine.training.exam import exam
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.labs import check, conclude
from pruneviz.engine.training.loop import Stage, train
from pruneviz.engine.training.memory import Memory
from pruneviz.engine.training.one_shot import one_shot, remembered, smaller
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

title = "Recover"
METHODS = ("batchnorm", "fine-tune", "fine-tune-removed")
default = Recipe(
    subject="digits_cnn",
    amount=0.9,
    course=Course(lab="recover", method="fine-tune", steps=200, rate=1e-3, annealing="cosine", every=10),
)


def planned(subject: Subject, recipe: Recipe) -> int:
    """The steps of fine-tuning, or the batches that are looked at."""
    check(subject)
    course = recipe.course
    if course.method == "batchnorm":
        return batch_statistics.batches(subject.training, course.batch, course.steps)
    return course.steps


def run(subject: Subject, recipe: Recipe, memory: Memory) -> Iterator[Moment]:
    """A moment of the pruned network as it is, then one at every tick of its repair."""
    check(subject)
    _check(subject, recipe)
    plan = _Plan(subject, recipe, memory)
    if not memory.number("opened"):
        memory.note("opened", 1)
        yield plan.moment("one-shot", 0)
    yield from plan.counted() if recipe.course.method == "batchnorm" else plan.trained()
    conclude(memory, plan.network, plan.kept)


def rebuilt(subject: Subject, recipe: Recipe, state: Mapping[str, Tensor]) -> nn.Module:
    """The network that came of a run, from its `concluded` state."""
    network = private.trained(subject)
    if _cuts_out(recipe):
        network = smaller(subject, recipe.granularity, one_shot(subject, recipe).units)
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


class _Plan:
    """A pruned network on its way back, and the two that it is held against: whole, and as it was right after the cut."""

    def __init__(self, subject: Subject, recipe: Recipe, memory: Memory) -> None:
        self._subject, self._recipe, self._memory = subject, recipe, memory
        self._of = planned(subject, recipe)
        self._generator = torch.Generator().manual_seed(recipe.seed)
        self.left = remembered(memory, lambda: one_shot(subject, recipe))
        self._held = None
        if _cuts_out(recipe):
            self.network = smaller(subject, recipe.granularity, self.left.units)
        else:
            self.network = private.trained(subject)
            self._held = Held(self.network)
            self._held.hold(self.left.weights)
        self._dense = _examined(memory, "dense", lambda: exam(subject, private.trained(subject)))
        self._before = _examined(memory, "before", lambda: exam(subject, self.network))
        stays = sum(int(one.sum()) for one in self.left.weights.values())
        self._said = {"amount": recipe.amount, "sparsity": 1 - stays / subject.weights, "dense": self._dense.value}
        zeros = sum(int((~one).sum()) for one in self.kept.values())
        self._said["parameters"] = float(widths.count(self.network) - zeros)

    @property
    def kept(self) -> dict[str, Tensor]:
        """What is held; a network that is really smaller holds nothing."""
        return self._held.kept() if self._held else {}

    def moment(self, stage: str, step: int, values: dict[str, float] | None = None) -> Moment:
        """What there is to see now."""
        now = exam(self._subject, self.network) if step else self._before
        told = telling.measured(now) | gains.flips(self._dense, now)
        if step:
            told |= gains.gain(self._before, now)
        return Moment(step, self._of, stage, self._said | told | (values or {}))

    def counted(self) -> Iterator[Moment]:
        """BatchNorm's statistics, batch by batch."""
        course, samples = self._recipe.course, self._subject.training
        order = torch.randperm(len(samples), generator=self._generator)[: self._of * course.batch]
        for at in batch_statistics.recount(self.network, samples, order, course.batch, self._memory):
            if at % course.every == 0 or at == self._of:
                yield self.moment("batchnorm", at)

    def trained(self) -> Iterator[Moment]:
        """What is left, step by step."""
        course = self._recipe.course
        objective = distilled(private.trained(self._subject), course.distil, course.temperature)
        stage = Stage(
            "fine-tune", self.network, self._subject.training, course, course.steps, self._generator,
            held=self._held, objective=objective,
        )  # fmt: skip
        for tick in train(stage, self._memory):
            yield self.moment("fine-tune", tick.step, telling.trained(tick))


def _examined(memory: Memory, name: str, make: Callable[[], Measurement]) -> Measurement:
    """An exam that is sat once in a run: where a run goes on, it is what it was."""
    if not memory.under(name):
        made = make()
        columns = {"losses": made.losses, "counts": made.counts}
        columns |= {} if made.correct is None else {"correct": made.correct}
        memory.put(name, {key: torch.from_numpy(column) for key, column in columns.items()})
        memory[f"{name}/value"] = torch.tensor([made.value, *made.interval], dtype=torch.float64)
    told = {key: one.numpy() for key, one in memory.under(name).items()}
    value, low, high = told["value"].tolist()
    return Measurement(told["losses"], told["counts"], told.get("correct"), value, (low, high))


def _cuts_out(recipe: Recipe) -> bool:
    """Whether it is the smaller network that is repaired. A layer's masked network still has its biases and norms."""
    return recipe.granularity == "layer" or recipe.course.method == "fine-tune-removed"


def _check(subject: Subject, recipe: Recipe) -> None:
    method = recipe.course.method
    if method not in METHODS:
        raise ValueError(f"unknown method {method[:40]!r}; there are {', '.join(METHODS)}")
    if method == "fine-tune-removed" and recipe.granularity not in KINDS:
        raise ValueError(
            f"{recipe.granularity} leaves every matrix as large as it is, so there is no smaller network to train: "
            "choose fine-tune, or a granularity such as filter"
        )
    if method == "batchnorm" and not batch_statistics.norms(subject.network):
        raise ValueError(f"{subject.title} has no BatchNorm whose statistics could be counted anew: choose fine-tune")
    if method == "batchnorm" and recipe.course.batch < 2:
        raise ValueError("a batch of 1 has no variance: give batches of 2 or more")

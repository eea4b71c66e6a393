"""Which weights can go in one pass, and can the survivors cover for them?

No step of training: a criterion, or the method itself, chooses what goes of each matrix, and the method says what becomes of
what stays. The walk goes block by block, and each block sees what the pruned ones before it give. A moment is one matrix;
the network is measured before the first and after the last.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pruneviz.course import Course
from pruneviz.engine.reconstruct import oneshot
from pruneviz.engine.reconstruct.problem import Solved
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import gains, private, telling
from pruneviz.engine.training.exam import exam
from pruneviz.engine.training.labs import check, conclude
from pruneviz.engine.training.memory import Memory
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

title = "One shot"
unit = ("matrix", "matrices")
default = Recipe(
    subject="reference_lm",
    criterion="wanda",
    scope="row",
    amount=0.7,
    course=Course(lab="oneshot", method="sparsegpt", batch=64),
)


def planned(subject: Subject, recipe: Recipe) -> int:
    """The matrices that are gone through: no step of training is taken."""
    _judged(subject, recipe)
    return oneshot.matrices(subject, recipe)


def run(subject: Subject, recipe: Recipe, memory: Memory) -> Iterator[Moment]:
    """A moment of the dense network, one for each matrix, and one of what came of it. `value` is what was measured last."""
    judges = _judged(subject, recipe)
    network = private.trained(subject)
    work = oneshot.prepare(subject, recipe, network, weighed=True)
    dense = exam(subject, network, judges)
    said = {"amount": recipe.amount, "dense": dense.value, "samples": float(work.samples)}
    if not memory.number("opened"):
        memory.note("opened", 1)
        nothing = dict.fromkeys(("sparsity", "errors", "unmoved"), 0.0)
        yield Moment(0, work.matrices, "dense", said | nothing | telling.measured(dense))
    weights, kept = memory.under("weight"), memory.under("kept")
    known = {name: Solved(weights[name], kept[name].view(weights[name].shape)) for name in weights}
    count = _Count(subject, memory)
    for done in work.steps(known):
        memory[f"weight/{done.name}"], memory[f"kept/{done.name}"] = done.solved.weight, done.solved.kept
        memory[f"stays/{done.name}"] = done.kept
        count.add(done.error, done.unmoved)
        yield Moment(done.at, done.of, done.name, said | count.values())
    if not memory.number("closed"):
        memory.note("closed", 1)
        after = exam(subject, network, judges)
        last = count.values() | telling.measured(after) | gains.flips(dense, after) | gains.gain(dense, after)
        yield Moment(work.matrices, work.matrices, "done", said | last)
    conclude(memory, network, memory.under("stays"))


def _judged(subject: Subject, recipe: Recipe) -> torch.Tensor | None:
    """The held-out samples that judge, by their places; None: all. Refuses a subject that has nothing to calibrate on."""
    if recipe.calibration != "held-out":
        check(subject)
    return oneshot.measured(subject, recipe)


class _Count:
    """What has gone so far, and the errors of all matrices that are done, kept in the memory."""

    def __init__(self, subject: Subject, memory: Memory) -> None:
        self._memory, self._all = memory, subject.weights

    def add(self, error: float, unmoved: float) -> None:
        """One matrix more; one that stayed whole has no error."""
        before = self._memory["errors"] if "errors" in self._memory else torch.zeros(2, dtype=torch.float64)
        self._memory["errors"] = before + torch.tensor([error, unmoved], dtype=torch.float64).nan_to_num(nan=0.0)

    def values(self) -> dict[str, float]:
        gone = sum(int((~one).sum()) for one in self._memory.under("stays").values())
        error, unmoved = self._memory["errors"].tolist()
        return {"sparsity": gone / self._all, "errors": error, "unmoved": unmoved}

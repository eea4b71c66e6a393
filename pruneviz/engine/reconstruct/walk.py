"""Walk: through a network block by block, in one pass over calibration data, each block seeing what the pruned ones before
it give. Memory is for one block's sums at a time; what is done is told matrix by matrix, and whoever stops asking stops it.

A network whose blocks hand one tensor on, as a language model's do, is walked block by block. Any other is one block: all
its matrices see what the dense network gives them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.engine.batches import Inputs, copied, rows
from pruneviz.engine.criterion import Criterion, Evidence
from pruneviz.engine.reconstruct import Method
from pruneviz.engine.reconstruct.chain import blocks, caught, through
from pruneviz.engine.reconstruct.choosing import stays
from pruneviz.engine.reconstruct.gram import Gram, Norms
from pruneviz.engine.reconstruct.problem import Problem, Solved, error
from pruneviz.engine.reconstruct.seats import Seat
from pruneviz.engine.reconstruct.watching import Watch
from pruneviz.engine.structure.calls import run

Look = Callable[[Watch], None]
"""Runs what is watched on all batches."""
NOTHING: Mapping[str, Solved] = {}
SEEN = {"weight", "input_norm"}
"""What a criterion may ask for here: one matrix and its inputs are all that is looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is done to each matrix. `shares`: which fraction goes, by parameter; others stay as they are. `rows`: every
    output row gives the same number. `pattern`: N of M instead of a fraction. `weighed`: each matrix's error is computed."""

    criterion: Criterion
    method: Method
    shares: Mapping[str, float]
    pattern: tuple[int, int] | None = None
    rows: bool = True
    seed: int = 0
    weighed: bool = False

    def __post_init__(self) -> None:
        strange = set(self.criterion.needs) - SEEN
        if not self.method.chooses and (strange or self.criterion.units):
            seen = " and ".join(sorted(strange)).replace("_", " ") or "whole units"
            raise ValueError(
                f"{self.criterion.name} looks at {seen}, and one shot sees only a matrix and its inputs: choose magnitude, "
                "random, wanda or ria, or the method sparsegpt"
            )

    @property
    def needs_gram(self) -> bool:
        return self.weighed or self.method.key != "keep"


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """One matrix is done: `at` of `of`. solved [O, I] is in its place by then; kept is bool in the weight's shape.
    Errors are E of `reconstruct`, NaN where not weighed: of the matrix as it was left, and of the same zeros with survivors
    as they were."""

    name: str
    at: int
    of: int
    solved: Solved
    kept: Tensor
    seconds: float
    error: float = float("nan")
    unmoved: float = float("nan")


def walk(
    network: nn.Module, seats: Sequence[Seat], batches: Sequence[Inputs], plan: Plan, known: Mapping[str, Solved] = NOTHING
) -> Iterator[Done]:
    """Prunes `network` in place, in evaluation mode, without gradients. `seats` are the matrices that take part.

    `known` are matrices that were solved before, where a walk goes on: they are taken as they are, and not told again.
    """
    network.eval()
    chain = blocks(network, batches[0], seats)
    if not chain:
        told = Count(len(seats))
        yield from stage(seats, plan, told, lambda watch: _over(network, batches, watch), known)
        return
    parts = {name: [seat for seat in seats if seat.name.startswith(f"{name}.")] for name in chain}
    told = Count(sum(map(len, parts.values())))
    calls = caught(network, chain[0], batches)
    for name, inside in parts.items():
        block = network.get_submodule(name)
        yield from stage(inside, plan, told, lambda watch, block=block: through(block, calls, watch), known)
        through(block, calls, None, onward=True)


@dataclass(slots=True)
class Count:
    """How many matrices were told of, and how many there are."""

    of: int
    at: int = 0


def _over(network: nn.Module, batches: Sequence[Inputs], watch: Watch) -> None:
    for batch in batches:
        with watch.batch(rows(batch)), torch.no_grad():
            run(network, copied(batch))


def stage(
    seats: Sequence[Seat], plan: Plan, told: Count, look: Look, known: Mapping[str, Solved] = NOTHING
) -> Iterator[Done]:
    """Watches some matrices, then prunes one after the other. Those that nothing came by stay as they are.

    None is written before all were watched: what a matrix is fitted to does not hang on how far the walk came before.
    """
    new = [seat for seat in seats if seat.name not in known]
    told.at += len(seats) - len(new)
    watch = Watch([seat for seat in seats if seat.name in plan.shares], whole=plan.needs_gram)
    if new:
        look(watch)
    for seat in seats:
        if seat.name in known:
            seat.write(known[seat.name].weight)
    for seat in new:
        told.at += 1
        yield _one(seat, watch, plan, told)


def _one(seat: Seat, watch: Watch, plan: Plan, told: Count) -> Done:
    started, seen = time.perf_counter(), watch.of(seat.name)
    if seen is None or seat.name not in plan.shares:
        weight, errors = seat.matrix(), ()
        found = Solved(weight, torch.ones(weight.shape, dtype=torch.bool))
    else:
        found, errors = solve(seat, seen, plan)
    watch.drop(seat.name)
    seat.write(found.weight)
    kept = seat.like_weight(found.kept).cpu()
    return Done(seat.name, told.at, told.of, found, kept, time.perf_counter() - started, *errors)


def solve(seat: Seat, seen: Gram | Norms, plan: Plan) -> tuple[Solved, tuple[float, ...]]:
    """One matrix: what stays of it and what the survivors are, and its two errors."""
    weight = seat.matrix()
    whole = torch.isfinite(weight)
    if whole.all():
        whole = None
    else:  # what is broken is as good as gone: it goes first
        weight = torch.where(whole, weight, 0.0)
    pattern, columns = plan.pattern, seat.beside() if plan.pattern else None
    if pattern is not None and seat.channels % pattern[1]:
        raise ValueError(
            f"{seat.name} has {seat.channels} inputs, which are no whole groups of {pattern[1]}: "
            f"leave it out, or remove single weights"
        )
    kept = None if plan.method.chooses else _chosen(seat, weight, seen, plan)
    problem = Problem(weight, seen if isinstance(seen, Gram) else None, plan.shares[seat.name], pattern, kept)
    asked = problem.ordered(columns)
    if plan.method.key == "sparsegpt" and not plan.weighed:
        asked.gram.settle()
    solved = plan.method.solve(asked).back(columns)
    if whole is not None:
        solved = Solved(torch.where(whole, solved.weight, 0.0), solved.kept & whole)
    if not plan.weighed:
        return solved, ()
    plain = torch.where(solved.kept, weight, torch.zeros((), device=weight.device))
    return solved, (error(problem, seat.rounded(solved.weight)), error(problem, plain))


def _chosen(seat: Seat, weight: Tensor, seen: Gram | Norms, plan: Plan) -> Tensor:
    """What the plan's criterion lets stay of a matrix, bool [O, I]; what is zero already goes first."""
    scores = plan.criterion.saliency(Evidence(seat.name, weight, plan.seed, input_norm=seen.norms[None, :]))
    scores = torch.where(weight == 0, -torch.inf, scores)
    columns = seat.beside() if plan.pattern else None
    if columns is None:
        return stays(scores, plan.shares[seat.name], plan.pattern, rows=plan.rows)
    found = stays(scores[:, columns], plan.shares[seat.name], plan.pattern, rows=plan.rows)
    return found[:, torch.argsort(columns)]

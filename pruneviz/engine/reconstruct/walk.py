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

from pruneviz.engine.batches import Inputs, rows
from pruneviz.engine.batches import at as some
from pruneviz.engine.criterion import Criterion, Evidence
from pruneviz.engine.reconstruct import Method
from pruneviz.engine.reconstruct.choosing import stays
from pruneviz.engine.reconstruct.gram import Gram, Norms
from pruneviz.engine.reconstruct.problem import Problem, Solved, error
from pruneviz.engine.reconstruct.seats import Seat
from pruneviz.engine.reconstruct.watching import Watch
from pruneviz.engine.structure.calls import main, run

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
            raise ValueError(
                f"{self.criterion.name} looks at {' and '.join(sorted(strange)).replace('_', ' ')}, and one shot sees only "
                "a matrix and its inputs: choose magnitude, random, wanda or ria, or the method sparsegpt"
            )

    @property
    def needs_gram(self) -> bool:
        return self.weighed or self.method.key != "keep"


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """One matrix is done: `at` of `of`. solved [O, I] will be written when its block is; kept is bool in the weight's shape.
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


@dataclass(slots=True, eq=False)
class Call:
    """What a block is called with for one batch; `mine` is the tensor that is handed on from block to block."""

    samples: int
    args: tuple
    kwargs: dict
    mine: Tensor

    def run(self, block: nn.Module) -> Tensor:
        """What the block hands on."""
        args = tuple(self.mine if one is MINE else one for one in self.args)
        kwargs = {key: self.mine if one is MINE else one for key, one in self.kwargs.items()}
        with torch.no_grad():
            return main(block(*args, **kwargs))


MINE = object()
"""Stands in a call's arguments for the tensor that is handed on."""


class _Stop(Exception):
    """The first block was reached: what comes after it is not run."""


def caught(network: nn.Module, first: str, batches: Sequence[Inputs]) -> list[Call]:
    """What the first block is called with for each batch; nothing after it runs. What is equal in all is kept once."""
    found: list[Call] = []

    def catch(_module: nn.Module, args: tuple, kwargs: dict) -> None:
        mine = next(one for one in (*args, *kwargs.values()) if isinstance(one, Tensor))
        args = tuple(_fresh("", MINE if one is mine else one) for one in args)
        kwargs = {key: _fresh(key, MINE if one is mine else one) for key, one in kwargs.items()}
        if found:
            args = tuple(_shared(one, other) for one, other in zip(args, found[0].args, strict=True))
            kwargs = {key: _shared(one, found[0].kwargs.get(key)) for key, one in kwargs.items()}
        found.append(Call(0, args, kwargs, mine))
        raise _Stop

    hook = network.get_submodule(first).register_forward_pre_hook(catch, with_kwargs=True)
    try:
        for batch in batches:
            try:
                with torch.no_grad():
                    run(network, batch)
            except _Stop:
                found[-1].samples = rows(batch)
    finally:
        hook.remove()
    return found


def through(block: nn.Module, calls: Sequence[Call], watch: Watch | None, *, onward: bool = False) -> None:
    """Runs a block on all batches, watched, or handing on what it gives."""
    for call in calls:
        if onward:
            call.mine = call.run(block)
        elif watch is not None:
            with watch.batch(call.samples):
                call.run(block)


def _over(network: nn.Module, batches: Sequence[Inputs], watch: Watch) -> None:
    for batch in batches:
        with watch.batch(rows(batch)), torch.no_grad():
            run(network, batch)


def stage(
    seats: Sequence[Seat], plan: Plan, told: Count, look: Look, known: Mapping[str, Solved] = NOTHING
) -> Iterator[Done]:
    """Watches some matrices, then prunes one after the other. Those that nothing came by stay as they are.

    All are written at the end, so that what a matrix is fitted to does not hang on how far the walk came before.
    """
    solved = {seat.name: known[seat.name] for seat in seats if seat.name in known}
    told.at += len(solved)
    if len(solved) < len(seats):
        watch = Watch(seats, whole=plan.needs_gram)
        look(watch)
        for seat in seats:
            if seat.name not in known:
                told.at += 1
                done, solved[seat.name] = _one(seat, watch, plan, told)
                yield done
    for seat in seats:
        seat.write(solved[seat.name].weight)


def _one(seat: Seat, watch: Watch, plan: Plan, told: Count) -> tuple[Done, Solved]:
    started, seen = time.perf_counter(), watch.of(seat.name)
    if seen is None or seat.name not in plan.shares:
        weight, errors = seat.matrix(), ()
        found = Solved(weight, torch.ones(weight.shape, dtype=torch.bool))
    else:
        found, errors = solve(seat, seen, plan)
    watch.drop(seat.name)
    kept = seat.like_weight(found.kept).cpu()
    return Done(seat.name, told.at, told.of, found, kept, time.perf_counter() - started, *errors), found


def solve(seat: Seat, seen: Gram | Norms, plan: Plan) -> tuple[Solved, tuple[float, ...]]:
    """One matrix: what stays of it and what the survivors are, and its two errors."""
    weight = seat.matrix()
    amount, pattern = plan.shares[seat.name], plan.pattern
    if pattern is not None and weight.shape[1] % pattern[1]:
        raise ValueError(
            f"{seat.name} has {weight.shape[1]} inputs, which are no whole groups of {pattern[1]}: "
            f"leave it out, or remove single weights"
        )
    kept = None
    if not plan.method.chooses:
        evidence = Evidence(seat.name, weight, plan.seed, input_norm=seen.norms[None, :])
        scores = plan.criterion.saliency(evidence)
        kept = stays(torch.where(weight == 0, -torch.inf, scores), amount, pattern, rows=plan.rows)
    problem = Problem(weight, seen if isinstance(seen, Gram) else None, amount, pattern, kept)
    solved = plan.method.solve(problem)
    if not plan.weighed:
        return solved, ()
    plain = torch.where(solved.kept, weight, torch.zeros((), device=weight.device))
    return solved, (error(problem, solved.weight), error(problem, plain))


def blocks(network: nn.Module, inputs: Inputs, seats: Sequence[Seat]) -> tuple[str, ...]:
    """The chain of blocks that hold most of the matrices: each is called once, in order, and given the very tensor that the
    one before it gave. Empty where there is no such chain."""
    best: tuple[str, ...] = ()
    most = 0
    for above, module in network.named_modules():
        if not isinstance(module, nn.ModuleList | nn.Sequential) or len(module) < 2:
            continue
        names = tuple(f"{above}.{at}" if above else at for at, _ in module.named_children())
        holds = sum(any(seat.name.startswith(f"{name}.") for name in names) for seat in seats)
        if holds > most and len(seats) < 2 * holds and handed_on(network, names, inputs):
            best, most = names, holds
    return best


def handed_on(network: nn.Module, names: Sequence[str], inputs: Inputs) -> bool:
    """Whether these modules are called once each, in this order, each with the tensor that the one before gave."""
    seen: list[tuple[str, Tensor | None, Tensor | None]] = []
    hooks = []
    for name in names:

        def note(_module: nn.Module, args: tuple, kwargs: dict, output: object, name: str = name) -> None:
            mine = next((one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)), None)
            seen.append((name, mine, main(output)))

        hooks.append(network.get_submodule(name).register_forward_hook(note, with_kwargs=True))
    try:
        with torch.no_grad():
            run(network, some(inputs, slice(0, 1)))
    finally:
        for hook in hooks:
            hook.remove()
    if [name for name, _, _ in seen] != list(names):
        return False
    pairs = zip(seen, seen[1:], strict=False)
    return all(gave is not None and gave is given for (_, _, gave), (_, given, _) in pairs)


def _fresh(key: str, value: object) -> object:
    """What can be given again: a cache of keys and values would remember that somebody was here before."""
    if key == "use_cache":
        return False
    keeps = hasattr(value, "update") and not isinstance(value, Tensor | dict | nn.Module)
    return None if keeps else value


def _shared(one: object, other: object) -> object:
    """The other, where both are the same numbers: a mask or a table of angles is kept once for all batches."""
    if isinstance(one, Tensor) and isinstance(other, Tensor) and one.shape == other.shape and one.dtype == other.dtype:
        return other if torch.equal(one, other) else one
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return tuple(_shared(a, b) for a, b in zip(one, other, strict=True))
    return one

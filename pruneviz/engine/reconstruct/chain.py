"""Chain: the blocks of a network that hand one tensor on, and what they are called with, so that each can be run alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.engine.batches import Inputs, copied, rows
from pruneviz.engine.batches import at as some
from pruneviz.engine.reconstruct.seats import Seat
from pruneviz.engine.reconstruct.watching import Watch
from pruneviz.engine.structure.calls import first, main, run


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
    """Whether these modules are called once each, in this order, each with the tensor that the one before gave, and all with
    the same besides: where some see another mask or other angles, no block can be run with another's."""
    seen: list[tuple[str, Tensor | None, Tensor | None, list]] = []
    hooks = []
    for name in names:

        def note(_module: nn.Module, args: tuple, kwargs: dict, output: object, name: str = name) -> None:
            mine = first((*args, *kwargs.values()))
            beside = [_fresh(key, one) for key, one in (*enumerate(args), *sorted(kwargs.items())) if one is not mine]
            seen.append((name, mine, main(output), beside))

        hooks.append(network.get_submodule(name).register_forward_hook(note, with_kwargs=True))
    try:
        with torch.no_grad():
            run(network, copied(some(inputs, slice(0, 1))))
    finally:
        for hook in hooks:
            hook.remove()
    if [name for name, *_ in seen] != list(names):
        return False
    pairs = zip(seen, seen[1:], strict=False)
    return all(one[2] is not None and one[2] is other[1] and _alike(one[3], other[3]) for one, other in pairs)


def _alike(one: object, other: object) -> bool:
    """Whether two arguments say the same."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one is other or (one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other))
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return one is other or (type(one) is type(other) and not isinstance(one, Tensor) and bool(one == other))


@dataclass(slots=True, eq=False)
class Call:
    """What a block is called with for one batch; `mine` is the tensor that is handed on from block to block."""

    samples: int
    args: tuple
    kwargs: dict
    mine: Tensor

    def run(self, block: nn.Module) -> Tensor:
        """What the block hands on. It is given a copy: a block may write to what it is given, and is run twice."""
        mine = self.mine.clone()
        args = tuple(mine if one is MINE else one for one in self.args)
        kwargs = {key: mine if one is MINE else one for key, one in self.kwargs.items()}
        with torch.no_grad():
            return main(block(*args, **kwargs))


MINE = object()
"""Stands in a call's arguments for the tensor that is handed on."""


class _Stop(Exception):
    """The first block was reached: what comes after it is not run."""


def caught(network: nn.Module, block: str, batches: Sequence[Inputs]) -> list[Call]:
    """What the first block is called with for each batch; nothing after it runs. What is equal in all is kept once."""
    found: list[Call] = []

    def catch(_module: nn.Module, args: tuple, kwargs: dict) -> None:
        mine = first((*args, *kwargs.values()))
        args = tuple(_fresh("", MINE if one is mine else one) for one in args)
        kwargs = {key: _fresh(key, MINE if one is mine else one) for key, one in kwargs.items()}
        if found:
            args = tuple(_shared(one, other) for one, other in zip(args, found[0].args, strict=True))
            kwargs = {key: _shared(one, found[0].kwargs.get(key)) for key, one in kwargs.items()}
        found.append(Call(0, args, kwargs, mine))
        raise _Stop

    hook = network.get_submodule(block).register_forward_pre_hook(catch, with_kwargs=True)
    try:
        for batch in batches:
            try:
                with torch.no_grad():
                    run(network, copied(batch))
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


def _fresh(key: object, value: object) -> object:
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

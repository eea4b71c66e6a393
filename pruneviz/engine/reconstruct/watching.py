"""Watching: the inputs of some matrices while a network runs, summed as they come by; no hook stays behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pruneviz.engine.batches import Inputs, copied
from pruneviz.engine.reconstruct.gram import Gram, Norms
from pruneviz.engine.reconstruct.seats import Seat
from pruneviz.engine.structure.calls import run

UNLIKE = "{} is multiplied with other inputs than {}, and was with the same before: keep one of the two whole"


class Watch:
    """The Gram of each seat, by name. Matrices that are multiplied with one and the same tensor share one."""

    def __init__(self, seats: Sequence[Seat], *, whole: bool) -> None:
        self._seats, self._whole = seats, whole
        self._found: dict[str, Gram | Norms] = {}
        self._leads: dict[int, str] = {}
        self._passed: dict[tuple, tuple[Tensor, Gram | Norms]] = {}
        self._samples = 0
        self._counts: dict[str, int] = {}

    @contextmanager
    def batch(self, samples: int) -> Iterator[None]:
        """While inside, whatever comes by belongs to so many samples."""
        self._samples, hooks = samples, []
        try:
            for seat in self._seats:
                look = self._hook(seat)
                hooks += [one.register_forward_pre_hook(look, with_kwargs=True) for one in (seat.module, *seat.others)]
            yield
            self._check()
        finally:
            for hook in hooks:
                hook.remove()
            self._passed.clear()

    def of(self, name: str) -> Gram | Norms | None:
        """What was seen by the matrix of that name; None where nothing came by."""
        return self._found.get(name)

    def drop(self, name: str) -> None:
        """Forgets one seat's; the last of those that share it frees it."""
        self._found.pop(name, None)

    def _hook(self, seat: Seat):
        def look(_module: nn.Module, plain: tuple, named: dict) -> None:
            inputs = next(one for one in (*plain, *named.values()) if isinstance(one, Tensor))
            # The tensor is kept below, so nobody else can have its place; what wrote to it since has changed its version.
            place = (id(inputs), _version(inputs), seat.reads)
            shared = self._passed.get(place, (None, None))[1]
            mine = self._found.get(seat.name, None if seat.others else shared)
            self._counts[seat.name] = self._counts.get(seat.name, 0) + 1
            if mine is not None and mine is shared:
                self._found[seat.name] = mine
                return
            if mine is not None and self._leads.get(id(mine)) != seat.name:
                raise ValueError(UNLIKE.format(seat.name, self._leads[id(mine)]))
            rows = seat.rows(inputs)
            if mine is None:
                mine = self._found[seat.name] = self._made(rows)
                self._leads[id(mine)] = seat.name
            mine.add(rows, self._samples)
            self._passed[place] = (inputs, mine)

        return look

    def _check(self) -> None:
        """Whoever shares sums came by all that they hold: each time that the first of them was given something."""
        for name, mine in self._found.items():
            lead = self._leads[id(mine)]
            if self._counts[name] != self._counts[lead]:
                raise ValueError(UNLIKE.format(lead, name))

    def _made(self, rows: Tensor) -> Gram | Norms:
        return (Gram if self._whole else Norms)(rows.shape[1], device=rows.device)


def silent(network: nn.Module, inputs: Inputs, seats: Sequence[Seat]) -> set[str]:
    """The matrices that a forward pass multiplies with, if at all, without calling their module: nothing comes by them.
    So does torch's own attention with its output matrix."""
    heard: set[str] = set()
    hooks = [
        one.register_forward_pre_hook(lambda *_, name=seat.name: heard.add(name))
        for seat in seats
        for one in (seat.module, *seat.others)
    ]
    try:
        with torch.no_grad():
            run(network, copied(inputs))
    finally:
        for hook in hooks:
            hook.remove()
    return {seat.name for seat in seats} - heard


def _version(inputs: Tensor) -> int:
    return -1 if inputs.is_inference() else inputs._version

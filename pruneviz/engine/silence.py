"""Silence: makes a network compute without some units, and again with others, rewriting only what changes.

A unit falls silent when the rows that make it, its biases and its norm's scale and shift are zero: then its channel is
exactly 0, and stays 0 through everything that maps 0 to 0. Rows lie in one piece, so this is a walk through memory. Where
something on the way does not map 0 to 0 (a sigmoid), the check at construction sees it, and nobody may use this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import kernels
from pruneviz.engine.structure import blocks, surgery
from pruneviz.engine.structure.silence import OWN
from pruneviz.engine.structure.units import NOBODY, Part, Structure

SMALL = 256
"""Below this many units a move is over before a second thread has woken."""


@dataclass(frozen=True, eq=False)
class Store:
    """Some of a network's weights end to end: `source` [n] as they are, `out` [n] that the network reads.

    `places` says, under each of its names, where a tensor starts and what its shape is; `near`, whether they lie in the
    processor's memory, where compiled passes write them.
    """

    source: Tensor
    out: Tensor
    places: Mapping[str, tuple[int, tuple[int, ...]]]
    near: bool = True

    def view(self, flat: Tensor, name: str) -> Tensor:
        start, shape = self.places[name]
        return flat[start : start + torch.Size(shape).numel()].view(shape)


@dataclass(frozen=True, eq=False)
class Stretches:
    """Of one store, the stretches [first[u], first[u+1]) of `spans` [S, 2] that are unit u's."""

    store: Store
    first: np.ndarray
    spans: np.ndarray

    def set(self, units: np.ndarray, gone: np.ndarray, passes: ModuleType) -> None:
        """Zeroes the stretches of the units that are gone, and puts those of the others back."""
        if not self.store.near:
            self._set_afar(units, gone)
            return
        source, out = self.store.source.numpy(), self.store.out.numpy()
        halves = np.array_split(units, torch.get_num_threads()) if units.size >= SMALL else [units]
        kernels.spread(lambda some: passes.stretch(source, out, self.first, self.spans, some, gone), halves)

    def _set_afar(self, units: np.ndarray, gone: np.ndarray) -> None:
        """The same on a device: all places at once, because every kernel costs a start."""
        out, back = self.store.out, self._within(units[~gone[units]])
        out.index_fill_(0, self._within(units[gone[units]]), 0)
        out.index_copy_(0, back, self.store.source.index_select(0, back))

    def _within(self, units: np.ndarray) -> Tensor:
        """Every place that lies in a stretch of these units."""
        first = torch.from_numpy(self.first)
        rows = _counted(first[units], first[units + 1] - first[units])
        starts, stops = torch.from_numpy(self.spans)[rows].to(self.store.out.device).unbind(1)
        return _counted(starts, stops - starts)


@dataclass(frozen=True, eq=False)
class Strip:
    """A unit's positions along an axis that do not lie in one piece."""

    store: Store
    tensor: str
    axis: int
    units: np.ndarray

    def set(self, changed: np.ndarray, gone: np.ndarray) -> None:
        mine = self.units != NOBODY
        moved = mine & changed[self.units]
        source, out = (self.store.view(flat, self.tensor) for flat in (self.store.source, self.store.out))
        lost = torch.from_numpy(np.flatnonzero(moved & gone[self.units])).to(out.device)
        back = torch.from_numpy(np.flatnonzero(moved & ~gone[self.units])).to(out.device)
        out.index_fill_(self.axis, lost, 0)
        out.index_copy_(self.axis, back, source.index_select(self.axis, back))


@dataclass(frozen=True, eq=False)
class Bypass:
    """A layer that is a module: how it runs, and how it passes on what it was given while it is gone."""

    module: nn.Module
    running: object
    passing: object

    def set(self, gone: bool) -> None:
        forward = self.passing if gone else self.running
        if forward is None:
            vars(self.module).pop("forward", None)
        else:
            self.module.forward = forward


class Silencer:
    """Silences units of one structure in one network. `gone` [U] is the state it is in, group after group."""

    def __init__(self, network: nn.Module, structure: Structure, weights: Store, folded: Mapping[str, str]) -> None:
        self.structure, self._passes = structure, kernels.choose()
        self.gone = np.zeros(structure.units, dtype=bool)
        starts = np.concatenate(([0], np.cumsum([group.units for group in structure.removable]))).astype(np.int64)
        parts = [
            (part, np.where(part.owner == NOBODY, NOBODY, part.owner + start))
            for group, start in zip(structure.removable, starts, strict=False)
            for part in group.parts
            if part.role in OWN
        ]
        self._network, self._rest = network, _rest(network, [part for part, _ in parts], weights, folded)
        self._stretches, self._strips = [], []
        for store in (weights, self._rest):
            self._lay_out(store, _within(store, parts, folded), starts[-1])
        self._bypasses = _bypasses(network, structure)
        self.possible = self._bypasses is not None

    def enter(self) -> None:
        """Makes the network look into this silencer's own biases and norms. Another one's may be there."""
        for name in self._rest.places:
            owner, _, key = name.rpartition(".")
            view = nn.Parameter(self._rest.view(self._rest.out, name), requires_grad=False)
            setattr(self._network.get_submodule(owner), key, view)

    def move(self, gone: np.ndarray) -> None:
        """From the state it is in to `gone` [U]."""
        changed = gone != self.gone
        units = np.flatnonzero(changed)
        for stretches in self._stretches:
            stretches.set(units, gone, self._passes)
        for strip in self._strips if units.size else ():
            strip.set(changed, gone)
        for at in units if self._bypasses else ():
            self._bypasses[at].set(gone[at])
        self.gone = gone.copy()

    def _lay_out(self, store: Store, parts: Sequence[tuple[str, int, np.ndarray]], units: int) -> None:
        spans, whose = [], []
        for tensor, axis, owner in parts:
            start, shape = store.places[tensor]
            if torch.Size(shape[:axis]).numel() > 1:
                self._strips.append(Strip(store, tensor, axis, owner))
                continue
            step = torch.Size(shape[axis + 1 :]).numel()
            edges = np.flatnonzero(np.diff(owner, prepend=NOBODY - 1, append=NOBODY - 1))
            mine = owner[edges[:-1]] != NOBODY
            spans.append(np.stack([edges[:-1], edges[1:]], axis=1)[mine] * step + start)
            whose.append(owner[edges[:-1]][mine])
        if spans:
            units_of = np.concatenate(whose)
            order = np.argsort(units_of, kind="stable")
            first = np.concatenate(([0], np.cumsum(np.bincount(units_of, minlength=int(units))))).astype(np.int64)
            self._stretches.append(Stretches(store, first, np.ascontiguousarray(np.concatenate(spans)[order])))


def readers(structure: Structure, gone: np.ndarray, weights: Store) -> None:
    """Zeroes what reads the units that are gone, [U], in the weights that the network reads: then nobody hears them."""
    start = 0
    for group in structure.removable:
        lost = gone[start : start + group.units]
        start += group.units
        for part in group.of("reads"):
            if part.tensor in weights.places:
                at = torch.from_numpy(np.flatnonzero((part.owner != NOBODY) & lost[part.owner]))
                weights.view(weights.out, part.tensor).index_fill_(part.axis, at.to(weights.out.device), 0)


def _counted(starts: Tensor, lengths: Tensor) -> Tensor:
    """Whole numbers that run on from each start, so many from each."""
    before = lengths.cumsum(0) - lengths
    return torch.repeat_interleave(starts - before, lengths) + torch.arange(int(lengths.sum()), device=starts.device)


def _within(store: Store, parts: Sequence[tuple[Part, np.ndarray]], folded: Mapping[str, str]) -> list:
    """The parts that lie in a store, each storage once: (tensor, axis, unit of each position)."""
    found = {}
    for part, owner in parts:
        name = _name(part, folded)
        if name in store.places:
            found[store.places[name][0], part.axis, owner.tobytes()] = (name, part.axis, owner)
    return list(found.values())


def _name(part: Part, folded: Mapping[str, str]) -> str:
    """Where a part's numbers are in the network that measures: a folded norm's are in its convolution's bias."""
    module, _, key = part.tensor.rpartition(".")
    return f"{folded[module]}.bias" if module in folded else part.tensor


def _rest(network: nn.Module, parts: Sequence[Part], weights: Store, folded: Mapping[str, str]) -> Store:
    """The other parameters that units have numbers in, as private copies end to end."""
    named = dict(network.named_parameters(remove_duplicate=False))
    wanted = {name: named[name] for part in parts if (name := _name(part, folded)) in named and name not in weights.places}
    unique = {_storage(tensor): tensor for tensor in wanted.values()}
    sizes = [tensor.numel() for tensor in unique.values()]
    starts = dict(zip(unique, np.concatenate(([0], np.cumsum(sizes))).astype(int).tolist(), strict=False))
    flat = [tensor.detach().to(torch.float32).reshape(-1) for tensor in unique.values()]
    source = torch.cat(flat) if flat else weights.source.new_zeros(0)
    places = {
        name: (starts[_storage(tensor)], tuple(tensor.shape)) for name, tensor in named.items() if _storage(tensor) in unique
    }
    return Store(source, source.clone(), places, weights.near)


def _storage(tensor: Tensor) -> tuple:
    return (tensor.data_ptr(), tuple(tensor.shape)) if tensor.numel() else (id(tensor),)


def _bypasses(network: nn.Module, structure: Structure) -> list[Bypass] | None:
    """How each layer is passed by, unit by unit; none where units are no modules, None where it cannot be done."""
    found = []
    for name in (block for group in structure.removable for block in group.blocks):
        module = network.get_submodule(name)
        running = vars(module).get("forward")
        blocks.bypass(network, (name,))
        if network.get_submodule(name) is not module or vars(module).get("forward") is running:
            return None
        found.append(Bypass(module, running, vars(module)["forward"]))
        found[-1].set(False)
    return found


def trial(structure: Structure, seed: int = 0) -> np.ndarray:
    """Half of the units of each group, drawn at random, bool [U]: a state to check a network in. One of each stays."""
    generator = np.random.default_rng(seed)
    return np.concatenate(
        [generator.permutation(group.units) < group.units // 2 for group in structure.removable] or [np.zeros(0, bool)]
    )


def outputs(network: nn.Module, inputs: Tensor | Mapping[str, Tensor]) -> Tensor:
    """What a network says: its logits."""
    return surgery.logits(network(**inputs) if isinstance(inputs, Mapping) else network(inputs))

"""Ranking: who goes before whom. Answers any amount exactly, at the speed of memory.

Weights go in the order (score, layer, index within the layer); exact zeros go first (within their row, where rows give equal
shares). For K = round(amount·n) exactly K go, ties or not, and whoever is gone at some amount is gone at every larger one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine import kernels
from pruneviz.engine.keys import Keys, Rows, keys_of
from pruneviz.engine.mask import Mask
from pruneviz.engine.quota import Quota
from pruneviz.engine.scope import Scope, find
from pruneviz.engine.selection import EVERYBODY, HITS, Counts, Cut, Part, Search, count, locate, segments_of, settle
from pruneviz.engine.subject import inputs_axis

NODES = 101
"""A sweep has one node for each whole percent from 0 to 100."""

REMEMBERED = 128
"""Cuts and totals that a ranking remembers, the latest: all nodes of a sweep, so a slider at whole percents repeats none."""

LARGE = 1 << 22
"""From this many weights on, what is written goes past the caches: it would not fit into them."""

Nothing: Mapping[str, float] = {}


def rank(
    layers: Sequence,
    weights: Sequence[Tensor],
    scores: Sequence[Tensor] | None = None,
    *,
    scope: str = "global",
    nonfinite: str = "refuse",
    compiled: bool | None = None,
    later: Sequence[float] | None = None,
) -> Ranking:
    """The ranking of weights by their scores, or by their own magnitude where there are none.

    layers: anything with .name and .shape. Weights that lie end to end in memory are ranked where they are, others are
    copied once; neither may change afterwards. `compiled=False` forces the plain path, which gives the same bits. `later` is
    what the scope's own `later` said of each layer.
    """
    names, shapes = tuple(layer.name for layer in layers), tuple(tuple(layer.shape) for layer in layers)
    _check(names, shapes, weights, scores, nonfinite)
    sizes = np.array([tensor.numel() for tensor in weights], dtype=np.int64)
    sizes.flags.writeable = False
    if sizes.sum() >= 2**31 - 1:
        raise ValueError(f"{sizes.sum()} weights are more than an index of 31 bits can name; rank fewer layers at once")
    passes, rule = kernels.choose(compiled), find(scope)
    starts = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    late = [0.0] * len(names) if later is None else later
    rows = [Rows(1 - inputs_axis(layer), one) for layer, one in zip(layers, late, strict=True)]
    keys = keys_of(names, weights, scores, rule, nonfinite, rows)
    return Ranking(names, shapes, sizes, rule, keys, starts, count(keys, starts, passes), passes)


def _check(names, shapes, weights: Sequence[Tensor], scores: Sequence[Tensor] | None, nonfinite: str) -> None:
    if nonfinite not in ("refuse", "remove"):
        raise ValueError(f"unknown nonfinite {nonfinite!r}; there are refuse, remove")
    for what, tensors in (("weights", weights), ("scores", scores)):
        if tensors is None:
            continue
        if len(tensors) != len(names):
            raise ValueError(f"got {what} of {len(tensors)} layers for {len(names)} layers; give one tensor for each layer")
        for name, shape, tensor in zip(names, shapes, tensors, strict=True):
            if tuple(tensor.shape) != shape:
                raise ValueError(
                    f"the {what} of {name} have shape {tuple(tensor.shape)}, its layer {shape}; give one for each weight"
                )


def fraction(amount: float) -> float:
    """The amount as a float, if it is a fraction: 1 means everything, never one weight."""
    whole = isinstance(amount, Integral) and (isinstance(amount, bool) or amount not in (0, 1))
    if not isinstance(amount, Real) or whole or not 0.0 <= amount <= 1.0:
        raise ValueError(f"amount {amount!r} is not a fraction: give a number from 0 to 1, such as 0.8")
    return float(amount)


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The order of leaving. Reading it changes nothing that can be seen, so any number of threads may ask at once."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    sizes: np.ndarray
    scope: Scope
    _keys: Keys
    _starts: np.ndarray
    _counts: Counts
    _passes: ModuleType
    _known: OrderedDict = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def n(self) -> int:
        return int(self._starts[-1])

    @property
    def source(self) -> np.ndarray | None:
        """The weights that were ranked, float32 [n], where the ranking holds them: what `write` reads once, not twice."""
        if self._keys.source is None:
            return None
        flat = self._keys.source.view()
        flat.flags.writeable = False
        return flat

    @property
    def held(self) -> int:
        """Bytes that this ranking keeps, the weights themselves included."""
        return self._keys.bits.nbytes + self._counts.below.nbytes + self._starts.nbytes + self.sizes.nbytes

    def removals(self, amount: float, own: Mapping[str, float] = Nothing) -> int:
        """How many weights go: round(amount·n) of those that follow, round(a·n_l) of each layer that does not."""
        return sum(part.take for part in self._parts(amount, own))

    def counts(self, amount: float, own: Mapping[str, float] = Nothing) -> np.ndarray:
        """How many weights of each layer go, int64 [L]."""
        parts = self._parts(amount, own)
        if all(part.layers.size == 1 for part in parts):
            counts = np.zeros(len(self.names), dtype=np.int64)
            counts[[int(part.layers[0]) for part in parts]] = [part.take for part in parts]
            return counts
        return self._cut(parts).counts.copy()

    def keep(self, amount: float, own: Mapping[str, float] = Nothing) -> Mask:
        """What stays."""
        out = torch.empty(self.n, dtype=torch.bool).numpy()
        segments = self._segments(self._cut(self._parts(amount, own)))
        kernels.spread(lambda rows: self._passes.keep(self._keys.bits, self._keys.mask, rows, out), kernels.divide(segments))
        out.flags.writeable = False
        return Mask(out, self.names, self.shapes)

    def write(self, amount: float, source, out, own: Mapping[str, float] = Nothing) -> None:
        """out [n] = source [n] where kept, else 0: one pass, and a few zeros put in afterwards by the exact order."""
        source, out, bits = _flat(source, self.n, "source"), _flat(out, self.n, "out"), self._keys.bits
        if not out.flags.writeable:
            raise ValueError("out is read-only; give a buffer that may be written")
        if np.may_share_memory(out, source) or np.may_share_memory(out, bits):
            raise ValueError("out shares its memory with the weights, which must stay as they are; give a buffer of its own")
        # The ranking's own weights are read once, as the keys that they are.
        source = bits if source.ctypes.data == bits.ctypes.data else source
        parts = self._parts(amount, own)
        name = self._name(parts)
        cut = self._recall(name)
        searches = [] if cut else self._searches(parts)
        segments = self._segments(cut) if cut else segments_of(searches, self._starts)
        hits = self._collect(segments, sum(search.held for search in searches), source, out)
        if cut is None:
            cut, gone = settle(searches, hits, self._counts, self._keys, self._starts, self._passes)
            out[gone] = 0
            self._remember(name, cut)

    def threshold(self, amount: float, own: Mapping[str, float] = Nothing) -> float | None:
        """The score of the last to go among the layers that follow; None where nobody goes or there is no common scale."""
        parts = self._parts(amount, own)
        if self.scope.key != "global" or not parts[0].take:
            return None
        free = parts[0].layers
        key = int(self._cut(parts).key[free[0]])
        if key == EVERYBODY:
            spans = [(int(self._starts[layer]), int(self._starts[layer + 1])) for layer in free]
            key = max(int(self._passes.extremes(self._keys.bits, self._keys.mask, *span)[1]) for span in spans)
        return self._keys.score(key)

    def sweep(self, own: Mapping[str, float] = Nothing) -> np.ndarray:
        """Of each weight, at how many of the amounts 0.00, 0.01 … 1.00 it is still there, uint8 [n]."""
        cuts = [self._cut(self._parts(percent / 100, own)) for percent in range(NODES)]
        lines = np.stack([(cut.key << 32) + cut.index for cut in cuts], axis=1)
        out = torch.empty(self.n, dtype=torch.uint8).numpy()
        ladders = self._ladders(lines)
        bins = self._counts.base, self._counts.shift

        def work(rows: np.ndarray) -> None:
            for start, stop, layer, _ in rows.tolist():
                self._passes.sweep(self._keys.bits, self._keys.mask, start, stop, lines[layer], ladders[layer], *bins, out)

        kernels.spread(work, kernels.shares(self._starts))
        return out

    def _ladders(self, lines: np.ndarray) -> list[np.ndarray]:
        """How many of each layer's lines [L, P] come before each bin of its counts, at the end all of them: [B+1] each."""
        bins = self._counts.below.shape[1]
        starts = (self._counts.base + (np.arange(bins, dtype=np.int64) << self._counts.shift)) << 32
        found: list[np.ndarray] = []
        for layer, cuts in enumerate(lines):
            if layer and np.array_equal(cuts, lines[layer - 1]):
                found.append(found[-1])
                continue
            ladder = np.append(np.searchsorted(cuts, starts, side="left"), cuts.size)
            ladder[0] = 0  # the first bin reaches down to the end of the scale
            found.append(ladder)
        return found

    def order_of(self, flat_index: int) -> int:
        """The rank of one weight: 0 goes first."""
        if not 0 <= flat_index < self.n:
            raise ValueError(f"there is no weight {flat_index}; there are 0 to {self.n - 1}")
        layer = int(np.searchsorted(self._starts, flat_index, side="right")) - 1
        key = int(self._keys.bits[flat_index] & self._keys.mask)
        span = (0, self.n) if self.scope.quota is None else (int(self._starts[layer]), int(self._starts[layer + 1]))
        place = int(self._passes.tally(self._keys.bits, self._keys.mask, *span, key, flat_index))
        if self.scope.quota is None:
            return place - 1
        quota, low, high = self._quota(np.arange(len(self.names))), 1, self.n
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if quota(middle)[layer] >= place else (middle + 1, high)
        return low - 1

    def _parts(self, amount: float, own: Mapping[str, float]) -> list[Part]:
        """Who competes for what: the layers that follow (one part, or one each where there is a quota), then the others."""
        amount, index = fraction(amount), {name: layer for layer, name in enumerate(self.names)}
        unknown = [name for name in own if name not in index]
        if unknown:
            raise ValueError(f"unknown layer {unknown[0]!r}; there are {', '.join(self.names) or 'none'}")
        free = np.array([layer for layer, name in enumerate(self.names) if name not in own], dtype=np.int64)
        take = round(amount * int(self.sizes[free].sum()))
        parts = [Part(free, take)]
        if self.scope.quota is not None:
            parts = [Part(np.array([layer]), int(c)) for layer, c in zip(free, self._quota(free)(take), strict=True)]
        apart = [(np.array([index[name]]), fraction(share)) for name, share in own.items()]
        return parts + [Part(layer, round(share * int(self.sizes[layer[0]]))) for layer, share in apart]

    def _quota(self, free: np.ndarray) -> Quota:
        name = ("quota", free.tobytes())
        quota = self._recall(name)
        if quota is None:
            sizes, shapes = self.sizes[free].tolist(), [self.shapes[layer] for layer in free]
            quota = self.scope.quota(sizes, shapes, self._passes)
            self._remember(name, quota)
        return quota

    def _totals(self, layers: np.ndarray) -> np.ndarray:
        if layers.size == 1:
            return self._counts.below[layers[0]]
        name = ("totals", layers.tobytes())
        totals = self._recall(name)
        if totals is None:
            totals = self._counts.below[layers].sum(axis=0, dtype=np.int64)
            self._remember(name, totals)
        return totals

    def _searches(self, parts: Sequence[Part]) -> list[Search]:
        room = max(4096, HITS // max(1, len(parts)))
        where = self._counts, room, self._keys, self._starts, self._passes
        return [locate(part, self._totals(part.layers), *where) for part in parts]

    def _cut(self, parts: Sequence[Part]) -> Cut:
        name = self._name(parts)
        cut = self._recall(name)
        if cut is None:
            searches = self._searches(parts)
            looked = segments_of([search for search in searches if search.width], self._starts)
            hits = self._collect(looked, sum(search.held for search in searches))
            cut, _ = settle(searches, hits, self._counts, self._keys, self._starts, self._passes)
            self._remember(name, cut)
        return cut

    def _collect(self, segments: np.ndarray, held: int, source=None, out=None) -> np.ndarray:
        """One pass; the indices of its hits, ascending."""
        bits, mask = self._keys.bits, self._keys.mask

        def work(rows: np.ndarray) -> np.ndarray:
            hits = np.empty(held, dtype=np.int32)
            if out is None:
                return hits[: self._passes.gather(bits, mask, rows, hits)]
            skew, streaming = (out.ctypes.data // 4) % 16, self.n >= LARGE
            return hits[: self._passes.write(bits, mask, source, out, rows, hits, skew, streaming)]

        return np.concatenate(kernels.spread(work, kernels.divide(segments)))

    def _segments(self, cut: Cut) -> np.ndarray:
        lines = zip(cut.key.tolist(), cut.index.tolist(), strict=True)
        searches = [Search(Part(np.array([layer]), 0), key, 0, 0, 0, index) for layer, (key, index) in enumerate(lines)]
        return segments_of(searches, self._starts)

    @staticmethod
    def _name(parts: Sequence[Part]) -> tuple:
        return tuple((part.layers.tobytes(), part.take) for part in parts)

    def _recall(self, name: tuple):
        with self._lock:
            if name in self._known:
                self._known.move_to_end(name)
            return self._known.get(name)

    def _remember(self, name: tuple, thing) -> None:
        with self._lock:
            self._known[name] = thing
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


def _flat(values, n: int, what: str) -> np.ndarray:
    """A flat float32 tensor or array [n] as the int32 of its bits: no copy."""
    array = values.detach().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.dtype != np.float32 or array.shape != (n,) or not array.flags.c_contiguous:
        raise ValueError(f"{what} is {array.dtype} {list(array.shape)}; give a contiguous float32 [{n}]")
    return array.view(np.int32)

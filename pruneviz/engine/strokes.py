"""Strokes: a ranking's masks, written on the device where the weights are. To the bit what `Ranking.write` writes.

A card sorts in a tenth of a second what a processor sorts in minutes, so where there is room all weights are sorted once,
and the line that a mask is cut along is looked up. Elsewhere it is found from the ranking's counts, and the few weights in
the line's own bin are looked up. Then everything below the line becomes zero: of magnitudes in one kernel that reads a
weight and writes it, for other scores in two that read the score's key as well.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine import device
from pruneviz.engine.ranking import Ranking
from pruneviz.engine.selection import EVERYBODY, Part, Search, segments_of, settle

PIECE = 1 << 26
"""So many weights are compared at a time: their verdicts take 64 MiB."""

SORTING = 40
"""Bytes that sorting takes for a weight; a quarter of what is free must be left after it. What stays are four."""


class Strokes:
    """One ranking's order, laid beside weights [n] on a device. Where the ranking is of these very weights by their
    magnitude, it takes no memory of its own."""

    def __init__(self, ranking: Ranking, source: Tensor, *, room: int | None = None) -> None:
        self._ranking, self._source = ranking, source
        keys = ranking._keys
        self._plain = keys.source is not None and _same(keys.source, source)
        self._keys = source.view(torch.int32) if self._plain else torch.from_numpy(keys.bits & keys.mask).to(source.device)
        self._zero = source.new_zeros(())
        self._order = self._sorted() if room is None or ranking.n * SORTING < 0.75 * room else None

    @classmethod
    def on(cls, ranking: Ranking, source: Tensor, name: str) -> Strokes:
        """Of weights on the device of this name, sorted if it has the room."""
        return cls(ranking, source, room=device.free(name))

    @property
    def held(self) -> int:
        """Bytes on the device beside the weights."""
        return self._keys.numel() * 4 * ((not self._plain) + (self._order is not None))

    def write(self, amount: float, out: Tensor, own: Mapping[str, float]) -> None:
        """out [n] = the weights where they are kept, else 0."""
        for start, stop, low, _ in self._segments(self._ranking._parts(amount, own)).tolist():
            self._stroke(start, stop, low, out)

    def _segments(self, parts: list[Part]) -> np.ndarray:
        ranking = self._ranking
        name = ranking._name(parts)
        cut = ranking._recall(name)
        if cut is None and self._order is not None and len(parts) == 1 and 0 < parts[0].take < ranking.n:
            index = int(self._order[parts[0].take - 1])
            line = Search(parts[0], int(self._ordered(index, index + 1)), 0, 0, 0, index)
            return segments_of([line], ranking._starts)
        if cut is None:
            searches = ranking._searches(parts)
            hits = self._hits(segments_of([search for search in searches if search.width], ranking._starts))
            cut, _ = settle(searches, hits, ranking._counts, ranking._keys, ranking._starts, ranking._passes)
            ranking._remember(name, cut)
        return ranking._segments(cut)

    def _sorted(self) -> Tensor:
        """The weights' places in the order in which they go, int32 [n]."""
        return torch.sort(self._ordered(0, self._ranking.n), stable=True).indices.to(torch.int32)

    def _hits(self, segments: np.ndarray) -> np.ndarray:
        """The weights that lie in the bins of a search, by index, ascending."""
        found = [np.zeros(0, dtype=np.int32)]
        for start, stop, low, width in segments.tolist():
            for first in range(start, stop, PIECE):
                keys = self._ordered(first, min(first + PIECE, stop))
                inside = (keys >= low) & (keys <= min(low + width - 1, 2**31 - 1))
                found.append((inside.nonzero().flatten() + first).to("cpu", torch.int32).numpy())
        return np.concatenate(found)

    def _ordered(self, start: int, stop: int) -> Tensor:
        keys = self._keys[start:stop]
        return keys & 0x7FFFFFFF if self._plain else keys

    def _stroke(self, start: int, stop: int, low: int, out: Tensor) -> None:
        """Zero below the line `low`, the weight from there on."""
        into = out[start:stop]
        if low >= EVERYBODY:
            into.zero_()
        elif low <= 0 and self._plain:
            into.copy_(self._source[start:stop])
        elif self._plain:
            # |w| is at or below the float just under the line exactly where its bits are below it.
            below = np.array([low - 1], dtype=np.int32).view(np.float32)[0]
            torch.hardshrink(self._source[start:stop], float(below), out=into)
        else:
            for first in range(start, stop, PIECE):
                last = min(first + PIECE, stop)
                torch.where(self._keys[first:last] >= low, self._source[first:last], self._zero, out=out[first:last])


def _same(weights: np.ndarray, source: Tensor) -> bool:
    """Whether both are the same numbers, bit by bit."""
    if weights.shape != tuple(source.shape):
        return False
    whole = torch.from_numpy(weights)
    pieces = zip(whole.split(PIECE), source.split(PIECE), strict=True)
    return all(torch.equal(one.to(source.device).view(torch.int32), other.view(torch.int32)) for one, other in pieces)

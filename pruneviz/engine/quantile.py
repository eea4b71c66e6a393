"""Quantile: of millions of magnitudes, exactly, without sorting or copying them: counted coarsely, then within one bin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pruneviz.engine import kernels
from pruneviz.engine.keys import INFINITE, UNSIGNED

SHIFT = 15
"""A coarse bin holds 2¹⁵ keys, so of those that are finite there are 65,280 bins."""


def quantile(weights: Sequence[np.ndarray], share: float) -> float:
    """The `share` quantile of |w| over all finite weights of flat float32 arrays, interpolated as numpy does by default; 0
    where there is none."""
    coarse = _counted(weights, 0, INFINITE - 1, SHIFT).cumsum()
    if not coarse[-1]:
        return 0.0
    place = (int(coarse[-1]) - 1) * share
    below = int(place)
    low, high = (_at(weights, coarse, min(rank, int(coarse[-1]) - 1)) for rank in (below, below + 1))
    return low + (high - low) * (place - below)


def _at(weights: Sequence[np.ndarray], coarse: np.ndarray, rank: int) -> float:
    """The magnitude that `rank` others come before."""
    spot = int(np.searchsorted(coarse, rank, side="right"))
    least = spot << SHIFT
    fine = _counted(weights, least, min(least + (1 << SHIFT), INFINITE) - 1, 0).cumsum()
    before = int(coarse[spot - 1]) if spot else 0
    key = least + int(np.searchsorted(fine, rank - before, side="right"))
    return float(np.array([key], np.int32).view(np.float32)[0])


def _counted(weights: Sequence[np.ndarray], least: int, most: int, shift: int) -> np.ndarray:
    """How many keys from `least` to `most` lie in each bin of 2^shift keys."""
    passes, starts = kernels.choose(), np.cumsum([0, *(part.size for part in weights)])

    def work(rows: np.ndarray) -> np.ndarray:
        out = np.zeros(((most - least) >> shift) + 1, np.int64)
        for start, stop, layer, _ in rows.tolist():
            span = start - int(starts[layer]), stop - int(starts[layer])
            passes.histogram(weights[layer].view(np.int32), UNSIGNED, *span, least, shift, least, most, out)
        return out

    return sum(kernels.spread(work, kernels.shares(starts)))

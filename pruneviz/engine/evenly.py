"""Evenly: in which order rows take their turn, so that those who had it at any time lie evenly among all."""

from __future__ import annotations

import numpy as np

SPREAD = np.uint64(2654435769)
"""2³² over the golden ratio: multiples of it fall evenly into any range."""


def evenly(many: int) -> np.ndarray:
    """The numbers 0 … many − 1, each once, int64 [many]: the first few of them lie evenly, however few they are."""
    return np.argsort((np.arange(many, dtype=np.uint64) * SPREAD) & np.uint64(0xFFFFFFFF), kind="stable")

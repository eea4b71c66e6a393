"""Clock: how long the networks take from which an allocation's units are really cut, and who is as fast as whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import torch
from torch import nn

from pruneviz.engine import timing, ways
from pruneviz.engine.budget import Budget
from pruneviz.engine.starts import Start
from pruneviz.engine.subject import Subject

Quartiles = tuple[float, float, float]
"""Lower quartile, median and upper quartile, in milliseconds of one input."""
HALVINGS = 6
BRIEF, LONG = 0.4, 2.0
"""Seconds that one comparison fills on the way, and at the end."""


class Clock:
    """Times cut networks on one input, side by side, as this process computes."""

    def __init__(self, subject: Subject, budget: Budget) -> None:
        self._subject, self._budget = subject, budget
        self._inputs = ways.inputs_of(subject, 1)

    def quartiles(self, allocations: Mapping[str, np.ndarray], seconds: float) -> dict[str, Quartiles]:
        """The time of each allocation's network, measured in turns."""
        works = {name: partial(ways.call, self._network(counts), self._inputs) for name, counts in allocations.items()}
        with torch.no_grad():
            found = timing.interleaved(works, seconds=seconds)
        return {name: (one.low, one.median, one.high) for name, one in ((key, timing.spread(v)) for key, v in found.items())}

    def as_fast(self, start: Start, mine: np.ndarray) -> Iterator[float]:
        """What `start` may leave to be as fast as `mine`, halving by the clock; the last is the most that was no slower."""
        low, high = self._budget.least, self._budget.whole
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            found = self.quartiles({"mine": mine, "other": start(middle)}, BRIEF)
            low, high = (middle, high) if found["other"][1] <= found["mine"][1] else (low, middle)
            yield low

    def _network(self, counts: np.ndarray) -> nn.Module:
        dense = ways.dense(self._subject)
        if not counts.any():
            return dense
        cut = ways.Cut({}, self._budget.standing.structure, self._budget.kept(counts))
        return ways.smaller(dense, cut, self._inputs)[0]

"""Distortion: how far the outputs move when one layer alone is pruned, and the allocation that this alone would choose.

The squared distances add up, nearly, over the layers that are pruned together (Xu et al. 2023, arXiv 2308.10438), so
the least sum under a budget is a Lagrangian problem: every layer is pruned until one more saved parameter costs the same
everywhere. The sum is only where a search starts: what is answered is measured.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from pruneviz.engine.budget import Budget
from pruneviz.engine.measure import Workspace

SHARES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)
FINE = 256
"""Stops per layer between nothing and all that may go."""
TINY = 1e-12


def measured(budget: Budget, workspace: Workspace) -> Iterator[np.ndarray]:
    """The mean squared distance of the outputs, float64 [L, J], growing row by row: NaN where it is not known yet."""
    ranking, none = budget.standing.ranking, np.zeros_like(budget.sizes)
    dense = workspace.outputs(ranking, 0.0, *budget.asked(none)).double()
    found = np.full((len(budget.players), len(SHARES)), np.nan)
    for at, one in enumerate(budget.players):
        for column, share in enumerate(SHARES):
            counts = none.copy()
            counts[at] = round(share * one.most)
            said = workspace.outputs(ranking, 0.0, *budget.asked(counts)).double()
            apart = torch.nan_to_num((said - dense).square().mean(), nan=1e30, posinf=1e30)
            found[at, column] = min(1e30, float(apart)) if counts[at] else 0.0
            yield found


class Lagrangian:
    """The allocations of least summed distortion, one for every budget."""

    def __init__(self, budget: Budget, distortion: np.ndarray) -> None:
        self._budget = budget
        steps = []
        for at, one in enumerate(budget.players):
            stops = np.unique(np.rint(np.linspace(0, one.most, FINE + 1)).astype(np.int64))
            costs = curve(stops / one.most, distortion[at])
            corners = hull(stops, costs)
            slopes = np.diff(costs[corners]) / np.maximum(self._savings(at, stops[corners]), TINY)
            steps += [(slope, at, int(stop)) for slope, stop in zip(slopes, stops[corners[1:]], strict=True)]
        self._steps = sorted(steps)

    def at(self, target: float) -> np.ndarray:
        """The counts [L] that leave at most `target`, to within one weight or unit."""
        low, high = 0, len(self._steps)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._budget.left(self._after(middle)) <= target else (middle + 1, high)
        counts = self._after(low)
        if not low or self._budget.left(counts) > target:
            return counts
        at, before = self._steps[low - 1][1], self._after(low - 1)
        fewest, most = int(before[at]), int(counts[at])
        while fewest < most:
            counts[at] = (fewest + most) // 2
            fewest, most = (fewest, counts[at]) if self._budget.left(counts) <= target else (counts[at] + 1, most)
        counts[at] = most
        return counts

    def _after(self, steps: int) -> np.ndarray:
        counts = np.zeros_like(self._budget.sizes)
        for _, at, stop in self._steps[:steps]:
            counts[at] = max(counts[at], stop)
        return counts

    def _savings(self, at: int, stops: np.ndarray) -> np.ndarray:
        """What each stretch between two stops saves while all other layers are whole."""
        counts, left = np.zeros_like(self._budget.sizes), []
        for stop in stops:
            counts[at] = stop
            left.append(self._budget.left(counts))
        return -np.diff(left)


def curve(shares: np.ndarray, measured_at: np.ndarray) -> np.ndarray:
    """The distortion at each of `shares` from that at SHARES: it never falls, is straight in its logarithm between two
    measured shares, and a parabola below the first, as a network answers to a small change."""
    known = np.maximum.accumulate(np.maximum(measured_at, TINY))
    found = np.exp(np.interp(shares, SHARES, np.log(known)))
    first = shares < SHARES[0]
    return np.where(first, known[0] * np.square(shares / SHARES[0]), found)


def hull(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The places of the lower convex hull's corners (Andrew's monotone chain), ascending in x."""
    corners: list[int] = []
    for at in range(len(x)):
        while len(corners) > 1:
            one, two = corners[-2:]
            if (y[two] - y[one]) * (x[at] - x[one]) < (y[at] - y[one]) * (x[two] - x[one]):
                break
            corners.pop()
        corners.append(at)
    return np.array(corners)

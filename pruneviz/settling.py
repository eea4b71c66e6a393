"""Settling: how many samples would decide what so few cannot tell. Plain numbers only.

The same samples were judged twice, as `intervals` counts them: both right, newly wrong, newly right, neither.
"""

from __future__ import annotations

import math

from pruneviz.intervals import Z, paired

MOST = 10**9
"""Of more samples than this nobody has as many: then it is said as it is, that no number will do."""
NEAR = 1e-9


def needed(counts: tuple[int, int, int, int], allowed: float, z: float = Z) -> int | None:
    """So many samples, of which the same shares change sides, have an interval of the share lost that no longer holds
    `allowed` (a share as well). None where the share lost is the limit itself: then no number will do.

    The interval is the verdict's own (`intervals.paired`), so that what is promised is what will be judged by. For large n
    it is the normal approximation's: n = z² · (w + r − (w − r)²) / (w − r − allowed)², with w and r the shares newly wrong
    and newly right.
    """
    n, lost = sum(counts), (counts[1] - counts[2]) / sum(counts)
    if abs(lost - allowed) < NEAR:
        return None

    def settled(many: float) -> bool:
        low, high = paired(*(many / n * count for count in counts), z)
        return high <= allowed or low > allowed

    low, high = float(n), float(n)
    while not settled(high):
        low, high = high, 2 * high
        if high > MOST:
            return None
    while high - low > 0.002 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return math.ceil(high)


def about(n: int) -> int:
    """A number with two digits, rounded up: more would be more than anybody can know beforehand."""
    step = 10 ** max(0, len(str(n)) - 2)
    return -(-n // step) * step

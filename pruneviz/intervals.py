"""Intervals: how sure a number of samples makes a difference, a ratio, or the worst of many. Plain numbers only.

Everywhere the same n samples were judged twice: `both` were right before and after, `wrong` turned wrong, `right` turned
right, `neither` was right either time.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from pruneviz.report import wilson

LEVEL = 0.95
Z = 1.959963984540054
"""So many standard deviations hold 95 %."""


def paired(both: int, wrong: int, right: int, neither: int, z: float = Z) -> tuple[float, float]:
    """The 95 % interval of the share lost, (wrong − right) / n; another `z` makes it surer.

    Square and add of the two Wilson score intervals, with the correlation φ of the two judgements, corrected for continuity
    (Newcombe 1998, Statistics in Medicine 17: 2635-2650, method 10):

        L = θ − √(dl₁² − 2φ·dl₁·du₂ + du₂²),  U = θ + √(du₁² − 2φ·du₁·dl₂ + dl₂²),  dl = p − l,  du = u − p.
    """
    n = both + wrong + right + neither
    before, after = both + wrong, both + right
    (low_1, up_1), (low_2, up_2) = wilson(before, n, z), wilson(after, n, z)
    first, second, phi = before / n, after / n, _correlation(both, wrong, right, neither)
    lost = (wrong - right) / n
    down = _together(first - low_1, up_2 - second, phi)
    up = _together(up_1 - first, second - low_2, phi)
    return max(-1.0, lost - down), min(1.0, lost + up)


def _correlation(both: int, wrong: int, right: int, neither: int) -> float:
    """φ of the two judgements, its numerator ad − bc lessened by n / 2 where it is positive; 0 where a margin is empty."""
    margins = (both + wrong) * (right + neither) * (both + right) * (wrong + neither)
    if not margins:
        return 0.0
    cross, n = both * neither - wrong * right, both + wrong + right + neither
    return (max(0.0, cross - n / 2) if cross > 0 else cross) / math.sqrt(margins)


def _together(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * phi * one * other + other * other))


def ratio(both: int, wrong: int, right: int) -> tuple[float, float]:
    """The 95 % interval of the share kept, (both + right) / (both + wrong): how many times as many are right as before.

    Hybrid Wilson score interval (Bonett & Price 2006, Statistics in Medicine 25: 3039-3047), one of the two recommended by
    Fagerland, Lydersen & Laake 2014, Statistics in Medicine 33: 2850-2875. Of the m = both + wrong + right samples that were
    right at least once, two Wilson intervals whose z is lessened by what the pairs have in common:

        [l₂ / u₁, u₂ / l₁],  z′ = z · A / (B₁ + B₂),  A² = (wrong + right + 2) / ((x₁ + 1)(x₂ + 1)),
        B² = (1 − (x + 1) / (m + 2)) / (x + 1),  x₁ = both + wrong,  x₂ = both + right.
    """
    m, before, after = both + wrong + right, both + wrong, both + right
    if not m:
        return 0.0, math.inf
    apart = math.sqrt((wrong + right + 2) / ((before + 1) * (after + 1)))
    alone = sum(math.sqrt((1 - (one + 1) / (m + 2)) / (one + 1)) for one in (before, after))
    z = Z * apart / alone
    (low_1, up_1), (low_2, up_2) = wilson(before, m, z), wilson(after, m, z)
    return low_2 / up_1, up_2 / low_1 if low_1 > 0 else math.inf


def each_of(many: int) -> float:
    """The level of each of so many intervals of independent samples, so that all of them hold together 95 times of 100:
    0.95^(1/many) (Šidák 1967, Journal of the American Statistical Association 62: 626-633)."""
    return LEVEL ** (1 / max(1, many))


def deviations(level: float) -> float:
    """How many standard deviations on either side hold so much of a normal distribution: 1.96 for 0.95."""
    return NormalDist().inv_cdf(1 - (1 - level) / 2)

"""Distribution: the weights of a layer as a shape. Is it Laplace, Gauss, or something in between, and how well does it fit?

Every law is fitted by maximum likelihood to all finite weights, zeros included: a layer that is already pruned is a
spike with shoulders, and its large Kolmogorov-Smirnov distance says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pruneviz.law import LAWS, cumulative, density, lorenz, predicted_threshold, survival
from pruneviz.report import PERCENTS, Fit, LayerShape

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LAWS", "cumulative", "density", "fits", "lorenz", "pooled", "predicted_threshold", "shape_of", "survival"]

BINS = 120
"""At most so many bars: even, so that one edge is 0 and the picture folds into |w|."""
EXACT = 2_000_000
"""Up to so many weights the Kolmogorov-Smirnov distance is exact."""
SEARCHED = 200_000
"""The shape β is searched on at most so many weights; scale, likelihood and distance are then those of all."""
BETAS = (0.1, 20.0)
"""β is searched between a spike and almost a box."""


def shape_of(name: str, label: str, weight: Tensor | np.ndarray) -> LayerShape:
    """The weights of one layer as a distribution. NaN and infinities are counted and left out of everything else."""
    values = _numbers(weight)
    finite = values[np.isfinite(values)]
    ordered = np.sort(finite)
    edges, counts = _histogram(ordered)
    quantiles, energy = _thresholds(np.sort(np.abs(finite)))
    largest = float(np.abs(finite).max(initial=0.0))
    relative = finite / largest if largest else finite
    return LayerShape(
        name=name,
        label=label,
        weights=values.size,
        zeros=int(finite.size - np.count_nonzero(finite)),
        nonfinite=int(values.size - finite.size),
        mean=float(relative.mean() * largest) if finite.size else 0.0,
        deviation=float(relative.std() * largest) if _varies(ordered) else 0.0,
        edges=edges,
        counts=counts,
        quantiles=quantiles,
        energy=energy,
        fits=fits(ordered),
    )


def pooled(weights: Iterable[Tensor | np.ndarray], name: str = "", label: str = "all layers") -> LayerShape:
    """All layers poured together: a mixture of scales, often heavier-tailed than its parts. Judge layers one by one."""
    parts = [_numbers(weight) for weight in weights]
    return shape_of(name, label, np.concatenate(parts) if parts else np.zeros(0))


def fits(ordered: np.ndarray) -> tuple[Fit, ...]:
    """Laplace, Gauss and generalised Gauss, fitted by maximum likelihood to sorted finite weights [n].

    Laplace: location = median, b = mean|w − median|. Gauss: mean and population standard deviation. Generalised: the
    likeliest β at the median or at the mean, so it never fits worse than either. A constant layer is a point mass.
    """
    if not _varies(ordered):
        location = float(ordered[0]) if ordered.size else 0.0
        return tuple(Fit(law, location, 0.0, shape, 0.0, 0.0) for law, shape in zip(LAWS, (1.0, 2.0, 2.0), strict=True))
    unit = float(max(abs(ordered[0]), abs(ordered[-1])))
    relative = ordered / unit  # in [−1, 1], so that no square overflows
    median, mean = float(np.median(relative)), float(relative.mean())
    laplace, gauss = _likeliest(relative, median, 1.0), _likeliest(relative, mean, 2.0)
    searched = [_likeliest(relative, location, _beta(relative, location)) for location in (median, mean)]
    general = max((laplace, gauss, *searched), key=lambda found: found[3])
    chosen = zip(LAWS, (laplace, gauss, general), strict=True)
    return tuple(_fit(law, relative, unit, found) for law, found in chosen)


def _fit(law: str, relative: np.ndarray, unit: float, found: tuple[float, float, float, float]) -> Fit:
    location, width, beta, likelihood = found
    scale = width / math.sqrt(2) if law == "gauss" else width
    distance = _kolmogorov(Fit(law, location, scale, beta, 0.0, 0.0), relative)
    scale = min(scale * unit, float(np.finfo(np.float64).max))
    return Fit(law, location * unit, scale, beta, distance, likelihood - relative.size * math.log(unit))


def _likeliest(x: np.ndarray, location: float, beta: float) -> tuple[float, float, float, float]:
    """(location, α, β, log-likelihood) with the likeliest α at that location and β: α = (β · mean|x−μ|^β)^(1/β)."""
    gaps = np.abs(x - location)
    widest = float(gaps.max())
    log_width = math.log(widest) + math.log(beta * float(np.mean((gaps / widest) ** beta))) / beta
    per_weight = math.log(beta) - math.log(2) - log_width - math.lgamma(1 / beta) - 1 / beta
    return location, math.exp(log_width), beta, x.size * per_weight


def _beta(x: np.ndarray, location: float) -> float:
    """The likeliest β: one bounded search along the profile likelihood, α being its best at every β."""
    from scipy.optimize import minimize_scalar

    sample = x[_evenly(x.size, SEARCHED)]
    if not np.any(sample != location):
        sample = x
    low, high = (math.log(beta) for beta in BETAS)
    found = minimize_scalar(
        lambda logarithm: -_likeliest(sample, location, math.exp(logarithm))[3],
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-5},
    )
    return math.exp(float(found.x))


def _kolmogorov(fit: Fit, ordered: np.ndarray) -> float:
    """sup |F_n − F|: at each weight the gap above and the gap below the step.

    Beyond 2,000,000 weights a fixed, evenly spaced part of the sorted order is looked at, with its true ranks: that
    can miss at most 1 / 2,000,000 of the distance.
    """
    rank = _evenly(ordered.size, EXACT)
    law = cumulative(fit, ordered[rank])
    return float(max(np.max((rank + 1) / ordered.size - law), np.max(law - rank / ordered.size)))


def _evenly(n: int, most: int) -> np.ndarray:
    """At most `most` ranks, spread evenly over 0 … n−1, the first and the last among them."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)


def _histogram(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges [B+1], symmetric around 0, and counts [B] that add up to all finite weights.

    Bins are equally wide as far as the 0.1 % and 99.9 % quantiles; where weights lie much farther out, the two outermost
    bins stretch to reach them, so compare counts by their bin's width.
    """
    n = ordered.size
    half = max(4, min(BINS // 2, math.ceil(2 * n ** (1 / 3))))
    span = np.abs(ordered[[0, math.floor(0.001 * (n - 1)), math.ceil(0.999 * (n - 1)), -1]] if n else np.zeros(4))
    largest, inner = float(span.max()), float(span[1:3].max())
    reach = largest if largest <= 1.5 * inner or not inner else inner
    positive = np.linspace(0, 1, half + 1)
    if np.any(np.diff(positive * reach) <= 0):  # all weights are 0, or so small that no number lies between
        reach = largest = max(largest, 1.0)
    positive *= reach
    positive[-1] = largest
    edges = np.concatenate((-positive[:0:-1], positive))
    return edges, np.histogram(ordered, edges)[0]


def _thresholds(magnitudes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(largest removed |w|, share of Σw² removed) [101] each, when round(s·n) of the sorted magnitudes are removed."""
    n = magnitudes.size
    removed = np.array([round(percent / 100 * n) for percent in range(PERCENTS)])
    quantiles, energy = np.zeros(PERCENTS), np.zeros(PERCENTS)
    some = removed > 0
    quantiles[some] = magnitudes[removed[some] - 1]
    if n and magnitudes[-1] > 0:
        share = np.cumsum((magnitudes / magnitudes[-1]) ** 2)
        energy[some] = share[removed[some] - 1] / share[-1]
    return quantiles, energy


def _numbers(weight: Tensor | np.ndarray) -> np.ndarray:
    """The weights as float64 [n], from a tensor of any device and number type, or from an array."""
    if hasattr(weight, "detach"):
        weight = weight.detach().cpu().double().numpy()
    return np.asarray(weight, dtype=np.float64).reshape(-1)


def _varies(ordered: np.ndarray) -> bool:
    return bool(ordered.size and ordered[0] != ordered[-1])

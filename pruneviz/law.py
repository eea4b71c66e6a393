"""Law: what Laplace, Gauss and the generalised Gauss say about weights, as formulas. Any `Fit` in, numbers out.

All three are one family, f(x) = β / (2αΓ(1/β)) · exp(−(|x−μ|/α)^β) (Subbotin 1923; the form of Nadarajah 2005, eq. 1):
β = 1 is Laplace with α = b, β = 2 is Gauss with α = σ·√2. A fit of scale 0 is a point mass at its location. It stands
on the ground floor, because the engine fits these laws and the charts draw them, and the two never meet.
"""

from __future__ import annotations

import math

import numpy as np

from pruneviz.report import Fit

LAWS = ("laplace", "gauss", "generalised")
"""The laws by the name that a Fit carries. `Fit.scale` is b, σ and α; `Fit.shape` is β: 1, 2 and whatever fits best."""


def alpha(fit: Fit) -> float:
    """The scale in the family's own unit: b for Laplace, σ·√2 for Gauss, α for the generalised Gauss."""
    return fit.scale * math.sqrt(2) if fit.law == "gauss" else fit.scale


def density(fit: Fit, x: np.ndarray) -> np.ndarray:
    """How densely the law packs weights at x. A point mass has no density: 0 everywhere."""
    x = np.asarray(x, dtype=np.float64)
    width = alpha(fit)
    if width == 0:
        return np.zeros_like(x)
    log_peak = math.log(fit.shape) - math.log(2 * width) - math.lgamma(1 / fit.shape)
    return math.exp(min(log_peak, 700.0)) * np.exp(-_distance(fit, x))


def cumulative(fit: Fit, x: np.ndarray) -> np.ndarray:
    """The share of weights at or below x under the law."""
    x = np.asarray(x, dtype=np.float64)
    tail = _tail(fit, x)
    return np.where(x < fit.location, tail, 1 - tail)


def survival(fit: Fit, x: np.ndarray) -> np.ndarray:
    """The share of weights whose magnitude exceeds x ≥ 0 under the law, P(|w| > x), with the law's own location."""
    x = np.asarray(x, dtype=np.float64)
    if alpha(fit) == 0:
        return np.where(x < abs(fit.location), 1.0, 0.0)
    right, left = _tail(fit, x), _tail(fit, -x)
    above = np.where(x < fit.location, 1 - right, right)
    below = np.where(-x < fit.location, left, 1 - left)
    return above + below


def predicted_threshold(fit: Fit, s: float | np.ndarray) -> np.ndarray:
    """The magnitude below which the law expects the fraction s of the weights, its location taken as 0.

    Laplace: t = −b·ln(1−s). Gauss: t = σ·Φ⁻¹((1+s)/2). Generalised: t = α·P⁻¹(1/β, s)^(1/β), where P is the regularised
    lower incomplete gamma function. No law ends, so t is infinite at s = 1.
    """
    s = np.asarray(s, dtype=np.float64)
    if fit.scale == 0:
        return np.full_like(s, abs(fit.location))
    if fit.law == "laplace":
        with np.errstate(divide="ignore"):
            return -fit.scale * np.log1p(-s)
    return alpha(fit) * _mass_inverse(fit.shape, s) ** (1 / fit.shape)


def lorenz(fit: Fit, s: float | np.ndarray) -> np.ndarray:
    """The share of Σw² that the smallest fraction s of the weights holds under the law, its location taken as 0.

    With u = P⁻¹(1/β, s) it is P(3/β, u). Laplace at one half: 1 − ½(1 + ln 2 + ½ln²2) = 0.0333; Gauss: ½ − 2zφ(z) with
    z = Φ⁻¹(¾), 0.0713.
    """
    from scipy.special import gammainc

    s = np.asarray(s, dtype=np.float64)
    if fit.scale == 0:
        return s.copy()
    return gammainc(3 / fit.shape, _mass_inverse(fit.shape, s))


def _mass_inverse(beta: float, s: np.ndarray) -> np.ndarray:
    """u such that the fraction s of the magnitudes has (|w|/α)^β ≤ u; infinite at s = 1."""
    from scipy.special import gammaincinv

    return np.where(s >= 1, np.inf, gammaincinv(1 / beta, np.minimum(s, 1 - 2**-53)))


def _distance(fit: Fit, x: np.ndarray) -> np.ndarray:
    # Past 1e300 every density and every tail is 0 in double precision anyway; clipped, so that nothing overflows.
    with np.errstate(over="ignore"):
        return np.minimum((np.abs(x - fit.location) / alpha(fit)) ** fit.shape, 1e300)


def _tail(fit: Fit, x: np.ndarray) -> np.ndarray:
    """The mass on the far side of x, seen from the location: at most one half, and exact far out."""
    if alpha(fit) == 0:
        return np.zeros_like(x)
    far = _distance(fit, x)
    if fit.law == "laplace":
        return 0.5 * np.exp(-far)
    from scipy.special import erfc, gammaincc

    return 0.5 * (erfc(np.sqrt(far)) if fit.law == "gauss" else gammaincc(1 / fit.shape, far))

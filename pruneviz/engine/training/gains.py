"""Gains: what a network got right that another one did not, sample by sample, and how sure that is."""

from __future__ import annotations

import math

import numpy as np

from pruneviz.engine.outcomes import Measurement
from pruneviz.intervals import paired


def flips(before: Measurement, after: Measurement) -> dict[str, float]:
    """How many samples turned wrong, and how many right; nothing where there is no right and wrong."""
    if before.correct is None or after.correct is None:
        return {}
    return {
        "newly_wrong": float((before.correct & ~after.correct).sum()),
        "newly_right": float((~before.correct & after.correct).sum()),
    }


def gain(before: Measurement, after: Measurement) -> dict[str, float]:
    """What is gained from one network to another on the same samples, and its 95 % interval.

    In shares of right samples (Newcombe's paired interval); where nothing is right or wrong as a whole, in nats of loss per
    prediction, with samples as the independent blocks.
    """
    if before.correct is None or after.correct is None:
        return dict(zip(("gain", "gain_low", "gain_high"), _nats(before, after), strict=True))
    was, now = before.correct, after.correct
    both, wrong, right = int((was & now).sum()), int((was & ~now).sum()), int((~was & now).sum())
    low, high = paired(both, wrong, right, len(was) - both - wrong - right)
    return {"gain": (right - wrong) / len(was), "gain_low": -high, "gain_high": -low}


def _nats(before: Measurement, after: Measurement) -> tuple[float, float, float]:
    """The mean loss saved per prediction, a ratio of sums, with Student's interval of it (Cochran 1977, ch. 6)."""
    saved, counts = before.losses - after.losses, before.counts.astype(np.float64)
    n, whole = len(saved), counts.sum()
    mean = float(saved.sum() / whole)
    if n < 2:
        return mean, -math.inf, math.inf
    from scipy.special import stdtrit

    error = math.sqrt(n / (n - 1) * np.square(saved - mean * counts).sum()) / whole
    half = float(stdtrit(n - 1, 0.975)) * float(error)
    return mean, mean - half, mean + half

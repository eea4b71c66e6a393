"""Trading: the best exchange of a removed and a kept weight of a row, again and again; compiled where numba is installed.

e [I] are the row's errors (w where removed, else 0), g = He. Taking p back and letting k go changes the row's error by
½w_p²H_pp − w_p g_p + ½w_k²H_kk + w_k g_k − w_p w_k H_pk: three parts of which two depend on one of them alone.
"""

from __future__ import annotations

import numpy as np

from pruneviz.engine import kernels

SMALLEST = 1e-12
"""Of an error and its parts: below rounding an exchange and its opposite would follow each other for ever."""


def trade(damped: np.ndarray, whole: np.ndarray, kept: np.ndarray, group: int, most: int, plain: bool = False) -> np.ndarray:
    """What stays (bool [O, I]) of rows whole [O, I] after at most so many exchanges in each; float64, nothing is written to.

    Within aligned groups of `group` columns; a group as wide as the row is the row itself.
    """
    if not plain and kernels.available():
        from pruneviz.engine.reconstruct import compiled_trading

        out = np.ascontiguousarray(kept).copy()
        parts = np.array_split(np.arange(len(whole)), max(1, min(len(whole), 64)))
        kernels.each(lambda rows: compiled_trading.trade(damped, whole, out, rows, group, most, SMALLEST), parts)
        return out
    return np.array([_row(damped, *pair, group, most) for pair in zip(whole, kept, strict=True)], dtype=bool).reshape(
        kept.shape
    )


def _row(damped: np.ndarray, w: np.ndarray, kept: np.ndarray, group: int, most: int) -> np.ndarray:
    kept, of = kept.copy(), np.arange(len(w)) // group
    own, errors = 0.5 * w * w * damped.diagonal(), np.where(kept, 0.0, w)
    pull = damped @ errors
    for _ in range(most):
        back, out = np.where(kept, np.inf, own - w * pull), np.where(kept, own + w * pull, np.inf)
        change = back[:, None] + out[None, :] - np.outer(w, w) * damped
        change[of[:, None] != of[None, :]] = np.inf
        p, k = np.unravel_index(np.argmin(change), change.shape)
        if not change[p, k] < -SMALLEST * (0.5 * errors @ pull + own.sum()):
            break
        kept[p], kept[k], errors[p], errors[k] = True, False, 0.0, w[k]
        pull += w[k] * damped[k] - w[p] * damped[p]
    return kept

"""The exchanges of `trading`, compiled. Only `trading` imports this file, so numba may be missing."""

import numpy as np

from pruneviz.engine.compiled import _compile


@_compile
def trade(damped, whole, kept, rows, group, most, smallest):
    """kept [O, I] of some rows becomes what stays after the exchanges."""
    wide = whole.shape[1]
    errors, pull, own, back, out = (np.empty(wide), np.empty(wide), np.empty(wide), np.empty(wide), np.empty(wide))
    for row in rows:
        w, stays = whole[row], kept[row]
        total = 0.0
        for i in range(wide):
            own[i] = 0.5 * w[i] * w[i] * damped[i, i]
            errors[i] = 0.0 if stays[i] else w[i]
            total += own[i]
            pull[i] = 0.0
        for j in range(wide):
            if errors[j] != 0.0:
                for i in range(wide):
                    pull[i] += errors[j] * damped[j, i]
        for _ in range(most):
            now = 0.0
            for i in range(wide):
                now += 0.5 * errors[i] * pull[i]
                back[i] = np.inf if stays[i] else own[i] - w[i] * pull[i]
                out[i] = own[i] + w[i] * pull[i] if stays[i] else np.inf
            best, p, k = np.inf, -1, -1
            for first in range(0, wide, group):
                last = min(first + group, wide)
                for i in range(first, last):
                    if not stays[i]:
                        least = _least(out, w, damped[i], w[i], first, last)
                        if back[i] + least < best:
                            best, p = back[i] + least, i
            if p < 0 or not best < -smallest * (now + total):
                break
            first = p - p % group
            least = np.inf
            for j in range(first, min(first + group, wide)):
                found = out[j] - w[p] * w[j] * damped[p, j]
                if found < least:
                    least, k = found, j
            stays[p], stays[k], errors[p], errors[k] = True, False, 0.0, w[k]
            for i in range(wide):
                pull[i] += w[k] * damped[k, i] - w[p] * damped[p, i]


@_compile
def _least(out, w, line, mine, first, last):
    """The least of out[j] − w_p w_j H_pj over some columns, eight at a time."""
    found = np.full(8, np.inf)
    stop = first + (last - first) // 8 * 8
    for at in range(first, stop, 8):
        for lane in range(8):
            value = out[at + lane] - mine * w[at + lane] * line[at + lane]
            found[lane] = value if value < found[lane] else found[lane]
    least = np.inf
    for lane in range(8):
        least = min(least, found[lane])
    for at in range(stop, last):
        least = min(least, out[at] - mine * w[at] * line[at])
    return least

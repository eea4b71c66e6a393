"""The visit of a block in `pushing`, compiled. Only `pushing` imports this file, so numba may be missing."""

import numpy as np

from pruneviz.engine.compiled import _compile


@_compile
def visit(moving, factor, kept, dead, errors, first, last, stay, of):
    """`pushing.visit` for the rows [first, last) of W, which nothing of other rows concerns once it is known what goes."""
    wide = last - first
    scores, lower = np.empty((of, wide), moving.dtype), np.empty((of, wide), np.int16)
    for column in range(len(moving)):
        if of > 0 and column % of == 0:
            _choose(moving, factor, kept, dead, scores, lower, column, first, stay)
        row, stays, error = moving[column, first:last], kept[column, first:last], errors[column, first:last]
        scale = factor[column, column]
        for at in range(wide):
            error[at] = 0 if stays[at] else row[at] / scale
            row[at] = row[at] if stays[at] else 0
        for later in range(column + 1, len(moving)):
            pull, target = factor[column, later], moving[later, first:last]
            for at in range(wide):
                target[at] -= pull * error[at]


@_compile
def _choose(moving, factor, kept, dead, scores, lower, column, first, stay):
    """How many of its group lie below each, every pair compared for all rows at once; of equals the first is lower."""
    of, wide = scores.shape
    for i in range(of):
        scale, row, score, below = factor[column + i, column + i], moving[column + i, first:], scores[i], lower[i]
        for at in range(wide):
            ratio = row[at] / scale
            score[at] = 0 if dead[column + i] else ratio * ratio
            below[at] = 0
    for i in range(of):
        for j in range(i + 1, of):
            mine, theirs, before, after = scores[i], scores[j], lower[i], lower[j]
            for at in range(wide):
                later = theirs[at] >= mine[at]
                after[at] += later
                before[at] += 1 - later
    for i in range(of):
        below, stays = lower[i], kept[column + i, first:]
        for at in range(wide):
            stays[at] = below[at] >= of - stay

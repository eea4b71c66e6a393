"""Pushing: a block of columns is visited one by one, and what goes in each is made up for by those of it that come later.

Columns of W lie in rows here, [B, O]: what is read together lies together. On a processor the visit is compiled where numba
is installed: column by column, each of torch's calls costs more than what it does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pruneviz.engine import kernels
from pruneviz.engine.pattern import places

INNER = 32
"""Columns whose errors are pushed right one by one before the rest of the block hears of them at once."""
ROWS = 384
"""Rows of W that a thread takes at a time: their block of columns stays in its cache."""


def visit(
    moving: Tensor, factor: Tensor, kept: Tensor, dead: Tensor, pattern: tuple[int, int] | None, plain: bool = False
) -> Tensor:
    """The errors [B, O] of columns moving [B, O], which become what they are afterwards; factor [B, B] is their part of U.

    Where kept [B, O] (bool) is False a weight goes. With a pattern N:M, kept is written instead: aligned groups of M columns
    are judged row by row when all columns before have been heard, inputs that were always zero (dead [B]) as nothing.
    ValueError where columns are no whole groups, or where moving or kept do not lie end to end.
    """
    if pattern is not None and len(moving) % pattern[1]:
        raise ValueError(f"{len(moving)} columns are no whole groups of {pattern[1]}: choose another pattern")
    if not (moving.is_contiguous() and kept.is_contiguous()):
        raise ValueError("moving and kept are written to where they lie: give contiguous tensors [B, O]")
    errors = torch.empty_like(moving)
    if not plain and moving.device.type == "cpu" and kernels.available():
        _compiled(moving, factor, kept, dead, pattern, errors)
    else:
        _plain(moving, factor, kept, dead, pattern, errors)
    return errors


def _compiled(moving: Tensor, factor: Tensor, kept: Tensor, dead: Tensor, pattern, errors: Tensor) -> None:
    from pruneviz.engine.reconstruct import compiled_pushing

    stay, of = pattern or (0, 0)
    wide = moving.shape[1]
    rows = max(1, min(ROWS, -(-wide // torch.get_num_threads())))
    taken = [one.numpy() for one in (moving, factor.contiguous(), kept, dead.contiguous(), errors)]
    parts = [(first, min(first + rows, wide)) for first in range(0, wide, rows)]
    kernels.each(lambda part: compiled_pushing.visit(*taken, *part, stay, of), parts)


def _plain(moving: Tensor, factor: Tensor, kept: Tensor, dead: Tensor, pattern, errors: Tensor) -> None:
    wide = len(moving)
    inner = max(INNER - INNER % pattern[1], pattern[1]) if pattern else INNER
    for first in range(0, wide, inner):
        last = min(first + inner, wide)
        for column in range(first, last):
            if pattern is not None and column % pattern[1] == 0:
                group = slice(column, column + pattern[1])
                kept[group] = _staying(moving[group] / factor.diagonal()[group, None], dead[group], *pattern)
            row, error = moving[column], errors[column]
            torch.where(kept[column], row.new_zeros(()), row / factor[column, column], out=error)
            row.masked_fill_(~kept[column], 0)
            if column + 1 < last:
                moving[column + 1 : last].addr_(factor[column, column + 1 : last], error, alpha=-1)
        if last < wide:
            moving[last:].addmm_(factor[first:last, last:].T, errors[first:last], alpha=-1)


def _staying(ratios: Tensor, dead: Tensor, stay: int, of: int) -> Tensor:
    """Which of the M columns of a group stay, row by row, by the squares of ratios [M, O]; of equals the first goes."""
    scores = ratios.square_()
    scores[dead] = 0
    if scores.device.type == "cpu":
        return torch.from_numpy(places(scores.numpy()) >= of - stay)
    order = torch.sort(scores, dim=0, stable=True).indices[: of - stay]
    return torch.ones_like(scores, dtype=torch.bool).scatter_(0, order, False)

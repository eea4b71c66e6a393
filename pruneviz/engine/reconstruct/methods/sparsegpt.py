"""Chooses and covers column by column: what a removed weight gave is made up for by the columns to its right.

SparseGPT goes from the first column to the last. Removing a weight leaves an error that the not yet visited columns of its
row can cancel in part, and how is read off the inverse of the inputs' Hessian, the same for all rows. What goes is chosen in
blocks of 128 columns, by the squared weight over the square of the inverse's factor, so late weights have already moved when
they are judged. It is greedy: columns that were passed never move again, so the exact fit on the same support is at least
as good.
"""

import torch
from torch import Tensor

from pruneviz.engine.criterion import Paper
from pruneviz.engine.pattern import places
from pruneviz.engine.reconstruct.choosing import at_place
from pruneviz.engine.reconstruct.problem import Problem, Solved, going

name = "SparseGPT"
formula = (
    r"\begin{gathered}s_{ij} = \frac{w_{ij}^2}{U_{jj}^2}, \quad (H + \lambda I)^{-1} = U^\top U \\"
    r"w_{i,k} \leftarrow w_{i,k} - \frac{w_{ij}}{U_{jj}} U_{jk} \quad (k > j)\end{gathered}"
)
paper = Paper("Frantar & Alistarh 2023", "arXiv 2301.00774, Algorithm 1", "https://arxiv.org/abs/2301.00774")
chooses = True
BLOCK = 128
INNER = 32
"""Columns whose errors are pushed right one by one before the rest of the block hears of them at once."""


def solve(problem: Problem) -> Solved:
    """Columns lie in rows here, [I, O]: what is read together lies together."""
    factor = problem.gram.factor
    moving = problem.weight.T.to(factor.dtype, memory_format=torch.contiguous_format, copy=True).contiguous()
    kept = torch.ones(moving.shape, dtype=torch.bool, device=moving.device)
    block = _whole(BLOCK, problem)
    for start in range(0, len(moving), block):
        stop = min(start + block, len(moving))
        errors = _block(problem, factor, moving, kept, range(start, stop))
        if stop < len(moving):
            moving[stop:].addmm_(factor[start:stop, stop:].T, errors, alpha=-1)
    return Solved(moving.T.contiguous().to(problem.weight.dtype), kept.T.contiguous())


def _block(problem: Problem, factor: Tensor, moving: Tensor, kept: Tensor, columns: range) -> Tensor:
    """Visits some columns: chooses what goes of them, and pushes the errors to those of them that come later. Says the
    errors, for those that come after."""
    start, stop = columns.start, columns.stop
    errors = torch.empty_like(moving[start:stop])
    if problem.pattern is None and problem.kept is None:
        scale = factor.diagonal()[start:stop, None]
        scores = (moving[start:stop] / scale).square_()
        scores[problem.gram.dead[start:stop]] = 0
        kept[start:stop] = ~lowest(scores, going(moving.shape[1], columns, problem.amount))
    elif problem.kept is not None:
        kept[start:stop] = problem.kept.T[start:stop]
    inner = _whole(INNER, problem)
    for first in range(start, stop, inner):
        last = min(first + inner, stop)
        for column in range(first, last):
            if problem.pattern is not None and problem.kept is None and column % problem.pattern[1] == 0:
                _group(problem, factor, moving, kept, column)
            row = moving[column]
            error = errors[column - start]
            torch.where(kept[column], row.new_zeros(()), row / factor[column, column], out=error)
            row.mul_(kept[column])
            if column + 1 < last:
                moving[column + 1 : last].addr_(factor[column, column + 1 : last], error, alpha=-1)
        if last < stop:
            done = errors[first - start : last - start]
            moving[last:stop].addmm_(factor[first:last, last:stop].T, done, alpha=-1)
    return errors


def _whole(columns: int, problem: Problem) -> int:
    """So many columns, or fewer: whole groups of the pattern, as a group is judged when all before it have been heard."""
    return columns - columns % problem.pattern[1] if problem.pattern else columns


def _group(problem: Problem, factor: Tensor, moving: Tensor, kept: Tensor, column: int) -> None:
    """Chooses which of the next M columns go, row by row; of equals the first."""
    stay, of = problem.pattern
    scores = (moving[column : column + of] / factor.diagonal()[column : column + of, None]).square_()
    scores[problem.gram.dead[column : column + of]] = 0
    if scores.device.type == "cpu":
        kept[column : column + of] = torch.from_numpy(places(scores.numpy()) >= of - stay)
    else:
        order = torch.sort(scores, dim=0, stable=True).indices[: of - stay]
        kept[column : column + of].scatter_(0, order, False)


def lowest(scores: Tensor, many: int) -> Tensor:
    """Where the `many` lowest of all scores lie, exactly so many; of equals those that come first, row of W by row."""
    out = torch.zeros_like(scores, dtype=torch.bool)
    if many <= 0:
        return out
    if many >= scores.numel():
        return ~out
    line = at_place(scores.reshape(1, -1), many)
    torch.lt(scores, line, out=out)
    missing = many - int(out.count_nonzero())
    ties = (scores == line).T.nonzero()[:missing]
    out[ties[:, 1], ties[:, 0]] = True
    return out

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
from pruneviz.engine.reconstruct import pushing
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


def solve(problem: Problem) -> Solved:
    """Columns lie in rows here, [I, O]: what is read together lies together."""
    factor, dead = problem.gram.factor, problem.gram.dead
    moving = problem.weight.T.to(factor.dtype, memory_format=torch.contiguous_format, copy=True).contiguous()
    kept, pattern = torch.ones(moving.shape, dtype=torch.bool, device=moving.device), problem.pattern
    if problem.kept is not None:
        kept, pattern = kept.copy_(problem.kept.T), None
    # Whole groups of the pattern, as a group is judged when all before it have been heard.
    block = max(BLOCK - BLOCK % pattern[1], pattern[1]) if pattern else BLOCK
    plain = problem.gram.settled  # who counts memory is better without numba, which takes 120 MB
    for start in range(0, len(moving), block):
        here = slice(start, min(start + block, len(moving)))
        own = factor[here, here]
        if problem.kept is None and pattern is None:
            scores = (moving[here] / own.diagonal()[:, None]).square_()
            scores[dead[here]] = 0
            kept[here] = ~lowest(scores, going(moving.shape[1], range(here.start, here.stop), problem.amount))
        errors = pushing.visit(moving[here], own, kept[here], dead[here], pattern, plain)
        if here.stop < len(moving):
            moving[here.stop :].addmm_(factor[here, here.stop :].T, errors, alpha=-1)
    return Solved(moving.T.contiguous().to(problem.weight.dtype), kept.T.contiguous())


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

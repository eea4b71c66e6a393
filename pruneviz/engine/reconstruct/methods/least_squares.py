"""Fits the survivors exactly: the best that any weights in these places can do.

Where it is settled which weights stay, what they should be is a least-squares problem of its own for each row, and this
solves it. SparseGPT approximates it in one sweep that never looks back. So this is the floor of the error on a support,
and it shows how much of a result is owed to choosing well, and how much to covering well.
"""

import torch
from torch import Tensor

from pruneviz.engine.criterion import Paper
from pruneviz.engine.reconstruct.problem import Problem, Solved, told

name = "least squares"
formula = r"\hat w_S = w_S + H_{SS}^{-1} H_{SR} \, w_R"
paper = Paper(
    "Frantar & Alistarh 2023; Meng et al. 2024 (ALPS)", "arXiv 2301.00774, §3.1, eq. 2", "https://arxiv.org/abs/2301.00774"
)
chooses = False
ROOM = 1 << 24
"""Numbers of the systems that are solved at a time: 128 MB of float64."""


def solve(problem: Problem) -> Solved:
    return fit(problem, told(problem, name))


def fit(problem: Problem, kept: Tensor) -> Solved:
    """The exact fit on a support, in float64; rows with as many survivors are solved together."""
    damped = problem.gram.damped(torch.float64)
    whole, left = problem.weight.double(), kept.sum(1)
    out = torch.where(kept, whole, 0.0)
    inverse = None
    for many in left.unique().tolist():
        rows = (left == many).nonzero().flatten()
        gone = len(damped) - many
        if not many or not gone:
            continue
        for some in rows.split(max(1, ROOM // min(many, gone) ** 2)):
            if many <= gone:
                out[some] += _by_survivors(damped, whole[some], kept[some], many)
            else:
                inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped)) if inverse is None else inverse
                out[some] += _by_removed(inverse, whole[some], kept[some], gone)
    return Solved(torch.where(kept, out, 0.0).to(problem.weight.dtype), kept)


def _by_survivors(damped: Tensor, whole: Tensor, kept: Tensor, many: int) -> Tensor:
    """How the survivors move, [r, I]: H_SS⁻¹ H_SR w_R."""
    stay = kept.nonzero()[:, 1].view(-1, many)
    system = damped[stay[:, :, None], stay[:, None, :]]
    asked = (torch.where(kept, 0.0, whole) @ damped).gather(1, stay)
    moved = torch.cholesky_solve(asked[:, :, None], torch.linalg.cholesky(system))[:, :, 0]
    return torch.zeros_like(whole).scatter_(1, stay, moved)


def _by_removed(inverse: Tensor, whole: Tensor, kept: Tensor, gone: int) -> Tensor:
    """The same where fewer go than stay: −H⁻¹_SR (H⁻¹_RR)⁻¹ w_R."""
    away = (~kept).nonzero()[:, 1].view(-1, gone)
    system = inverse[away[:, :, None], away[:, None, :]]
    pull = torch.cholesky_solve(whole.gather(1, away)[:, :, None], torch.linalg.cholesky(system))[:, :, 0]
    spread = torch.zeros_like(whole).scatter_(1, away, pull)
    return torch.where(kept, -(spread @ inverse), 0.0)

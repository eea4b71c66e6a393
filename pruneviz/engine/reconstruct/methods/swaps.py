"""Trades places, one pair at a time, as long as the error falls; the survivors' values stay.

Starts from what a criterion chose. In each row, of all pairs of a removed and a kept weight, the one pair is exchanged that
lowers the row's error most, and again, until no exchange helps or a hundred are done. So the error never rises, and the
number of zeros in each row, or in each group of a pattern, stays what it was.
"""

import torch

from pruneviz.engine.criterion import Paper
from pruneviz.engine.reconstruct import trading
from pruneviz.engine.reconstruct.problem import Problem, Solved, told

name = "one-swaps"
formula = (
    r"\begin{gathered}\Delta E_{p \leftrightarrow k} = \tfrac12 (w_p^2 H_{pp} + w_k^2 H_{kk}) \\"
    r"{} + w_k g_k - w_p g_p - w_p w_k H_{pk}, \quad g = H e\end{gathered}"
)
paper = Paper("SparseSwaps 2025", "arXiv 2512.10922", "https://arxiv.org/abs/2512.10922")
chooses = False
MOST = 100
"""Swaps of one row."""


def solve(problem: Problem) -> Solved:
    damped, whole = (one.cpu().numpy() for one in (problem.gram.damped(torch.float64), problem.weight.double()))
    group = problem.pattern[1] if problem.pattern else whole.shape[1]
    stays = trading.trade(damped, whole, told(problem, name).cpu().numpy(), group, MOST)
    kept = torch.from_numpy(stays).to(problem.weight.device)
    return Solved(torch.where(kept, problem.weight, torch.zeros((), dtype=problem.weight.dtype, device=kept.device)), kept)

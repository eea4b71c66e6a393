"""SparseGPT chooses, then the survivors are fitted exactly.

The support is SparseGPT's; the values are the least-squares optimum on it, so the error is never above SparseGPT's. What
is gained is what the one sweep from left to right left lying.
"""

from pruneviz.engine.criterion import Paper
from pruneviz.engine.reconstruct.methods import least_squares, sparsegpt
from pruneviz.engine.reconstruct.problem import Problem, Solved

name = "SparseGPT + least squares"
formula = r"S = \text{SparseGPT}, \quad \hat w_S = w_S + H_{SS}^{-1} H_{SR} \, w_R"
paper = Paper("Frantar & Alistarh 2023", "arXiv 2301.00774, §3.1 and Algorithm 1", "https://arxiv.org/abs/2301.00774")
chooses = True


def solve(problem: Problem) -> Solved:
    return least_squares.fit(problem, sparsegpt.solve(problem).kept)

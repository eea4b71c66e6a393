"""Trades places as long as the error falls, then fits the survivors exactly.

Neither half is new: one looks for better places, the other for better values. Together they show how far a method that
decides once, from left to right, is from what the same calibration data allow.
"""

from pruneviz.engine.criterion import Paper
from pruneviz.engine.reconstruct.methods import least_squares, swaps
from pruneviz.engine.reconstruct.problem import Problem, Solved

name = "one-swaps + least squares"
formula = r"S = \text{one-swaps}, \quad \hat w_S = w_S + H_{SS}^{-1} H_{SR} \, w_R"
paper = Paper(
    "SparseSwaps 2025; Frantar & Alistarh 2023", "arXiv 2512.10922; 2301.00774, §3.1", "https://arxiv.org/abs/2512.10922"
)
chooses = False


def solve(problem: Problem) -> Solved:
    return least_squares.fit(problem, swaps.solve(problem).kept)

"""What stays is left as it is.

A criterion says what goes, and the rest does not answer. This is Wanda as published, and magnitude as everybody knows it:
what the other methods are measured against.
"""

import torch

from pruneviz.engine.criterion import Paper
from pruneviz.engine.reconstruct.problem import Problem, Solved, told

name = "leave the survivors"
formula = r"\hat W = M \odot W"
paper = Paper("Sun, Liu, Bair & Kolter 2023 (Wanda)", "arXiv 2306.11695, §3", "https://arxiv.org/abs/2306.11695")
chooses = False


def solve(problem: Problem) -> Solved:
    kept = told(problem, name)
    return Solved(torch.where(kept, problem.weight, torch.zeros((), dtype=problem.weight.dtype, device=kept.device)), kept)

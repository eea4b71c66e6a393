"""Removes the last layers first.

Looks at no weight and no data: the layers furthest from the input leave one after another. In the paper this is among
the best of the rules by position for networks that are trained further afterwards.
"""

import torch

from pruneviz.engine.criterion import Paper, UnitEvidence
from pruneviz.engine.structure import positions

name = "top layers"
formula = r"1 - \tfrac{l}{L}"
paper = Paper("Sajjad, Dalvi, Durrani & Nakov 2023", "arXiv 2004.03844, §3", "https://arxiv.org/abs/2004.03844")
needs = ()
units = ("layer",)


def saliency(evidence: UnitEvidence):
    return torch.tensor(positions.leaves("top", evidence.units), dtype=torch.float64)

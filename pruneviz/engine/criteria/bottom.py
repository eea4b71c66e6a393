"""Removes the first layers first.

Looks at no weight and no data: the layers nearest to the input leave one after another. Later layers expect what these
compute, so this is usually the worst of the rules by position; beside the others it shows how much position matters.
"""

import torch

from pruneviz.engine.criterion import Paper, UnitEvidence
from pruneviz.engine.structure import positions

name = "bottom layers"
formula = r"\tfrac{l}{L}"
paper = Paper("Sajjad, Dalvi, Durrani & Nakov 2023", "arXiv 2004.03844, §3", "https://arxiv.org/abs/2004.03844")
needs = ()
units = ("layer",)


def saliency(evidence: UnitEvidence):
    return torch.tensor(positions.leaves("bottom", evidence.units), dtype=torch.float64)

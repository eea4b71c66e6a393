"""Removes the layers in the middle first.

Looks at no weight and no data: the layers near the input and near the output stay longest, and the stack thins out from
its middle.
"""

import torch

from pruneviz.engine.criterion import Paper, UnitEvidence
from pruneviz.engine.structure import positions

name = "middle layers"
formula = r"\left| \tfrac{2l - 1}{L} - 1 \right|"
paper = Paper("Sajjad, Dalvi, Durrani & Nakov 2023", "arXiv 2004.03844, §3", "https://arxiv.org/abs/2004.03844")
needs = ()
units = ("layer",)


def saliency(evidence: UnitEvidence):
    return torch.tensor(positions.leaves("symmetric", evidence.units), dtype=torch.float64)

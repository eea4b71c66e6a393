"""Removes every second layer, from the end.

Looks at no weight and no data: neighbours do similar work, so each layer that leaves has a neighbour that stays. The
last layer stays; when every second one is gone, the others leave, from the end too.
"""

import torch

from pruneviz.engine.criterion import Paper, UnitEvidence
from pruneviz.engine.structure import positions

name = "alternate layers"
formula = r"\tfrac{1}{2} - \tfrac{l}{2L} + \tfrac{1}{2} \, [(L - l) \text{ even}]"
paper = Paper("Sajjad, Dalvi, Durrani & Nakov 2023", "arXiv 2004.03844, §3", "https://arxiv.org/abs/2004.03844")
needs = ()
units = ("layer",)


def saliency(evidence: UnitEvidence):
    return torch.tensor(positions.leaves("alternate", evidence.units), dtype=torch.float64)

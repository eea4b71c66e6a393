"""Removes weights by lot.

The baseline that every other opinion has to beat. The lot is drawn from the seed and the layer's name, so the same seed
removes the same weights again. How far it gets shows how much of a network is spare, whatever one looks at.
"""

import zlib

import torch

from pruneviz.engine.criterion import Evidence, Paper

name = "random"
formula = r"u \sim \mathcal{U}(0, 1)"
paper = Paper("Gale, Elsen & Hooker 2019", "arXiv 1902.09574, random pruning", "https://arxiv.org/abs/1902.09574")
needs = ("weight",)


def saliency(evidence: Evidence):
    # The generator keeps 32 bits of a seed: the checksum spreads all of seed and name over just these.
    generator = torch.Generator().manual_seed(zlib.crc32(f"{evidence.seed} {evidence.name}".encode()))
    drawn = torch.rand(evidence.weight.shape, generator=generator)
    return drawn.to(evidence.weight.device)

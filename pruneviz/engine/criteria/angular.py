"""Removes the layers that turn least what flows through them.

Each layer is judged by the angle between what comes in and what goes out, at the last token of each window of text, which
is where the next word is made; of images and whole texts, over all tokens. The paper takes out a block of neighbours at
once, the one from whose beginning to whose end the angle is smallest; of single layers this is its case n = 1. Over all
tokens it would order them much as «block influence» does, whose cosine it is the angle of.
"""

from pruneviz.engine.criterion import Paper, UnitEvidence

name = "angular distance"
formula = (
    r"\mathbb{E}_x \tfrac{1}{\pi} \arccos \frac{X_{l,T}^{\top} X_{l+1,T}}{\lVert X_{l,T} \rVert \, \lVert X_{l+1,T} \rVert}"
)
paper = Paper(
    "Gromov, Tirumala, Shapourian, Glorioso & Roberts 2024", "arXiv 2403.17887, §3", "https://arxiv.org/abs/2403.17887"
)
needs = ("angle",)
units = ("layer",)


def saliency(evidence: UnitEvidence):
    return evidence.angle.clone()

"""Removes the layers that change least what flows through them.

Each layer is judged by the cosine between what comes in and what goes out, token by token: a layer that only hands its
input on, at whatever length, has an influence of 0. It asks no gradient and no label, and does not ask either whether the
small change that a layer makes is one that the answer hangs on. Where a layer's output is an image, the whole of it is
one vector per sample.
"""

from pruneviz.engine.criterion import Paper, UnitEvidence

name = "block influence"
formula = r"1 - \mathbb{E}_{x,t} \frac{X_{l,t}^{\top} X_{l+1,t}}{\lVert X_{l,t} \rVert \, \lVert X_{l+1,t} \rVert}"
paper = Paper(
    "Men, Xu, Zhang et al. 2024 (ShortGPT)", "arXiv 2403.03853, Block Influence", "https://arxiv.org/abs/2403.03853"
)
needs = ("influence",)
units = ("layer",)


def saliency(evidence: UnitEvidence):
    return evidence.influence.clone()

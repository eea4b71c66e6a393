"""Removes one layer after another, always the one without which the loss is least now.

No estimate: with those gone that went before, each layer that is left is passed by in turn and the loss is measured. So it
sees what «leave one out» cannot: that of two layers which stand in for each other one must stay. L layers take L(L + 1)/2
passes over the calibration data, where all 2 to the power of L sets of layers would tell which is best at each size: the
best sets do not nest, and an order of leaving has to. The importance is the fraction of layers gone when this one goes.
"""

from pruneviz.engine.criterion import Paper, UnitEvidence

name = "greedy search"
formula = r"l_k = \arg\min_l L(\xi_{l_1} = \dots = \xi_{l_{k-1}} = \xi_l = 0)"
paper = Paper("Song, Oh, Kim, Kim, Kim & Kim 2024 (SLEB)", "arXiv 2402.09025", "https://arxiv.org/abs/2402.09025")
needs = ("greedy",)
units = ("layer",)


def saliency(evidence: UnitEvidence):
    return evidence.greedy.clone()

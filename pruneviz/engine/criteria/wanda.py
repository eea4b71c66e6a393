"""Removes the weights that contribute least to their output on real data.

A small weight on a large input may carry more than a large weight on a small one: the size of a weight is multiplied by
the size of the input that it meets, over all calibration samples and places. Published for language models, compared
within each output row (scope «per output row»): the paper reports that at half of the weights of large LLaMAs it does about
as well as SparseGPT, which also moves the survivors.
"""

from pruneviz.engine.criterion import Evidence, Paper

name = "Wanda"
formula = r"|W_{ij}| \cdot \lVert X_j \rVert_2"
paper = Paper("Sun, Liu, Bair & Kolter 2023", "arXiv 2306.11695, eq. 1", "https://arxiv.org/abs/2306.11695")
needs = ("weight", "input_norm")
published = "row"


def saliency(evidence: Evidence):
    return evidence.weight.abs() * evidence.input_norm

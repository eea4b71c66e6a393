"""Removes the weights nearest to zero.

Simple, free, and hard to beat. It assumes that all inputs of a layer are of similar size: a small weight on a large
input may carry more than a large weight on a small one.
"""

from pruneviz.engine.criterion import Evidence, Paper

name = "magnitude"
formula = r"|w|"
paper = Paper("Han, Pool, Tran & Dally 2015", "arXiv 1506.02626, §3.1", "https://arxiv.org/abs/1506.02626")
needs = ("weight",)


def saliency(evidence: Evidence):
    return evidence.weight.abs()

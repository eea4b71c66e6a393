"""Removes the filters that their BatchNorm multiplies by least.

BatchNorm brings every channel to the same spread and then multiplies it by a learned scale γ, so |γ| says how large the
channel is for whoever reads it. Network Slimming trains with a penalty on γ that drives many of them towards zero first;
without that training the scales are less telling. Where filters are coupled, each BatchNorm that holds a row of the unit
counts alike.
"""

from pruneviz.engine.criterion import Paper, UnitEvidence

name = "BatchNorm scale"
formula = r"|\gamma_u|"
paper = Paper("Liu, Li, Shen, Huang, Yan & Zhang 2017", "arXiv 1708.06519, §3", "https://arxiv.org/abs/1708.06519")
needs = ("bn_scale",)
units = ("filter",)


def saliency(evidence: UnitEvidence):
    return evidence.bn_scale.clone()

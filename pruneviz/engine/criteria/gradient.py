"""Removes the weights whose going would move the loss least, by its slope.

Weight times gradient estimates, to first order, how much the loss moves, in either direction, when the weight is set to
zero. The size is taken for each sample before averaging: in a trained network the samples' gradients cancel, and the size
of their mean would be noise. A first-order estimate is blind to curvature.
"""

from pruneviz.engine.criterion import Evidence, Paper

name = "gradient"
formula = r"\frac{1}{N} \sum_{i=1}^{N} \left| w \, \frac{\partial \ell_i}{\partial w} \right|"
paper = Paper(
    "Molchanov, Tyree, Karras, Aila & Kautz 2017; per weight: SNIP, Lee, Ajanthan & Torr 2019",
    "arXiv 1611.06440, §2.2; arXiv 1810.02340",
    "https://arxiv.org/abs/1611.06440",
)
needs = ("weight", "absolute_gradient")
in_loss = True


def saliency(evidence: Evidence):
    return evidence.weight.abs() * evidence.absolute_gradient

"""Removes the weights that cost the loss least by its curvature.

Optimal Brain Damage: half the curvature along the weight, times the weight squared. It rests on three assumptions: weights
are removed one by one (only the Hessian's diagonal counts), training has arrived at a minimum (there is no slope), and the
loss is a parabola all the way to zero. Where the true curvature is negative the importance is negative too: such a weight
goes first.
"""

from pruneviz.engine.criterion import Evidence, Paper

name = "optimal brain damage"
formula = r"\tfrac{1}{2} \, \frac{\partial^2 L}{\partial w^2} \, w^2"
paper = Paper(
    "LeCun, Denker & Solla 1990",
    "Optimal Brain Damage, NIPS 1989: the saliency of a parameter, h_kk u_k² / 2",
    "https://proceedings.neurips.cc/paper/1989/hash/6c9882bbac1c7093bd25041881277658-Abstract.html",
)
needs = ("weight", "hessian_diagonal")
in_loss = True


def saliency(evidence: Evidence):
    return 0.5 * evidence.hessian_diagonal * evidence.weight.square()

"""Removes the units through which least of the true class's score flows.

From the mean image to a sample, the score of the sample's class rises; conductance says how much of that rise passes
through each unit, by the unit's change times the score's slope in it, step by step along the straight line between the two.
A unit's share is summed over its places in the image, and its size averaged over samples. Of a chain of layers, all units of
each together carry the same rise, so layers compare; where filters are coupled, what flows through each of the coupled
modules adds up. Offered for filters and neurons: their outputs are outputs of a module, channel by channel. A head's are
mixed before the module ends, and past a layer runs a way around it.
"""

from pruneviz.engine.criterion import Paper, UnitEvidence

name = "conductance"
formula = r"\mathbb{E}_x \left| \int \frac{\partial F_{y(x)}}{\partial u} \, \mathrm{d}u \right|"
paper = Paper("Dhamdhere, Sundararajan & Yan 2019", "arXiv 1805.12233, §2", "https://arxiv.org/abs/1805.12233")
needs = ("conductance",)
units = ("filter", "neuron")


def saliency(evidence: UnitEvidence):
    return evidence.conductance.clone()

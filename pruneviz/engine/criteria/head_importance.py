"""Removes the units whose output the loss would miss least, by its slope.

A gate is put on what each unit gives: 1 lets it through, 0 shuts it. The importance is how steeply each sample's loss
falls or rises as the gate begins to close, averaged over samples without letting them cancel. Proposed for attention
heads; a filter, a neuron or a whole layer has a gate just as well. Michel et al. also divide by each layer's norm before
comparing layers; comparing per layer does without.
"""

from pruneviz.engine.criterion import Paper, UnitEvidence

name = "gate gradient"
formula = r"\mathbb{E}_x \left| \frac{\partial \ell(x)}{\partial \xi_u} \right|"
paper = Paper("Michel, Levy & Neubig 2019", "arXiv 1905.10650, head importance score", "https://arxiv.org/abs/1905.10650")
needs = ("gate_gradient",)
units = ("filter", "neuron", "head", "layer")
in_loss = True


def saliency(evidence: UnitEvidence):
    return evidence.gate_gradient.clone()

"""Removes the units whose going alone raises the loss least.

No estimate: each unit is taken out by itself, the loss is measured on calibration data, and the unit is put back. That
takes one pass over the data per unit, so it is offered for small numbers of units. Where a unit does harm, the loss falls
and the importance is negative. What two units that stand in for each other are worth together, it cannot see.
"""

from pruneviz.engine.criterion import Paper, UnitEvidence

name = "leave one out"
formula = r"L(\xi_u = 0) - L"
paper = Paper(
    "Michel, Levy & Neubig 2019, for heads; Molchanov, Tyree, Karras, Aila & Kautz 2017, for filters (oracle)",
    "arXiv 1905.10650, §3.2; arXiv 1611.06440, §2.1",
    "https://arxiv.org/abs/1905.10650",
)
needs = ("leave_one_out",)
units = ("filter", "neuron", "head", "layer")
in_loss = True


def saliency(evidence: UnitEvidence):
    return evidence.leave_one_out.clone()

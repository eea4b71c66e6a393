"""Removes the connections whose going would move the loss of the untrained network least.

Weight times slope of the loss of one batch, in size: to first order, how much that loss moves when the connection goes. The
slope is averaged over the batch first and its size taken then; the criterion `gradient`, made for trained networks, takes
each sample's size first. BatchNorm is at its start: it does nothing yet.
"""

from torch import Tensor

from pruneviz.engine import evidence
from pruneviz.engine.batches import Inputs
from pruneviz.engine.criterion import Paper
from pruneviz.engine.subject import Subject

name = "SNIP"
formula = r"\left| w \, \frac{\partial L}{\partial w} \right|"
paper = Paper("Lee, Ajanthan & Torr 2019", "arXiv 1810.02340, §4.1", "https://arxiv.org/abs/1810.02340")


def scores(inside: Subject, inputs: Inputs, labels: Tensor) -> list[Tensor]:
    gathered = evidence.gather(inside, ("gradient",), inputs, labels)
    return [(one.weight.detach() * one.gradient).abs() for one in gathered.evidence]

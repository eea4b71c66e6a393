"""Pulls every weight towards zero with the same force, however small it is: many end up next to it.

Next to zero, rarely at it: a step of gradient descent jumps over zero and back, so what is small still has to be cut.
"""

from torch import Tensor, nn

from pruneviz.engine.criterion import Paper
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import regularisers

name = "L1"
formula = r"\lambda \sum_i |w_i|"
paper = Paper("Han, Pool, Tran & Dally 2015", "arXiv 1506.02626, §3.1", "https://arxiv.org/abs/1506.02626")


def targets(subject: Subject, network: nn.Module) -> list[Tensor]:
    return regularisers.matrices(subject, network)


def value(target: Tensor) -> Tensor:
    return target.abs().sum()


def pull(target: Tensor, strength: float) -> None:
    regularisers.slope(target).add_(target.sign(), alpha=strength)

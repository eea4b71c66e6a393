"""Pulls every weight towards zero in proportion to its size: large ones shrink, small ones are left nearly alone.

Under plain gradient descent this is weight decay.
"""

from torch import Tensor, nn

from pruneviz.engine.criterion import Paper
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import regularisers

name = "L2"
formula = r"\frac{\lambda}{2} \sum_i w_i^2"
paper = Paper("Han, Pool, Tran & Dally 2015", "arXiv 1506.02626, §3.1", "https://arxiv.org/abs/1506.02626")


def targets(subject: Subject, network: nn.Module) -> list[Tensor]:
    return regularisers.matrices(subject, network)


def value(target: Tensor) -> Tensor:
    return target.square().sum() / 2


def pull(target: Tensor, strength: float) -> None:
    regularisers.slope(target).add_(target, alpha=strength)

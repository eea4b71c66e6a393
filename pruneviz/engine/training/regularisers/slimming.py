"""Pulls the scales of the BatchNorms towards zero: a channel whose scale is nothing passes nothing on, and can go whole.

Known as network slimming. It needs a network with BatchNorms.
"""

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pruneviz.engine.criterion import Paper
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import regularisers

name = "L1 on BatchNorm scales"
formula = r"\lambda \sum_c |\gamma_c|"
paper = Paper("Liu, Li, Shen, Huang, Yan & Zhang 2017", "arXiv 1708.06519, eq. 1", "https://arxiv.org/abs/1708.06519")


def targets(subject: Subject, network: nn.Module) -> list[Tensor]:
    found = [module.weight for module in network.modules() if isinstance(module, _BatchNorm) and module.affine]
    if not found:
        raise ValueError(f"{subject.title} has no BatchNorm whose scales could be pulled: choose l1, l2 or group-lasso")
    return found


def value(target: Tensor) -> Tensor:
    return target.abs().sum()


def pull(target: Tensor, strength: float) -> None:
    regularisers.slope(target).add_(target.sign(), alpha=strength)

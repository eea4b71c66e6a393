"""Nothing pulls: the weights go where the loss alone sends them.

The baseline that a penalty is compared with.
"""

from torch import Tensor, nn

from pruneviz.engine.criterion import Paper
from pruneviz.engine.subject import Subject

name = "none"
formula = r"0"
paper = Paper("Han, Pool, Tran & Dally 2015", "arXiv 1506.02626, §3.1", "https://arxiv.org/abs/1506.02626")


def targets(subject: Subject, network: nn.Module) -> list[Tensor]:
    return []


def value(target: Tensor) -> Tensor:
    return target.new_zeros(())


def pull(target: Tensor, strength: float) -> None:
    return None

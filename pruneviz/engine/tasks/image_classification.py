"""One label for each image: a prediction is the class with the largest output."""

from torch import Tensor
from torch.nn import functional

metric = "accuracy"


def losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each sample, [n], in nats."""
    return functional.cross_entropy(outputs, targets, reduction="none")


def correct(outputs: Tensor, targets: Tensor) -> Tensor:
    """Whether the largest output is the label, [n]."""
    return outputs.argmax(dim=1) == targets


def chance(classes: int) -> float:
    """What guessing gets when all classes are equally frequent."""
    return 1 / classes

"""The next token at every place of a window of text: a prediction is a distribution over the vocabulary.

Perplexity is exp of the mean loss per token: among how many equally likely tokens the network is left to guess.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor
from torch.nn import functional

metric = "perplexity"
method = "Student's t over windows"
shares = False
better = "lower"
noun = "windows"
remedy = "[architecture] and [data] tokenizer"
mismatch = "the network knows {outputs} tokens but {names} are named: give the tokenizer that it was trained with"

NOTHING = -100
"""The target of a place where nothing is predicted: padding after a window's end."""


def losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each window, [n], in nats, summed over its tokens. outputs [n, T, V], targets [n, T]."""
    return token_losses(outputs, targets).sum(dim=1)


def token_losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy at each place, [n, T], in nats; 0 where nothing is predicted. outputs [n, T, V], targets [n, T]."""
    places = functional.cross_entropy(outputs.flatten(0, 1), targets.flatten(), reduction="none", ignore_index=NOTHING)
    return places.view(targets.shape)


def details(outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """The loss of each token, [n, T], in nats."""
    return {"token_losses": token_losses(outputs, targets)}


def counts(targets: Tensor) -> Tensor:
    """How many tokens each window predicts, [n]."""
    return (targets != NOTHING).sum(dim=1)


def value(losses: np.ndarray | Tensor, counts: np.ndarray | Tensor, correct=None, predicted=None, labels=None) -> float:
    """Perplexity per token over all windows."""
    return _exp(float(np.asarray(losses, dtype=np.float64).sum()) / int(np.asarray(counts).sum()))


def interval(
    losses: np.ndarray | Tensor, counts: np.ndarray | Tensor, correct=None, predicted=None, labels=None
) -> tuple[float, float]:
    """The 95 % interval of the perplexity, with windows as the independent blocks.

    Tokens of one window lean on each other, so windows are what is drawn. The mean loss per token is a ratio of sums
    R = Σ l_i / Σ c_i; its variance is n / (n − 1) · Σ (l_i − R c_i)² / (Σ c_i)² (Cochran 1977, ch. 6), the interval
    Student's with n − 1 degrees of freedom, and both ends are exponentiated.
    """
    loss, count = np.asarray(losses, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    n, whole = len(loss), count.sum()
    if n < 2:
        raise ValueError(f"an interval needs at least two windows of text; got {n}: give a longer text or shorter windows")
    from scipy.special import stdtrit

    ratio = loss.sum() / whole
    error = math.sqrt(n / (n - 1) * np.square(loss - ratio * count).sum()) / whole
    half = float(stdtrit(n - 1, 0.975)) * error
    return _exp(ratio - half), _exp(ratio + half)


def chance(classes: int) -> float:
    """What guessing gets when all tokens are equally likely: as many as there are."""
    return float(classes)


def classes(outputs: object, labels: Tensor) -> int:
    """How many tokens the outputs [n, T, V] tell apart, where the labels are [n, T]."""
    if not isinstance(outputs, Tensor) or outputs.ndim != 3 or outputs.shape[:2] != labels.shape or not outputs.shape[2]:
        raise ValueError(
            "the network does not give one number per token of the vocabulary at every place: "
            "name a language model in [architecture]"
        )
    return outputs.shape[2]


def check(labels: Tensor, classes: int) -> None:
    """Refuses tokens that the network does not know."""
    told = labels[labels != NOTHING]
    low, high = (int(told.min()), int(told.max())) if told.numel() else (0, 0)
    if low < 0 or high >= classes:
        raise ValueError(
            f"tokens run from {low} to {high}, but the network knows {classes}, from 0 to {classes - 1}: "
            "give the tokenizer that it was trained with"
        )


def _exp(mean: float) -> float:
    """exp, and infinity where a float ends."""
    return math.exp(mean) if not mean > 709 else math.inf

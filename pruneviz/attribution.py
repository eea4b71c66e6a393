"""Attribution: which pixels a network's answer rests on, before and after pruning. Numpy and plain numbers only.

Both networks are asked about the same class, the one that the dense network says: what pruning changed is then not what
another question changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Method:
    """One way of weighing pixels, in words, with its source. `signed`: a pixel may also speak against the class."""

    name: str
    text: str
    cite: str
    where: str
    url: str
    signed: bool = False


METHODS = {
    "saliency": Method(
        "Saliency",
        "How steeply the class's score changes with a pixel, in either direction; summed over colours.",
        "Simonyan, Vedaldi & Zisserman 2014",
        "arXiv 1312.6034, §3; they take the largest colour instead of the sum",
        "https://arxiv.org/abs/1312.6034",
    ),
    "integrated-gradients": Method(
        "Integrated Gradients",
        "How much of the score's rise, from a blank image to this one, each pixel brings about; its size, summed over "
        "colours. Blank is the input 0: the mean colour that images are compared with, or black where there is none.",
        "Sundararajan, Taly & Yan 2017",
        "arXiv 1703.01365, §3",
        "https://arxiv.org/abs/1703.01365",
    ),
    "occlusion": Method(
        "Occlusion",
        "By how much the score falls when a small square is hidden, averaged over the squares that hide a pixel; below zero "
        "where hiding helps. What hides is the input 0: the mean colour, or black where there is none.",
        "Zeiler & Fergus 2014",
        "arXiv 1311.2901, §4.2",
        "https://arxiv.org/abs/1311.2901",
        signed=True,
    ),
}
"""The ways on offer, by the name that a Recipe has for them."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """What Integrated Gradients promise (Sundararajan et al. 2017, proposition 1): all attributions together are the rise of
    the score from the blank image to this one."""

    total: float
    rise: float

    @property
    def delta(self) -> float:
        """What the sum misses the rise by."""
        return self.total - self.rise


@dataclass(frozen=True, slots=True, eq=False)
class Attribution:
    """The pixels [H, W] that the dense and the pruned network's score of one class rest on, float32, of one held-out sample.

    `target` is the class that both are asked about, what the dense network says; `said` is what the pruned one says, and
    `label` what is right. `score` are the class's scores (logits) of both networks. `elsewhere` is how alike the dense
    network's maps of this sample and of `other`, a sample of another class, are: what it takes to be alike at all. `promise`
    is there for Integrated Gradients, dense and pruned; `window` for Occlusion, the side of the square in pixels.
    """

    method: str
    index: int
    dense: np.ndarray
    pruned: np.ndarray
    target: str
    said: str
    label: str
    score: tuple[float, float]
    other: int = -1
    elsewhere: float | None = None
    promise: tuple[Completeness, Completeness] | None = None
    window: int = 0
    seconds: float = field(default=0.0, compare=False)

    @property
    def agreement(self) -> float | None:
        """Spearman's rank correlation of the two maps; None where one of them is the same everywhere."""
        return spearman(self.dense, self.pruned)

    @property
    def cosine(self) -> float | None:
        """The cosine of the two maps; None where one of them is zero."""
        return cosine(self.dense, self.pruned)


def spearman(one: np.ndarray, other: np.ndarray) -> float | None:
    """Spearman's rank correlation of two maps of one shape, ties sharing their mean rank; None where a map is constant."""
    first, second = (ranks(values.reshape(-1)) for values in (one, other))
    return cosine(first - first.mean(), second - second.mean())


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value, float64 [n], from 0; equal values share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - 0.5 * (counts + 1))[which]


def cosine(one: np.ndarray, other: np.ndarray) -> float | None:
    """The cosine of two arrays of one shape; None where one of them is zero."""
    first, second = (np.asarray(values, dtype=np.float64).reshape(-1) for values in (one, other))
    length = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.clip(first @ second / length, -1, 1)) if length > 0 and np.isfinite(length) else None

"""Report: everything there is to draw or print. Numpy and plain numbers only, so it pickles, travels and outlives torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

PERCENTS = 101
"""A sweep has one node for each whole percent from 0 to 100."""


@dataclass(frozen=True, slots=True)
class LayerReport:
    """What one prunable layer loses. `name` is its parameter's name, `label` what the screen says."""

    name: str
    label: str
    shape: tuple[int, ...]
    weights: int
    kept: int
    zeros: int
    energy_removed: float

    @property
    def sparsity(self) -> float:
        return 1 - self.kept / self.weights if self.weights else 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """A metric on n held-out samples, compared with the dense network sample by sample. `of` is how many samples there are,
    0 where n is all that was ever meant. `samples` names which ones they are, empty where that is not known, and `right` has
    a bit for each, in their order, where there is a right and a wrong: two settings are compared sample by sample."""

    metric: str
    value: float
    correct: int | None
    n: int
    interval: tuple[float, float]
    loss: float
    dense_value: float
    dense_correct: int | None
    newly_wrong: int
    newly_right: int
    noun: str = "images"
    method: str = ""
    of: int = 0
    samples: str = ""
    right: bytes = b""

    @property
    def partial(self) -> bool:
        """Whether more samples are to come."""
        return self.n < self.of


@dataclass(frozen=True, slots=True, eq=False)
class GroupReport:
    """Units of one kind that live in the same tensors: filters, neurons, heads or layers.

    kept [U] says which stay, scores [U] their importance, leaves [U] the amount in [0, 1] at which each goes (above 1:
    never). `heads` is how many query heads a unit holds: more than one where several share their keys and values.
    `modules` are those whose outputs the units are, `hangs` (tensor, what it is, numbers per unit) is what goes
    along, `reason` says why none can go. A reason, or more than one module, means: no module's unit can go alone.
    """

    name: str
    label: str
    granularity: str
    units: int
    kept: np.ndarray
    scores: np.ndarray
    leaves: np.ndarray
    modules: tuple[str, ...] = ()
    coupling: str = ""
    hangs: tuple[tuple[str, str, int], ...] = ()
    reason: str = ""
    blocks: tuple[str, ...] = ()
    heads: int = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network weighs and works: parameters, and multiply-adds for one input. `left` is after pruning.

    At weights and N:M a mask makes nothing smaller: there `left` counts what is not zero, which no dense kernel skips.
    """

    parameters: int
    parameters_left: int
    macs: float
    macs_left: float


@dataclass(frozen=True, slots=True)
class Report:
    """One setting, measured. Layers add up to the whole: Σ kept = weights − removed."""

    subject: str
    criterion: str
    granularity: str
    scope: str
    amount: float
    seed: int
    calibration: str
    calibration_n: int
    weights: int
    removed: int
    zeros: float
    threshold: float | None
    energy_removed: float
    layers: tuple[LayerReport, ...]
    mask_sha256: str
    subject_sha256: str
    score: Score
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    groups: tuple[GroupReport, ...] = ()
    units: int = 0
    units_removed: int = 0
    cost: Cost | None = None
    pool: str = ""
    device: str = "cpu"

    @property
    def sparsity(self) -> float:
        return self.removed / self.weights if self.weights else 0.0

    @property
    def left(self) -> int:
        return self.weights - self.removed


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Accuracy at one amount, one shot and without fine-tuning unless its curve says otherwise.

    `half` is (correct, n) on the half of the held-out data that chooses settings; the other half reports them.
    """

    amount: float
    sparsity: float
    value: float
    correct: int | None
    n: int
    interval: tuple[float, float]
    half: tuple[int, int]
    newly_wrong: int = 0
    newly_right: int = 0
    of: int = field(default=0, compare=False)

    @property
    def partial(self) -> bool:
        """Whether more samples are to come."""
        return self.n < self.of


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy against sparsity."""

    subject: str
    criterion: str
    scope: str
    seed: int
    calibration: str
    calibration_n: int
    points: tuple[CurvePoint, ...]
    dense_value: float
    chance: float
    tuned: bool = False
    metric: str = "accuracy"
    seconds: float = 0.0
    noun: str = "images"


@dataclass(frozen=True, slots=True)
class Sweep:
    """What goes at each whole percent (P = 101 nodes), without a forward pass: enough to redraw a drag in the browser.

    removed [P], energy [P] (fraction of Σw² removed), threshold [P] or None (scope not global),
    kept [P, L] weights left per layer, edges [B+1], total [B] weights per bin, gone [P, B] of them removed. Where units
    go, `unit` says which: layers are groups, counts are of units, bins are of their importance, and parameters [P] and
    macs [P] are the shares of both that are left.
    """

    removed: np.ndarray
    energy: np.ndarray
    threshold: np.ndarray | None
    layers: tuple[tuple[str, str, tuple[int, ...], int], ...]
    kept: np.ndarray
    edges: np.ndarray
    total: np.ndarray
    gone: np.ndarray
    unit: str = "weight"
    parameters: np.ndarray | None = None
    macs: np.ndarray | None = None

    @property
    def weights(self) -> int:
        return int(self.total.sum())


@dataclass(frozen=True, slots=True)
class Fit:
    """One law fitted to one layer's weights by maximum likelihood. `ks` is the Kolmogorov-Smirnov distance in [0, 1]."""

    law: str
    location: float
    scale: float
    shape: float
    ks: float
    log_likelihood: float


@dataclass(frozen=True, slots=True)
class LayerShape:
    """The weights of one layer as a distribution.

    edges [B+1] and counts [B] are of the signed weights; quantiles [101] are of |w| at each whole percent, so the true
    threshold at sparsity s is quantiles[s]; energy [101] is the share of Σw² in the smallest s percent (Lorenz curve).
    """

    name: str
    label: str
    weights: int
    zeros: int
    nonfinite: int
    mean: float
    deviation: float
    edges: np.ndarray
    counts: np.ndarray
    quantiles: np.ndarray
    energy: np.ndarray
    fits: tuple[Fit, ...]

    def fit(self, law: str) -> Fit:
        return next(fit for fit in self.fits if fit.law == law)

    @property
    def best(self) -> Fit:
        """The better of Laplace and Gauss by KS distance: the law that the page may name."""
        return min((self.fit("laplace"), self.fit("gauss")), key=lambda fit: fit.ks)


@dataclass(frozen=True, slots=True)
class LayerDamage:
    """What a mask does to one layer: the share of Σw² it removes and how far the layer's output moves, ‖ŷ−y‖/‖y‖."""

    name: str
    label: str
    energy_removed: float
    output_change: float


@dataclass(frozen=True, slots=True)
class Deletions:
    """Single weights deleted one by one: what each criterion predicted and what happened, [S] each.

    `true` is the change of the mean calibration loss when that weight alone becomes zero. `predicted` maps a criterion
    to its score of that weight; `spearman` maps it to the rank correlation with |true|.
    """

    layers: tuple[str, ...]
    index: np.ndarray
    true: np.ndarray
    predicted: dict[str, np.ndarray]
    spearman: dict[str, float]
    n: int
    seconds: float


@dataclass(frozen=True, slots=True)
class WeightStory:
    """One weight: its value, slope and curvature, its rank under each criterion, and the loss along it.

    `values` [V] are the values given to the weight, `losses` [V] the true mean calibration losses,
    `parabola` [V] the second-order expansion around the trained weight: ℓ + g·δ + ½h·δ².
    """

    layer: str
    index: int
    position: tuple[int, ...]
    value: float
    gradient: float
    curvature: float
    curvature_kind: str
    ranks: dict[str, int]
    weights: int
    scores: dict[str, float]
    true: float
    loss: float
    values: np.ndarray
    losses: np.ndarray
    parabola: np.ndarray
    n: int = 0

    @property
    def predicted(self) -> float:
        """The change of the loss on deletion by the second-order expansion: −w·g + ½h·w² (LeCun et al. 1990, eq. 1)."""
        return -self.value * self.gradient + 0.5 * self.curvature * self.value**2


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike the masks of several criteria are. `jaccard` [C, C] compares what is *removed*; 1 = the same weights."""

    criteria: tuple[str, ...]
    jaccard: np.ndarray
    removed: tuple[int, ...]
    seconds: dict[str, float] = field(default_factory=dict)


def wilson(correct: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share (Wilson 1927, eq. 4): honest near 0 and 1, where ±1.96·σ is not."""
    if n <= 0:
        raise ValueError(f"an interval needs at least one sample; got n = {n}: give a held-out split that is not empty")
    share = correct / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)

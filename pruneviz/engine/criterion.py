"""Criterion: an opinion about which weights, or units, matter least. One file in `criteria/` is one; nothing else is needed.

Shapes, everywhere in the engine: O outputs, I inputs, K kernel extents, N samples, U units. A weight is [O, I, *K].

A criterion file has a docstring (the text in the app), `formula` (LaTeX), `paper`, `needs`, and
`saliency(evidence) -> Tensor [O, I, *K]`: small means «goes first». `name` may give the words on screen; `in_loss = True`
says that the saliency is itself a predicted size of the change of the loss; `published = "row"` names the scope under which
its paper compares, where that is a part of the method.

Most criteria score weights, which are then pooled to units. A file with `units = ("head",)` scores these units themselves:
it is offered only where they are what goes, and `saliency(evidence) -> Tensor [U]` gets a UnitEvidence, one per group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from pruneviz.engine import looking

if TYPE_CHECKING:
    from torch import Tensor

WeightNeed = Literal["weight", "gradient", "absolute_gradient", "hessian_diagonal", "input_norm"]
"""weight: always there. gradient: mean over samples of ∂ℓ/∂w. absolute_gradient: mean over samples of |∂ℓ/∂w|.
hessian_diagonal: ∂²L/∂w² of the mean loss L. input_norm: ‖X_j‖₂ of the numbers that each weight is multiplied by, over
all samples and places, in a shape that broadcasts against the weight. All but `weight` need calibration data."""

UnitNeed = Literal["gate_gradient", "bn_scale", "influence", "angle", "leave_one_out", "greedy", "conductance"]
"""gate_gradient: mean over samples of |∂ℓ/∂ξ|, ξ = 1 a gate on what the unit gives (of a layer: on what it adds).
bn_scale: mean |γ| of the unit's BatchNorm rows. influence: 1 − mean cosine of a layer's input and output. angle: mean angle
between them over π. leave_one_out: change of the mean loss when the unit alone goes. greedy: which fraction of the layers
has left when it goes, the next being always the one without which the loss is least. conductance: mean over samples of
|∫ ∂F/∂u du| from the mean input to the sample, F the score of its class. All but `bn_scale` need calibration data."""

Need = WeightNeed | UnitNeed
DATALESS = frozenset({"weight", "bn_scale"})
"""What is known without any data."""


@dataclass(frozen=True, slots=True)
class Paper:
    """Where a formula comes from."""

    cite: str
    where: str
    url: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a criterion may look at, of one layer: only what it asked for is there, the rest is None.

    `inputs` is the axis of the weight along which the layer's inputs lie: 1 of [O, I, *K], 0 where it is stored [I, O].
    """

    name: str
    weight: Tensor
    seed: int = 0
    gradient: Tensor | None = None
    absolute_gradient: Tensor | None = None
    hessian_diagonal: Tensor | None = None
    input_norm: Tensor | None = None
    inputs: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class UnitEvidence:
    """What a unit criterion may look at, of one group of U units: each [U], only what it asked for is there."""

    name: str
    units: int
    granularity: str
    seed: int = 0
    gate_gradient: Tensor | None = None
    bn_scale: Tensor | None = None
    influence: Tensor | None = None
    angle: Tensor | None = None
    leave_one_out: Tensor | None = None
    greedy: Tensor | None = None
    conductance: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One opinion: its words, its formula, what it needs to see, and `saliency(evidence)`, small means «goes first».

    `units` are the granularities that it scores itself; empty where it scores weights. `published` is the key of the scope
    under which its paper compares; empty where the paper leaves that open.
    """

    key: str
    name: str
    text: str
    formula: str
    paper: Paper
    needs: tuple[Need, ...]
    saliency: Callable[[Evidence], Tensor] | Callable[[UnitEvidence], Tensor]
    in_loss: bool = False
    units: tuple[str, ...] = ()
    published: str = ""

    @property
    def needs_data(self) -> bool:
        return any(need not in DATALESS for need in self.needs)


@cache
def shelf() -> dict[str, Criterion]:
    """Every criterion in `criteria/`, found by looking, by key."""
    return {name: _criterion(name, module) for name, module in looking.look("pruneviz.engine.criteria").items()}


def offered(granularity: str) -> dict[str, Criterion]:
    """The criteria on offer where this goes at once: all that score weights, and those for just these units."""
    return {key: one for key, one in shelf().items() if not one.units or granularity in one.units}


def find(key: str) -> Criterion:
    """The criterion of that name."""
    if key not in shelf():
        raise ValueError(f"unknown criterion {key!r}; there are {', '.join(shelf())}")
    return shelf()[key]


def _criterion(key: str, module: ModuleType) -> Criterion:
    return Criterion(
        key,
        getattr(module, "name", key),
        looking.text(module),
        module.formula,
        module.paper,
        tuple(module.needs),
        module.saliency,
        getattr(module, "in_loss", False),
        tuple(getattr(module, "units", ())),
        getattr(module, "published", ""),
    )

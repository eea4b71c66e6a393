"""Conductance: how much of what a network says of a sample flows through each unit, for all units at once.

Along the straight line from the mean input to the sample, every small change of a unit's output moves the score by its
slope; the sum over the line is the unit's conductance (Dhamdhere, Sundararajan & Yan 2019, arXiv 1805.12233, §2).
The steps are those of captum's `LayerConductance`, which watches one module at a time; here one walk serves all modules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import stream
from pruneviz.engine.calibration import Calibration
from pruneviz.engine.rehearsal import ROOM, differentiating
from pruneviz.engine.structure.units import NOBODY, Group, Structure
from pruneviz.engine.subject import Samples, Subject
from pruneviz.engine.working import private

Told = Callable[[int, int], None]
STEPS = 16
"""Steps between 17 Gauss–Legendre places: from half a percent along the line to half a percent before its end."""
PASSES = 3 * (STEPS + 1)
"""At each place the network runs forwards and backwards: about three times the work of a forward pass."""
SAMPLES, FEWEST = 64, 16
"""At most and at least so many samples are walked to: each is looked at in 17 places, and more change the order little."""
MOST = 64  # samples at a time

Met = list[tuple[str, Tensor]]
"""Each module that ran and what it gave, in the order of running."""


def refuse(subject: Subject) -> None:
    """Refuses, in one sentence, a model whose inputs have no line between them."""
    if not isinstance(subject.held_out, Samples):
        raise ValueError(
            "conductance follows the straight line from a mean input to each sample, and between the tokens of a text there "
            "is none: choose «gate gradient»"
        )


def samples(available: int, work: float) -> int:
    """How many samples are walked to when `work` passes over single samples may be run."""
    return min(available, max(FEWEST, min(SAMPLES, int(work / PASSES))))


def flows(subject: Subject, structure: Structure, data: Calibration, told: Told | None = None) -> dict[str, Tensor]:
    """The mean over samples of |conductance|, float64 [U], by group: of the score (logit) of each sample's true class.

    A unit's conductance is the sum over its places in the image, and over the modules whose outputs it is.
    """
    refuse(subject)
    network, _ = private(subject.network)
    total = {group.name: torch.zeros(group.units, dtype=torch.float64) for group in structure.removable}
    modules, done = tuple(dict.fromkeys(name for group in structure.removable for name in _makers(group))), 0
    if not modules:
        return total
    with differentiating():
        axes, size = _first_look(network, modules, data)
        for some in data.split(size):
            found: dict[str, Tensor] = {}
            for change, slope in _walk(network, modules, some):
                for (name, moved), felt in zip(change, slope, strict=True):
                    found[name] = found.get(name, 0) + _by_channel(network, name, moved * felt, axes[name])
                done += len(some)
                if told:
                    told(done, STEPS * len(data))
            for group in structure.removable:
                total[group.name] += _by_unit(group, found, len(some)).abs().sum(0)
    return {name: value / len(data) for name, value in total.items()}


def _walk(network: nn.Module, modules: Sequence[str], some: Calibration):
    """Step by step along the line: by how much each output changed, and the slope of the score where the step began."""
    before: Met | None = None
    slope: tuple[Tensor, ...] = ()
    for place in (np.polynomial.legendre.leggauss(STEPS + 1)[0] + 1) / 2:
        met, felt = _at(network, modules, some, float(place))
        if before is not None:
            yield [(name, now - then) for (name, now), (_, then) in zip(met, before, strict=True)], slope
        before, slope = met, felt


def _at(network: nn.Module, modules: Sequence[str], some: Calibration, place: float) -> tuple[Met, tuple[Tensor, ...]]:
    """What the modules give that far along the line, and the slope of the true class's score in it."""
    met: Met = []

    def meet(name: str, _before: Tensor, after: Tensor) -> Tensor:
        met.append((name, after))
        return after.clone()  # whoever comes next may overwrite it

    scaled = (some.inputs * place).requires_grad_().clone()
    with stream.meeting(network, modules, meet):
        said = Calibration(scaled, some.labels, some.task).outputs(network)
    score = said.gather(1, some.labels[:, None]).sum()
    slope = torch.autograd.grad(score, [given for _, given in met], materialize_grads=True) if met else ()
    return [(name, given.detach()) for name, given in met], slope


def _first_look(network: nn.Module, modules: Sequence[str], data: Calibration) -> tuple[dict[str, int], int]:
    """Along which axis of each module's output the samples lie, and how many samples to take at a time."""
    one, two = (dict(_at(network, modules, data.at(slice(0, n)), 1.0)[0]) for n in (1, 2))
    silent = [name for name in modules if name not in one]
    if silent:
        raise ValueError(
            f"{silent[0]} does not run as a module of its own here, so nothing can be seen to flow through its units: "
            "choose «gate gradient»"
        )
    grown = {
        name: [at for at, (few, many) in enumerate(zip(one[name].shape, two[name].shape, strict=True)) if few < many]
        for name in modules
    }
    given = sum(tensor.numel() for tensor in one.values())
    return {name: (axes or [0])[0] for name, axes in grown.items()}, max(1, min(MOST, ROOM // (32 * given)))


def _makers(group: Group) -> dict[str, np.ndarray]:
    """The modules whose outputs a group's units are, and the unit of each channel of theirs."""
    weights = [part for part in group.of("makes") if not part.tensor.endswith(".bias")]
    return {part.tensor.rpartition(".")[0]: part.owner for part in weights}


def _by_channel(network: nn.Module, name: str, felt: Tensor, samples: int) -> Tensor:
    """Summed over all places of each channel, [n, channels]: channels come second in an image, and last in all else."""
    channels = 1 if isinstance(network.get_submodule(name), nn.modules.conv._ConvNd) else felt.ndim - 1
    return felt.movedim((samples, channels), (0, 1)).flatten(2).sum(2) if felt.ndim > 2 else felt


def _by_unit(group: Group, found: dict[str, Tensor], n: int) -> Tensor:
    """The conductance of each unit, float64 [n, U]: of all its channels together."""
    total = torch.zeros(n, group.units, dtype=torch.float64)
    for name, owner in _makers(group).items():
        owned = torch.from_numpy(owner != NOBODY)
        total.index_add_(1, torch.from_numpy(owner).to(torch.int64)[owned], found[name].double().cpu()[:, owned])
    return total

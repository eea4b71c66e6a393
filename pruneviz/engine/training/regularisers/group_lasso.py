"""Pulls whole filters and neurons towards zero: inside one the weights share the pull, so they vanish together or stay.

What L1 does to weights this does to units; each is pulled in proportion to the square root of its size.
"""

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from pruneviz.engine.criterion import Paper
from pruneviz.engine.structure import find
from pruneviz.engine.structure.units import NOBODY, Group
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import regularisers

name = "group lasso"
formula = r"\lambda \sum_u \sqrt{n_u}\, \lVert w_u \rVert_2"
paper = Paper("Wen, Wu, Wang, Chen & Li 2016", "arXiv 1608.03665, eq. 1", "https://arxiv.org/abs/1608.03665")


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The weights that compute a group's U units: per tensor its axis and the unit of each position along it (U: nobody's),
    and the square root of each unit's size [U + 1], 0 for nobody."""

    parts: tuple[tuple[Tensor, int, Tensor], ...]
    roots: Tensor


def targets(subject: Subject, network: nn.Module) -> list[Units]:
    groups = [group for kind in ("filter", "neuron") for group in find.of(subject, kind).removable]
    found = [one for group in groups if (one := _units(group, network)).parts]
    if not found:
        raise ValueError(f"{subject.title} has no filter and no neuron that can go whole: choose l1 or l2")
    return found


def value(target: Units) -> Tensor:
    return (target.roots * _norms(target)).sum()


def pull(target: Units, strength: float) -> None:
    norms = _norms(target)
    shares = torch.where(norms > 0, strength * target.roots / norms, 0.0)
    for tensor, axis, owner in target.parts:
        moved = tensor.movedim(axis, 0)
        regularisers.slope(tensor).movedim(axis, 0).addcmul_(moved, shares[owner].view(-1, *[1] * (moved.ndim - 1)))


def _units(group: Group, network: nn.Module) -> Units:
    parameters, parts, sizes = dict(network.named_parameters()), [], torch.zeros(group.units + 1)
    for part in group.of("makes"):
        if part.tensor in parameters and parameters[part.tensor].ndim >= 2:
            tensor, owner = parameters[part.tensor], torch.as_tensor(part.owner)
            owner = torch.where(owner == NOBODY, group.units, owner)
            parts.append((tensor, part.axis, owner))
            each = prod(tensor.shape) / tensor.shape[part.axis]
            sizes += torch.bincount(owner, minlength=group.units + 1) * each
    sizes[-1] = 0
    return Units(tuple(parts), sizes.sqrt())


def _norms(target: Units) -> Tensor:
    """The Euclidean norm of each unit's weights [U + 1]."""
    squares = target.roots.new_zeros(len(target.roots))
    for tensor, axis, owner in target.parts:
        squares = squares.index_add(0, owner, tensor.movedim(axis, 0).flatten(1).square().sum(1))
    return squares.sqrt()

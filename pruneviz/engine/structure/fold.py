"""Folding: a unit that always says the same goes, and what it said stays, in the bias of whoever read it.

A filter of zeros is not silent: its BatchNorm's shift goes on to the next layer, W · constant, which is a bias. Exact where
the reader sees the constant everywhere; a convolution that pads with zeros does not, at the border.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.structure import hanging
from pruneviz.engine.structure.silence import masked
from pruneviz.engine.structure.units import Group, Kept, Part, Structure

FORMULA = r"b'_o = b_o + \sum_{c\,\mathrm{gone}} \Big(\sum_k W_{o,c,k}\Big)\, x_c"
SAME = 1e-12
"""A channel is constant if it varies by no more than this part of itself, over all samples and positions."""

Unit = tuple[str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Folding:
    """What becomes of the constants. `silenced` is what stays, the folded units too; `shifts` are added to biases [O].

    `shifts` is by the reader's weight, before anything is cut; `opened` are modules that get a bias; `unfolded` says why.
    """

    silenced: dict[str, np.ndarray]
    folded: tuple[str, ...]
    unfolded: tuple[tuple[str, str], ...]
    shifts: dict[str, Tensor]
    opened: tuple[str, ...]


def find(network: nn.Module, structure: Structure, kept: Kept, inputs: Tensor | dict) -> Folding:
    """Which of the units that go are constant on `inputs`, with all others gone, and what each adds to whose bias."""
    losing = [group for group in structure.groups if group.name in kept and not kept[group.name].all() and not group.blocks]
    why: dict[Unit, str] = {}
    hopeful = {(group.name, int(at)) for group in losing for at in np.flatnonzero(~kept[group.name])}
    for group in losing:
        obstacle = next((one for part in group.of("reads") if (one := _obstacle(network, part))), "")
        for unit in [unit for unit in hopeful if obstacle and unit[0] == group.name]:
            why[unit] = obstacle
    hopeful -= set(why)
    while True:
        silenced = _with(kept, hopeful)
        seen = _seen(masked(network, structure, silenced), losing, inputs)
        found = {unit: one for group in losing for unit, one in _varying(network, group, seen, hopeful)}
        if not found:
            break
        why |= found
        hopeful -= set(found)
    shifts = _shifts(network, losing, seen, hopeful)
    opened = tuple(_owner(name) for name in shifts if network.get_submodule(_owner(name)).bias is None)
    unfolded = tuple((f"{name}:{at}", why[name, at]) for name, at in sorted(why))
    return Folding(silenced, tuple(f"{name}:{at}" for name, at in sorted(hopeful)), unfolded, shifts, opened)


def open_biases(smaller: nn.Module, modules: tuple[str, ...]) -> None:
    """Give these modules a bias of zeros, in place."""
    for name in modules:
        module = smaller.get_submodule(name)
        size = module.weight.shape[0 if _kernel_axis(module) == 1 else 1]
        bias = torch.zeros(size, dtype=module.weight.dtype, device=module.weight.device)
        module.register_parameter("bias", nn.Parameter(bias, requires_grad=module.weight.requires_grad))


def shift(smaller: nn.Module, folding: Folding, slices: tuple[tuple[str, int, tuple[int, ...]], ...]) -> None:
    """Add the constants to the biases of the smaller network, in place."""
    stays = {(name, axis): list(positions) for name, axis, positions in slices}
    for name, shift in folding.shifts.items():
        module = smaller.get_submodule(_owner(name))
        shift = shift[stays.get((name, 1 - _kernel_axis(module)), slice(None))]
        bias = (module.bias.detach().double() + shift).to(module.bias.dtype)
        module.bias = nn.Parameter(bias, requires_grad=module.bias.requires_grad)


def _obstacle(network: nn.Module, part: Part) -> str:
    """Why nothing that this reader reads can be folded; empty if it can."""
    module = network.get_submodule(_owner(part.tensor))
    if _kernel_axis(module) != part.axis or not part.tensor.endswith("weight"):
        return f"{_owner(part.tensor)} is a {type(module).__name__}, which has no bias for it"
    places = hanging.places(network)
    if len(places[hanging.place(module.weight)]) > 1:
        return f"{part.tensor} is shared with another module"
    if module.bias is not None and len(places[hanging.place(module.bias)]) > 1:
        return f"the bias of {_owner(part.tensor)} is shared with another module"
    return ""


def _kernel_axis(module: nn.Module) -> int | None:
    """Along which axis of its weight a reader has its inputs; None if its output is no plain sum of them."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return None if module.transposed or module.groups > 1 else 1
    return 1 if isinstance(module, nn.Linear) else 0 if type(module).__name__ == "Conv1D" else None


def _pads(module: nn.Module) -> bool:
    """Does this reader see zeros beyond the border?"""
    if not isinstance(module, nn.modules.conv._ConvNd) or module.padding_mode != "zeros":
        return False
    wide = any(size > 1 for size in module.kernel_size)
    return wide if module.padding == "same" else module.padding != "valid" and any(module.padding)


def _with(kept: Kept, units: set[Unit]) -> dict[str, np.ndarray]:
    """`kept`, and these units too."""
    more = {name: mine.copy() for name, mine in kept.items()}
    for name, at in units:
        more[name][at] = True
    return more


def _seen(network: nn.Module, losing: list[Group], inputs: Tensor | dict) -> dict[str, tuple[Tensor, Tensor]]:
    """Per reader's weight: the lowest and the highest number that it read at each of its inputs, [I] each."""
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    names = dict.fromkeys(part.tensor for group in losing for part in group.of("reads"))
    hooks = []
    for name in names:
        module = network.get_submodule(_owner(name))
        if _kernel_axis(module) is None:
            continue

        def look(module: nn.Module, args: tuple, kwargs: dict, name: str = name) -> None:
            read = args[0] if args else kwargs["input"]
            spatial = len(getattr(module, "kernel_size", ())) if isinstance(module, nn.modules.conv._ConvNd) else 0
            flat = read.movedim(read.ndim - 1 - spatial, 0).flatten(1)
            low, high = flat.amin(1), flat.amax(1)
            if name in seen:
                low, high = torch.minimum(low, seen[name][0]), torch.maximum(high, seen[name][1])
            seen[name] = low, high

        hooks.append(module.register_forward_pre_hook(look, with_kwargs=True))
    network.eval()
    try:
        with torch.inference_mode():
            network(**inputs) if isinstance(inputs, dict) else network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _varying(
    network: nn.Module, group: Group, seen: dict[str, tuple[Tensor, Tensor]], hopeful: set[Unit]
) -> Iterator[tuple[Unit, str]]:
    """Of the units that one hopes to fold, those that cannot be, with the reason."""
    for part in group.of("reads"):
        pads = _pads(network.get_submodule(_owner(part.tensor)))
        for position, unit in enumerate(part.owner.tolist()):
            if (group.name, unit) not in hopeful or part.tensor not in seen:
                continue
            low, high = (float(side[position]) for side in seen[part.tensor])
            if not high - low <= SAME * max(abs(low), abs(high)):
                yield (group.name, unit), f"it is not constant: {_owner(part.tensor)} reads {low:.3g} to {high:.3g}"
            elif pads and high != 0:
                yield (group.name, unit), f"{_owner(part.tensor)} pads with zeros: at the border it is not the constant"


def _shifts(
    network: nn.Module, losing: list[Group], seen: dict[str, tuple[Tensor, Tensor]], folded: set[Unit]
) -> dict[str, Tensor]:
    """Per reader's weight, what its bias gains, float64 [O]; readers that gain nothing are not there."""
    shifts: dict[str, Tensor] = {}
    for group in losing:
        mine = [at for name, at in folded if name == group.name]
        for part in group.of("reads") if mine else ():
            at = torch.from_numpy(np.flatnonzero(np.isin(part.owner, mine)))
            constant = seen[part.tensor][1][at].double()
            weight = hanging.tensor(network, part.tensor).detach().double()
            columns = weight.movedim(part.axis, 1).flatten(2).sum(2) if weight.ndim > 2 else weight.movedim(part.axis, 1)
            gain = columns[:, at] @ constant
            if gain.any():
                shifts[part.tensor] = shifts[part.tensor] + gain if part.tensor in shifts else gain
    return shifts


def _owner(tensor: str) -> str:
    return tensor.rpartition(".")[0]

"""Trace: follows every channel of a network through one forward pass, and so finds which filters and neurons can go.

Operations are watched as they run (`torch.overrides.TorchFunctionMode`), whatever the forward's Python code looks like. The
rules in `rules/` say what each one does to the channels; an operation without a rule ends all channels that go into it, so
what is offered for removal is what was understood from its maker to its last reader. One real removal checks it at the end.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pruneviz.engine.structure import attempt, grouping, width
from pruneviz.engine.structure.channels import Channels
from pruneviz.engine.structure.labels import Call, Labels, tensors
from pruneviz.engine.structure.rules import arithmetic, layers, shapes
from pruneviz.engine.structure.units import Granularity, Structure

RULES: dict[str, Callable[[Call], None]] = {**arithmetic.RULES, **shapes.RULES, **layers.RULES}
"""Per operation, what it does to channels. A new rule goes in one of the three files, and nowhere else."""

_SIZES = "arange empty empty_like full new_empty new_full new_ones new_tensor new_zeros ones rand_like randn_like zeros"
SIZES_ONLY = frozenset(_SIZES.split(" "))
"""Operations that look at shapes and types only: their results are rigid, and nothing is read."""

_VALUES = "array bool complex contains float index int item iter nonzero numpy setitem set tolist"
VALUES = frozenset(_VALUES.split(" "))
"""What takes numbers out of tensors, or puts them in one by one: channels cannot be followed there."""


def structure(network: nn.Module, inputs: Tensor | dict, granularity: Granularity) -> Structure:
    """The filters («filter») or neurons («neuron») of a network, seen in one forward pass in evaluation mode.

    The network is not changed: a private copy runs, which shares its tensors.
    """
    book = follow(network, inputs)
    shapes_now = {name: tuple(tensor.shape) for name, tensor in (*network.named_parameters(), *network.named_buffers())}
    found = Structure(granularity, grouping.groups(book, network, granularity), shapes_now)
    return width.proven(network, attempt.checked(network, found, inputs), inputs)


def follow(network: nn.Module, inputs: Tensor | dict) -> Channels:
    """The book of all channels after one forward pass."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    private = copy.deepcopy(network, memo=shared).eval()
    channels, labels = Channels(), Labels(private)
    running: list[tuple[str, nn.Module]] = [("", private)]
    for name, module in private.named_modules():
        module.register_forward_pre_hook(lambda module, _, name=name: running.append((name, module)))
        module.register_forward_hook(lambda *_: (running.pop(), None)[1], always_call=True)
    with torch.no_grad(), _Watch(channels, labels, running):
        outputs = private(**inputs) if isinstance(inputs, dict) else private(inputs)
    for output in tensors(_plain(outputs)):
        label = labels.of(output)
        if label is not None and hasattr(label, "ids"):
            channels.freeze(label.ids, "these are the network's outputs, one for each class")
    for name, other in _overlaps(network):
        for one in (name, other):
            channels.pin(
                one, tuple(network.get_parameter(one).shape), f"{name} and {other} share memory in different shapes"
            )
    return channels


class _Watch(TorchFunctionMode):
    """In this thread, every operation is looked at after it ran."""

    def __init__(self, channels: Channels, labels: Labels, running: list[tuple[str, nn.Module]]) -> None:
        super().__init__()
        self.channels, self.labels, self.running = channels, labels, running

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        output = function(*args, **kwargs)
        name, rule = _rule(function)
        without = next(tensors(output), None) is None
        if name in SIZES_ONLY or (without and name not in VALUES):
            return output
        where, owner = self.running[-1]
        call = Call(name, function, args, kwargs, output, where, owner, self.channels, self.labels)
        (_unknown if without else rule)(call)
        return output


def _rule(function: Any) -> tuple[str, Callable[[Call], None]]:
    """The operation's plain name, and what it does to channels."""
    full = getattr(function, "__name__", type(function).__name__)
    if full in ("__get__", "__set__"):
        full = getattr(function.__self__, "__name__", "") if full == "__get__" else "set"
    name = full.strip("_")
    in_place = full.endswith("_") and not full.endswith("__")
    if in_place and RULES.get(name) in (shapes.move, shapes.join):
        return name, _unknown
    return name, RULES.get(name, _unknown)


def _unknown(call: Call) -> None:
    """An operation without a rule: what goes in stays, what comes out is no channel."""
    call.freeze(tensors([call.args, call.kwargs]), "is an operation that channels are not followed through")
    for output in tensors(call.output):
        call.labels.put(output, None)


def _plain(outputs: object) -> object:
    """Outputs as nested tuples and dictionaries; transformers' records are dictionaries already."""
    if hasattr(outputs, "__dataclass_fields__") and not isinstance(outputs, dict):
        return [getattr(outputs, name, None) for name in outputs.__dataclass_fields__]
    return outputs


def _overlaps(network: nn.Module) -> list[tuple[str, str]]:
    """Pairs of parameters that share some memory without being the same numbers in the same shape."""
    extents = []
    for name, parameter in network.named_parameters():
        if parameter.is_meta or not parameter.numel() or parameter.layout != torch.strided:
            continue
        last = sum((size - 1) * stride for size, stride in zip(parameter.shape, parameter.stride(), strict=True))
        start = parameter.data_ptr()
        extents.append((start, start + (last + 1) * parameter.element_size(), name, parameter))
    extents.sort(key=lambda one: one[:2])
    pairs = []
    for (_, end, name, one), (start, _, other, two) in zip(extents, extents[1:], strict=False):
        same = (one.data_ptr(), one.shape, one.stride()) == (two.data_ptr(), two.shape, two.stride())
        if start < end and not same:
            pairs.append((name, other))
    return pairs

"""Attention heads: found by how a module lays them out, believed only after a forward has shown that they can go.

A layout says which rows and columns a head has; whether the module really computes the same without them is tried on a
copy of that one module, with random weights and the arguments it is called with. What fails is listed with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from torch import Tensor, nn

from pruneviz.engine.structure import layouts, trial
from pruneviz.engine.structure.attention import HEADS, SHARED, Attention, group, size_of
from pruneviz.engine.structure.calls import Call, first, private, watch
from pruneviz.engine.structure.matrices import is_matrix
from pruneviz.engine.structure.units import Group, Structure

NEVER = "is not called with this input: nothing shows what its heads do"
UNKNOWN = "has heads, but lays its matrices out in no way that is known here"
UNEVEN = "{} query heads cannot share {} keys and values evenly"
TIED = "shares weights with {}: a head would go from both"


@dataclass(frozen=True, slots=True)
class Found:
    """An attention module and the ways in which its heads may lie, likeliest first."""

    name: str
    ways: tuple[Attention, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one forward pass showed: every call of the modules that matter, and of how many samples."""

    calls: dict[str, list[Call]]
    samples: int


def structure(network: nn.Module, inputs: Tensor | dict) -> Structure:
    """The heads of every attention module, one group each: a unit is a head, or a key-value head with all its queries."""
    mine = private(network)
    found = attentions(mine)
    asked = {way.within for one in found for way in one.ways}
    names = asked | {name for one in found for way in one.ways for name in (way.query, way.key)}
    seen = Seen(watch(mine, inputs, names, keep=asked), _samples(inputs)) if found else Seen({}, 1)
    tried: dict[tuple, tuple[int, str]] = {}
    groups = _apart(mine, [_group(mine, one, seen, tried) for one in found])
    shapes = {name: tuple(tensor.shape) for name, tensor in mine.named_parameters(remove_duplicate=False)}
    return Structure("head", (*groups, *_unknown(mine, found)), shapes)


def queries(network: nn.Module, inputs: Tensor | dict) -> Structure:
    """Every query head as a unit of its own, to be silenced one at a time and measured. Where several look at the same keys
    and values, one of them alone cannot be taken out: the others of its group would need another number of neighbours than
    those of other groups. There `structure` has whole groups."""
    found = structure(network, inputs)
    ways = {way.name: way for one in attentions(network) for way in one.ways}
    groups = []
    for one in found.removable:
        way = ways[one.name]
        each = replace(group(replace(way, shared=1), network, looks=0.0), macs=one.macs / way.each)
        groups.append(each if way.each > 1 else one)
    return Structure("head", tuple(groups), found.shapes)


def attentions(network: nn.Module) -> tuple[Found, ...]:
    """Every module that looks like one of the layouts on the shelf, in the network's own order."""
    pairs = ((name, layouts.candidates(network, name, module)) for name, module in network.named_modules())
    return tuple(Found(name, ways) for name, ways in pairs if ways)


def _group(network: nn.Module, one: Found, seen: Seen, tried: dict[tuple, tuple[int, str]]) -> Group:
    likely = one.ways[0]
    if likely.heads % likely.shared:
        return _refused(one.name, likely.shared, UNEVEN.format(likely.heads, likely.shared))
    if not seen.calls[likely.within]:
        return group(likely, network, 0.0, NEVER)
    key = _alike(network, one)
    if key not in tried:
        tried[key] = _verdict(network, one, seen.calls[likely.within][0])
    at, reason = tried[key]
    return group(one.ways[at], network, _looks(network, one.ways[at], seen), reason)


def _verdict(network: nn.Module, one: Found, call: Call) -> tuple[int, str]:
    """Which of the ways is right; where none is, what the likeliest one broke at."""
    reasons = []
    for at, way in enumerate(one.ways):
        reasons.append(trial.failure(network, way, call))
        if not reasons[-1]:
            return at, ""
    return 0, reasons[0]


def _alike(network: nn.Module, one: Found) -> tuple:
    """Modules of which one trial says what it says of all: same class, same sizes."""
    way = one.ways[0]
    around = network.get_submodule(way.within)
    sizes = tuple((name, tuple(tensor.shape)) for name, tensor in around.named_parameters())
    return type(network.get_submodule(one.name)), type(around), way.heads, way.shared, way.size, sizes


def _looks(network: nn.Module, way: Attention, seen: Seen) -> float:
    """How many (query, key) pairs of tokens one input makes every head of this module multiply."""
    if not way.query:
        call = seen.calls[way.name][0]
        pairs = len(seen.calls[way.name]) * _torch_pairs(network.get_submodule(way.name), call)
    elif way.window and not seen.calls[way.query]:  # Swin multiplies by weights, without calling the matrix
        pairs = sum(_window_pairs(call.came_in, way.window) for call in seen.calls[way.name])
    else:
        both = zip(seen.calls[way.query], seen.calls[way.key], strict=False)
        pairs = sum(prod(query.came_out[:-1]) * key.came_out[-2] for query, key in both)
    return pairs / seen.samples


def _torch_pairs(module: nn.MultiheadAttention, call: Call) -> int:
    """nn.MultiheadAttention makes queries and keys of what it is called with, tokens second or first."""
    query = call.args[0] if call.args else call.kwargs["query"]
    key = call.args[1] if len(call.args) > 1 else call.kwargs["key"]
    tokens = 0 if query.dim() == 2 or not module.batch_first else 1
    return prod(query.shape[:-1]) * key.shape[tokens]


def _window_pairs(shape: tuple[int, ...], window: tuple[int, ...]) -> int:
    """Pairs inside windows that cover [N, H, W, C], padded to whole windows."""
    many, high, wide, _ = shape
    return many * (high + -high % window[0]) * (wide + -wide % window[1]) * prod(window)


def _samples(inputs: Tensor | dict) -> int:
    tensor = first(inputs.values()) if isinstance(inputs, dict) else inputs
    return len(tensor)


def _apart(network: nn.Module, groups: list[Group]) -> list[Group]:
    """Groups whose weights hang in several attention modules cannot lose heads."""
    owners: dict[int, set[str]] = {}
    named = dict(network.named_parameters(remove_duplicate=False))
    for one in groups:
        for part in one.parts:
            if part.tensor in named:
                owners.setdefault(id(named[part.tensor]), set()).add(one.name)
    twins = {name: sorted(names - {name})[0] for names in owners.values() if len(names) > 1 for name in names}
    return [
        replace(one, reason=TIED.format(twins[one.name])) if one.name in twins and one.removable else one for one in groups
    ]


def _unknown(network: nn.Module, found: tuple[Found, ...]) -> tuple[Group, ...]:
    """Modules that count heads and hold matrices, but fit no layout: named, so that nobody looks for them in vain."""
    known = [name for one in found for name in (one.name, one.ways[0].within)]
    counting = [
        (name, heads)
        for name, module in network.named_modules()
        if (heads := size_of(module, HEADS + SHARED)) and any(is_matrix(part) for part in module.children())
    ]
    groups = []
    for name, heads in counting:
        others = [*known, *(other for other, _ in counting if other != name)]
        if name not in known and not any(_inside(other, name) for other in others) and not _any_around(name, known):
            groups.append(_refused(name, heads, UNKNOWN))
    return tuple(groups)


def _inside(name: str, other: str) -> bool:
    return name.startswith(f"{other}." if other else "") and name != other


def _any_around(name: str, known: list[str]) -> bool:
    return any(_inside(name, other) for other in known)


def _refused(name: str, units: int, reason: str) -> Group:
    return Group(name, name or "attention", "head", units, modules=(name,), reason=reason)

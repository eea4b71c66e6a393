"""Layers: the blocks of a network that give what they take, so that the network still runs when one is left out.

A block is an element of a list of modules (nn.Sequential or nn.ModuleList) that holds at least two matrices or kernels,
is called once, and gives a tensor of the shape that it was given: a residual block, a transformer block.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from torch import Tensor, nn

from pruneviz.engine.structure.calls import Call, first, private, watch
from pruneviz.engine.structure.dropping import drop
from pruneviz.engine.structure.matrices import joined
from pruneviz.engine.structure.proof import SurgeryError, brief, prove
from pruneviz.engine.structure.units import Group, Structure

OFTEN = "is called {} times with this input: leaving it out would skip all of them"
NEVER = "is not called with this input"
UNEQUAL = "turns {} into {}: what comes after it could not use what came before it"
TWICE = "also goes by the name {}: it would stay there"
NEEDED = "the network does not run without it ({})"
OTHERWISE = "without it the network computes something else than when it passes on what it was given"


def structure(network: nn.Module, inputs: Tensor | dict) -> Structure:
    """The layers of every list of blocks, one group per list; those that cannot go stand in a second, with the reason."""
    mine = private(network)
    nested = _nested(mine, "")
    calls = watch(mine, inputs, _names(nested))
    aliases = _aliases(mine)
    reasons = {name: _obstacle(name, made, aliases) for name, made in calls.items()}
    lists = _chosen(nested, reasons)
    _try(mine, inputs, lists, reasons)
    groups = []
    for above, names in lists.items():
        able = tuple(name for name in names if not reasons[name])
        groups += [_group(above, able)] if able else []
        groups += [_group(above, (name,), reasons[name]) for name in names if reasons[name]]
    shapes = {name: tuple(tensor.shape) for name, tensor in mine.named_parameters(remove_duplicate=False)}
    return Structure("layer", tuple(groups), shapes)


def bypass(network: nn.Module, blocks: Iterable[str]) -> None:
    """Makes each block pass on what it was mainly given, in place. Names, parameters and everything around stay."""
    for name in blocks:
        block = network.get_submodule(name)
        block.forward = functools.partial(_passed, block)


def restore(network: nn.Module, blocks: Iterable[str]) -> None:
    """Undoes `bypass`, in place."""
    for name in blocks:
        vars(network.get_submodule(name)).pop("forward", None)


def _passed(block: nn.Module, *args: object, **kwargs: object) -> object:
    """What came in, in the place of what would have come out; the rest of a tuple (weights, caches) as it would be.

    The block still runs, on a copy, where anything but its one output could be missed: a cache counts who was there.
    """
    given = first((*args, *kwargs.values()))
    if vars(block).get("_gives_one_tensor") and not any(_remembers(value) for value in (*args, *kwargs.values())):
        return given
    args = tuple(value.clone() if value is given else value for value in args)
    kwargs = {key: value.clone() if value is given else value for key, value in kwargs.items()}
    output = type(block).forward(block, *args, **kwargs)
    block._gives_one_tensor = isinstance(output, Tensor)
    return _replaced(output, given)


def _remembers(value: object) -> bool:
    """Is it a cache of keys and values, which a block leaves its own in?"""
    return hasattr(value, "update") and not isinstance(value, Tensor | dict | nn.Module)


def _replaced(output: object, given: Tensor | None) -> object:
    if isinstance(output, Tensor):
        return given
    if isinstance(output, tuple | list):
        at = next((at for at, value in enumerate(output) if isinstance(value, Tensor)), None)
        values = [given if place == at else value for place, value in enumerate(output)]
        return type(output)(values) if type(output) in (tuple, list) else type(output)(*values)
    raise TypeError(f"a layer gives a {type(output).__name__}, not a tensor or a tuple: it cannot be passed by")


Nested = dict[str, dict[str, "Nested"]]
"""Lists by name; of each its blocks by name; of each block the lists inside it."""


def _nested(module: nn.Module, name: str) -> Nested:
    """Every list of blocks under a module. A plain list inside a list is no block if it holds blocks of its own.

    A block counts as a stage, with lists of its own, where those consist of blocks: one gate among convolutions is none.
    """
    found: Nested = {}
    for key, part in module._modules.items():
        if part is None:
            continue
        path = joined(name, key)
        inside = _nested(part, path)
        if _is_list(module) and _matrices(part) >= 2 and not (_is_list(part) and inside):
            lists = {above: held for above, held in inside.items() if 2 * len(held) >= _length(module, name, above)}
            found.setdefault(name, {})[path] = lists
        else:
            found.update(inside)
    return found


def _length(module: nn.Module, name: str, above: str) -> int:
    return len(module.get_submodule(above[len(name) :].lstrip("."))._modules)


def _names(nested: Nested) -> list[str]:
    return [name for blocks in nested.values() for block, inside in blocks.items() for name in (block, *_names(inside))]


def _chosen(nested: Nested, reasons: dict[str, str]) -> dict[str, list[str]]:
    """The outermost lists whose blocks can go. Where a block that cannot holds some that can, the list is one of stages."""
    chosen: dict[str, list[str]] = {}
    for above, blocks in nested.items():
        deeper = {block: _chosen(inside, reasons) for block, inside in blocks.items()}
        if any(reasons[block] and _any_goes(deeper[block], reasons) for block in blocks):
            for inner in deeper.values():
                chosen.update(inner)
        else:
            chosen[above] = list(blocks)
    return chosen


def _any_goes(lists: dict[str, list[str]], reasons: dict[str, str]) -> bool:
    return any(not reasons[name] for names in lists.values() for name in names)


def _is_list(module: nn.Module) -> bool:
    """nn.ModuleList, or nn.Sequential where it does what the name says."""
    plain = isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward
    return plain or isinstance(module, nn.ModuleList)


def _matrices(module: nn.Module) -> int:
    """How many matrices and kernels a module holds; what is looked up is none."""
    return sum(
        parameter.dim() >= 2
        for part in module.modules()
        if not isinstance(part, nn.Embedding)
        for parameter in part._parameters.values()
        if parameter is not None
    )


def _aliases(network: nn.Module) -> dict[str, str]:
    """Of modules that hang in several places, per name another one."""
    names: dict[int, list[str]] = {}
    for name, module in network.named_modules(remove_duplicate=False):
        names.setdefault(id(module), []).append(name)
    return {
        name: next(other for other in same if other != name) for same in names.values() if len(same) > 1 for name in same
    }


def _obstacle(name: str, calls: list[Call], aliases: dict[str, str]) -> str:
    """Why a block cannot be left out; empty if it can."""
    if name in aliases:
        return TWICE.format(aliases[name])
    if len(calls) != 1:
        return OFTEN.format(len(calls)) if calls else NEVER
    came_in, came_out = calls[0].came_in, calls[0].came_out
    if came_in is None or came_in != came_out:
        return UNEQUAL.format(_words(came_in), _words(came_out))
    return ""


def _words(shape: tuple[int, ...] | None) -> str:
    return "no tensor" if shape is None else "×".join(str(size) for size in shape[1:]) or "a number"


def _try(network: nn.Module, inputs: Tensor | dict, lists: dict[str, list[str]], reasons: dict[str, str]) -> None:
    """Writes into `reasons` which blocks cannot go after all: tried all at once, and one by one only where that fails."""
    every_other = [name for names in lists.values() for name in [one for one in names if not reasons[one]][::2]]
    if not every_other or not _failure(network, inputs, every_other):
        return
    able = [name for names in lists.values() for name in names if not reasons[name]]
    reasons.update({name: _failure(network, inputs, (name,)) for name in able})
    for names in lists.values():
        rest = [name for name in names if not reasons[name]]
        reason = _failure(network, inputs, rest[::2]) if rest else ""
        reasons.update(dict.fromkeys(rest, reason))


def _failure(network: nn.Module, inputs: Tensor | dict, blocks: Iterable[str]) -> str:
    """Tries to do without these blocks: why that fails; empty if passing them by and dropping them agree."""
    silent, smaller = private(network), private(network)
    bypass(silent, blocks)
    drop(smaller, blocks)
    try:
        return "" if prove(silent, smaller, inputs).holds else OTHERWISE
    except SurgeryError as problem:
        return NEEDED.format(brief(problem.__cause__ or problem))


def _group(above: str, blocks: tuple[str, ...], reason: str = "") -> Group:
    """The layers of one list that can go, or one that cannot."""
    name = f"{above or 'network'}/{blocks[0].rpartition('.')[2]}" if reason else above or "network"
    label = blocks[0] if reason else name
    return Group(name, label, "layer", len(blocks), modules=blocks, reason=reason, pattern=above or "network", blocks=blocks)

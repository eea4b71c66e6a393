"""Straddling: matrices that read what attention heads give, where heads are no whole groups of M inputs.

A group of a pattern N:M would hold channels of two heads there. Which of a head's channels count is then decided by its
neighbour's, and once a head is taken out the groups behind it lie elsewhere: the pattern is none any more.

More attention is known here than can lose heads: whoever counts heads and has an output matrix says how wide a head is,
however queries, keys and values lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import nn

from pruneviz.engine.structure import heads
from pruneviz.engine.structure.attention import HEADS, SIZE, size_of
from pruneviz.engine.structure.layouts import fused, separate
from pruneviz.engine.structure.matrices import is_matrix, joined, outputs

MAKES = {*fused.FUSED, *(name for names in separate.TRIPLES for name in names), "kv", "to_kv", "kv_proj"}
"""Names of matrices that queries, keys and values come from: they read tokens, not heads."""
READS = tuple(dict.fromkeys((*separate.OUT, *fused.OUT, "output_proj", "post_proj", "linear_out", "projection", "output")))
"""Names of the matrix that reads what the heads gave, or of what holds it and no other."""
SIZES = ("v_head_dim", "value_head_dim", *SIZE)
"""Names that modules give to the channels of a head, the values' own first."""


def straddled(network: nn.Module, m: int) -> dict[str, int]:
    """Parameter's name → channels per head, of every such matrix."""
    known, found = heads.attentions(network), {}
    for one in known:
        way = one.ways[0]
        if way.value_size % m:
            found |= {slab.tensor: way.value_size for slab in way.slabs if slab.role == "reads" and "out" in slab.holds}
    for module, out in _others(network, {one.name for one in known}):
        size = _size(module, _width(network.get_submodule(out)))
        if size and size % m:
            found[joined(out, "weight")] = size
    return found


def sentence(title: str, found: Mapping[str, int], pattern: str) -> str:
    """What is wrong with the first of these, and how many more there are; what to do about it is the caller's to say."""
    _, _, m = pattern.partition(":")
    first, size = next(iter(found.items()))
    more = f" and in {len(found) - 1} more layer{'s' * (len(found) > 2)}" if len(found) > 1 else ""
    return (
        f"{title} has attention heads of {size} channels, which are no whole groups of {m}: in "
        f"{first.removesuffix('.weight')}{more} a group of {pattern} would mix two heads"
    )


def _others(network: nn.Module, known: set[str]) -> Iterator[tuple[nn.Module, str]]:
    """Modules that count heads and fit no layout, each with the matrix that reads its heads: of modules inside each other
    the innermost. Where no name tells which matrix that is, all are meant that do not make queries, keys or values."""
    counting = {name: module for name, module in network.named_modules() if _counts(module) and not _lies(name, known)}
    sure = {name: out for name, module in counting.items() if (out := _out(network, name, module))}
    sure = {name: out for name, out in sure.items() if not _holds(name, {*known, *sure})}
    for name, out in sure.items():
        yield counting[name], out
    bare = {name: _unnamed(module) for name, module in counting.items() if name not in sure}
    bare = {name: inside for name, inside in bare.items() if inside and not _lies(name, {*sure})}
    for name, inside in bare.items():
        if not _holds(name, {*known, *sure, *bare}):
            yield from ((counting[name], joined(name, one)) for one in inside)


def _counts(module: nn.Module) -> bool:
    """Whether a module says anything of heads. One that leaves it to its config is believed where it makes queries, too; an
    «in_proj» is as well a state space's."""
    if size_of(module, HEADS + SIZES):
        return True
    makes = any(name in MAKES - {"in_proj"} and _is_read(part) for name, part in module.named_children())
    return makes and bool(size_of(getattr(module, "config", None), HEADS))


def _size(module: nn.Module, width: int) -> int | None:
    """Channels per head of a matrix that reads `width` of them; None where nothing divides it evenly."""
    for whose in (module, getattr(module, "config", None)):
        count, size = size_of(whose, HEADS), size_of(whose, SIZES)
        if count and width % count == 0:
            return width // count
        if size and width % size == 0:
            return size
    return None


def _out(network: nn.Module, name: str, module: nn.Module) -> str:
    """The matrix that reads the heads, by its name in this module; or in the module beside, as BERT keeps it."""
    for key in READS:
        if (inside := _only(module, key)) is not None:
            return joined(name, inside)
    around = name.rpartition(".")[0]
    beside = network.get_submodule(around) if name else None
    makes = beside is not None and any(map(_is_read, module.children()))
    inside = _only(beside, separate.NEIGHBOUR[0]) if makes else None
    return "" if inside is None else joined(around, inside)


def _only(module: nn.Module, path: str) -> str | None:
    """The one matrix that there is at this path, or inside of what is there."""
    found = module
    for key in path.split("."):
        found = getattr(found, key, None)
    if not isinstance(found, nn.Module):
        return None
    inside = [name for name, part in found.named_modules() if _is_read(part)]
    return joined(path, inside[0]) if len(inside) == 1 else None


def _unnamed(module: nn.Module) -> list[str]:
    """A module's own matrices but those that queries, keys and values come from."""
    return [name for name, part in module.named_children() if _is_read(part) and name not in MAKES]


def _is_read(module: nn.Module) -> bool:
    """Whether it mixes all its inputs, as a matrix or as a kernel."""
    return is_matrix(module) or (isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d) and module.groups == 1)


def _width(module: nn.Module) -> int:
    """How many inputs it reads."""
    return module.weight.shape[1 - outputs(module) if is_matrix(module) else 1]


def _lies(name: str, those: set[str]) -> bool:
    """Whether a module is one of those, or inside of one."""
    return any(name == other or not other or name.startswith(f"{other}.") for other in those)


def _holds(name: str, those: set[str]) -> bool:
    """Whether a module has one of those inside."""
    return any(other != name and (not name or other.startswith(f"{name}.")) for other in those)

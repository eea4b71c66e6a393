"""What can be pruned one weight at a time, and why the rest cannot.

Every matrix and kernel can: of Linear, Conv, attention's input projections and transformers' Conv1D, the first and the
output layer included. Biases, norms, embeddings, position and class tokens cannot, nor a head tied to an embedding.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.parameter import UninitializedParameter

from pruneviz.engine.subject import Layer

_ATTENTION = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm, nn.RMSNorm)
_TOKENS = ("pos", "token", "cls", "relative")

Skipped = tuple[tuple[str, str], ...]


def find(network: nn.Module) -> tuple[tuple[Layer, ...], Skipped]:
    """The layers that can be pruned, in the network's own order, and (name, reason) of every parameter that cannot.

    Where several parameters share storage there is one layer: the first name, with the others as its aliases.
    """
    owners = {f"{prefix}.{key}".lstrip("."): (module, key) for prefix, module, key in _owners(network)}
    named = dict(network.named_parameters(remove_duplicate=False))
    layers, skipped = [], []
    for names in _tied(named):
        reason = _obstacle(names, named, owners)
        if reason:
            skipped += [(name, reason) for name in names]
        else:
            first = names[0]
            layers.append(Layer(first, _label(first, owners), _kind(owners[first][0]), tuple(named[first].shape), names[1:]))
    return tuple(layers), tuple(skipped)


def nonfinite(network: nn.Module) -> tuple[tuple[str, int], ...]:
    """(name, how many) of every parameter or buffer that holds NaN or infinities."""
    counts = (
        (name, int((~tensor.isfinite()).sum())) for name, tensor in (*network.named_parameters(), *network.named_buffers())
    )
    return tuple((name, count) for name, count in counts if count)


def _owners(network: nn.Module) -> Iterable[tuple[str, nn.Module, str]]:
    for prefix, module in network.named_modules(remove_duplicate=False):
        for key in module._parameters:
            yield prefix, module, key


def _tied(named: dict[str, Tensor]) -> list[tuple[str, ...]]:
    """Names that mean the same numbers in the same shape, together; in the order of their first names."""
    groups: dict[tuple, list[str]] = {}
    for name, parameter in named.items():
        groups.setdefault(_place(parameter), []).append(name)
    return [tuple(names) for names in groups.values()]


def _place(parameter: Tensor) -> tuple:
    """Where a parameter lies in memory and how it is read there: equal for tied parameters and for nothing else."""
    if isinstance(parameter, UninitializedParameter) or parameter.is_meta or not parameter.numel():
        return (id(parameter),)
    return (parameter.data_ptr(), parameter.dtype, tuple(parameter.shape), parameter.stride())


def _obstacle(names: tuple[str, ...], named: dict[str, Tensor], owners: dict[str, tuple[nn.Module, str]]) -> str:
    """Why these tied parameters cannot be pruned weight by weight; empty if they can."""
    own = [reason for name in names if (reason := _reason(name, named[name], *owners[name]))]
    embedding = next((name for name in names if isinstance(owners[name][0], nn.Embedding | nn.EmbeddingBag)), None)
    if embedding and len(names) > 1:
        return f"tied to the embedding {embedding}: rows are looked up, not multiplied"
    if own:
        return own[0] if len(own) == len(names) else f"tied to a parameter that cannot be pruned ({own[0]})"
    other = next((name for name in named if name not in names and _overlap(named[names[0]], named[name])), None)
    return f"shares memory with {other} in another shape: one mask cannot serve both" if other else ""


def _reason(name: str, parameter: Tensor, module: nn.Module, key: str) -> str:
    if isinstance(parameter, UninitializedParameter):
        return "has no values yet: run the network once and save it again"
    if _is_matrix(parameter, module, key):
        return "" if parameter.numel() else "has no weights"
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return "an embedding: rows are looked up, not multiplied"
    if isinstance(module, _NORMS) or "norm" in type(module).__name__.lower():
        return "a norm's scale or shift: one number per channel"
    if any(word in key.lower() for word in _TOKENS):
        return "a position or class token: added, not multiplied"
    if "bias" in key:
        return "a bias: one number per output"
    return f"a parameter of {type(module).__name__}, which is neither a matrix nor a kernel of a known layer"


def _is_matrix(parameter: Tensor, module: nn.Module, key: str) -> bool:
    if not parameter.is_floating_point() or parameter.ndim < 2:
        return False
    if isinstance(module, nn.MultiheadAttention):
        return key in _ATTENTION
    known = isinstance(module, nn.Linear | _ConvNd) or type(module).__name__ == "Conv1D"
    return known and key == "weight"


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Do two different parameters share any byte?"""
    if any(isinstance(each, UninitializedParameter) or each.is_meta or not each.numel() for each in (one, other)):
        return False
    (low, high), (other_low, other_high) = _extent(one), _extent(other)
    return low < other_high and other_low < high


def _extent(parameter: Tensor) -> tuple[int, int]:
    steps = zip(parameter.shape, parameter.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in steps)
    return parameter.data_ptr(), parameter.data_ptr() + (last + 1) * parameter.element_size()


def _label(name: str, owners: dict[str, tuple[nn.Module, str]]) -> str:
    """What the screen calls a layer: its module's name; attention's own matrices keep theirs."""
    module, key = owners[name]
    prefix = name.removesuffix(key).rstrip(".")
    if isinstance(module, nn.MultiheadAttention):
        return f"{prefix}.{key.removesuffix('_weight')}".lstrip(".")
    return prefix or _kind(module)


def _kind(module: nn.Module) -> str:
    """The layer's class as the field knows it; a subclass goes by its best-known ancestor."""
    if type(module).__name__ == "Conv1D":
        return "Conv1D"
    known = (kind for kind in type(module).__mro__ if kind.__module__.startswith("torch.nn.modules"))
    names = [kind.__name__ for kind in known]
    return next(name for name in names if not name.startswith(("_", "NonDynamically", "Lazy")))

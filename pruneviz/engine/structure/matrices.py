"""Matrices by the names that attention modules give them, and which of their axes is which."""

from __future__ import annotations

from torch import nn

from pruneviz.engine.structure.attention import Side, Slab


def joined(*names: str) -> str:
    return ".".join(name for name in names if name)


def is_matrix(module: object) -> bool:
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def outputs(module: nn.Module) -> int:
    """The axis of the weight that a matrix's outputs lie along: transformers' Conv1D keeps it transposed."""
    return 0 if isinstance(module, nn.Linear) else 1


def child(module: nn.Module, names: tuple[str, ...]) -> str:
    """The first of these names under which the module holds a matrix; empty if under none."""
    for name in names:
        one = module
        for part in name.split("."):
            one = getattr(one, part, None)
        if is_matrix(one):
            return name
    return ""


def made(network: nn.Module, name: str, holds: tuple[Side, ...], *, by_head: bool = False) -> tuple[Slab, ...]:
    """The rows and the bias of a matrix that computes heads."""
    module = network.get_submodule(name)
    slabs = [Slab(f"{name}.weight", outputs(module), "makes", holds, by_head)]
    if getattr(module, "bias", None) is not None:
        slabs.append(Slab(f"{name}.bias", 0, "follows", holds, by_head))
    return tuple(slabs)


def read(network: nn.Module, name: str) -> tuple[Slab, ...]:
    """The columns of the output matrix."""
    return (Slab(f"{name}.weight", 1 - outputs(network.get_submodule(name)), "reads", ("out",)),)


def beside(module: nn.Module, name: str, holds: dict[str, Side]) -> tuple[Slab, ...]:
    """Biases that a module keeps apart from its matrices, one number per channel of every head."""
    own = {**module._parameters, **module._buffers}
    return tuple(
        Slab(joined(name, key), 0, "follows", (side,))
        for key, side in holds.items()
        if own.get(key) is not None and own[key].dim() == 1
    )

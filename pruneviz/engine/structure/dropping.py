"""Dropping layers: a block leaves its list, and whoever counts the blocks counts again.

This file needs nothing but torch: it travels with exported networks.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

INDEX = ("layer_idx", "layer_index", "layer_id", "block_idx")
"""What a block's modules call the block's place in the list: a cache of keys and values is addressed by it."""

COUNT = ("num_hidden_layers", "num_layers", "n_layers", "n_layer", "depth")
"""What the owner of a list, and a configuration, call its length."""

PER_LAYER = ("layer_types", "mlp_layer_types", "no_rope_layers")
"""Lists in a configuration that hold one entry per layer."""


def drop(network: nn.Module, blocks: Iterable[str]) -> None:
    """Takes blocks out of the lists that hold them, in place. Numbered lists are numbered again; given names stay."""
    gone: dict[str, list[str]] = {}
    for block in blocks:
        network.get_submodule(block)  # an unknown name is an error before anything has changed
        above, _, key = block.rpartition(".")
        gone.setdefault(above, []).append(key)
    for above in sorted(gone, key=lambda name: -name.count(".")):
        _shorten(network, above, gone[above])


def _shorten(network: nn.Module, above: str, keys: list[str]) -> None:
    holder = network.get_submodule(above)
    if not isinstance(holder, nn.Sequential | nn.ModuleList):
        raise ValueError(
            f"{above or 'the network'} is a {type(holder).__name__}: layers leave only Sequential and ModuleList"
        )
    before = list(holder._modules.items())
    stay = [at for at, (key, _) in enumerate(before) if key not in keys]
    numbered = all(key.isdigit() for key, _ in before)
    holder._modules.clear()
    for now, at in enumerate(stay):
        key, block = before[at]
        holder._modules[str(now) if numbered else key] = block
        _renumber(block, at, now)
    _recount(network, above, len(before), stay)


def _renumber(block: nn.Module, before: int, now: int) -> None:
    for module in block.modules():
        for name in INDEX:
            if vars(module).get(name) == before:
                setattr(module, name, now)


def _recount(network: nn.Module, above: str, before: int, stay: list[int]) -> None:
    """The list's owner, and the nearest configuration that speaks of as many layers, once each."""
    path = above.split(".") if above else []
    around = [network.get_submodule(".".join(path[:depth])) for depth in range(len(path) - 1, -1, -1)]
    for name in COUNT:
        if around and vars(around[0]).get(name) == before:
            setattr(around[0], name, len(stay))
    for owner in around:
        config = getattr(owner, "config", None)
        if config is not None and any(getattr(config, name, None) == before for name in COUNT):
            _reconfigure(config, before, stay)
            return


def _reconfigure(config: object, before: int, stay: list[int]) -> None:
    for name in PER_LAYER:
        entries = getattr(config, name, None)
        if isinstance(entries, list | tuple) and len(entries) == before:
            setattr(config, name, type(entries)(entries[at] for at in stay))
    for name in COUNT:
        if getattr(config, name, None) == before:  # an alias of one already set reads as set
            setattr(config, name, len(stay))

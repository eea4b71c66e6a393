"""Uniform: the configuration that describes a smaller transformer, where one set of numbers still does for all layers."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from pruneviz.engine.structure.heads import attentions

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

FEED_FORWARD = ("intermediate_size", "ffn_dim", "n_inner", "hidden_dim")
"""What configurations call the width between the two matrices of a feed-forward network."""


def configuration(network: nn.Module) -> PreTrainedConfig:
    """A copy of the network's configuration with its heads, head size and hidden width as they are now.

    Raises ValueError where layers differ. Whether the library builds that network from it must be tried: BERT's heads are
    always as large as the width divided by their number, whatever a configuration says.
    """
    config = copy.deepcopy(network.config)
    for name, value in _heads(network).items():
        if name in ("num_attention_heads", "num_key_value_heads") and not hasattr(config, name):
            continue
        if name != "head_dim" or getattr(config, name, None) or _divided(config) != value:
            setattr(config, name, value)
    _feed_forward(network, config)
    return config


def _heads(network: nn.Module) -> dict[str, int]:
    sizes = {(way.heads, way.shared, way.size) for found in attentions(network) for way in found.ways[:1]}
    if len(sizes) > 1:
        words = " and ".join(sorted(f"{heads} heads over {shared}" for heads, shared, _ in sizes))
        raise ValueError(f"its layers differ ({words}); one configuration describes all of them")
    return dict(zip(("num_attention_heads", "num_key_value_heads", "head_dim"), sizes.pop(), strict=True)) if sizes else {}


def _divided(config: PreTrainedConfig) -> int | None:
    """The head size that a configuration means when it names none."""
    width, heads = getattr(config, "hidden_size", None), getattr(config, "num_attention_heads", None)
    return width // heads if width and heads and width % heads == 0 else None


def _feed_forward(network: nn.Module, config: PreTrainedConfig) -> None:
    """Sets the hidden width, if the only difference between what is there and what is described is one such number."""
    name = next((name for name in FEED_FORWARD if hasattr(config, name)), None)
    try:
        with torch.device("meta"):
            plain = dict(type(network)(config).named_parameters())
    except (ValueError, RuntimeError, AssertionError):
        return  # no network has this configuration, whatever its hidden width
    pairs = {
        (before, now)
        for key, tensor in network.named_parameters()
        for before, now in zip(plain[key].shape if key in plain else (), tensor.shape, strict=False)
        if before != now
    }
    if name and len(pairs) == 1:
        before, now = pairs.pop()
        if getattr(config, name) in (before, None):
            setattr(config, name, now)

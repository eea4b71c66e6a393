"""The twin: this app's Llama as `transformers` has it.

Its weights go by the same names in both, so all that is missing is a configuration.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from pruneviz.engine import storage

CLOSE = 1e-4
"""transformers sums in another order: up to here max|Δ| / max|logit| is that and nothing else."""
KNOWN = ("llama",)
"""Architectures of this app that transformers has too."""


def of(architecture: str, arguments: Mapping[str, Any], network: nn.Module, inputs: Tensor) -> tuple[nn.Module | None, str]:
    """The twin, or why there is none. Neither for an architecture that transformers does not have."""
    if architecture not in KNOWN:
        return None, ""
    if importlib.util.find_spec("transformers") is None:
        return None, "no transformers folder: the package transformers is not installed"
    sizes = [_sizes(layer) for layer in network.model.layers]
    for at, other in enumerate(sizes):
        for what, one in other.items():
            if one != sizes[0][what]:
                words = f"layer 0 has {sizes[0][what]} {what}, layer {at} has {one}"
                return None, f"no transformers folder: {words}, and a configuration holds one number for all layers"
    found = _read(_configuration(arguments, network, sizes[0], inputs.shape[1]), network)
    difference = _difference(network, found, inputs)
    if not difference <= CLOSE:
        words = f"transformers' network computes something else (a difference of {difference:.2g} of the largest logit)"
        return None, f"no transformers folder: {words}"
    return found, ""


def _sizes(layer: nn.Module) -> dict[str, int]:
    attention = layer.self_attn
    return {
        "attention heads": attention.q_proj.weight.shape[0] // attention.head_dim,
        "heads of keys and values": attention.k_proj.weight.shape[0] // attention.head_dim,
        "hidden neurons": layer.mlp.down_proj.weight.shape[1],
        "channels per head": attention.head_dim,
    }


def _configuration(arguments: Mapping[str, Any], network: nn.Module, sizes: dict[str, int], length: int) -> dict[str, Any]:
    vocabulary, width = network.lm_head.weight.shape
    base = float(arguments.get("base", 10000.0))
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": sizes["hidden neurons"],
        "num_hidden_layers": len(network.model.layers),
        "num_attention_heads": sizes["attention heads"],
        "num_key_value_heads": sizes["heads of keys and values"],
        "head_dim": sizes["channels per head"],
        "rms_norm_eps": float(arguments.get("epsilon", 1e-5)),
        "max_position_embeddings": length,
        "rope_theta": base,
        "rope_parameters": {"rope_type": "default", "rope_theta": base},
        "tie_word_embeddings": network.lm_head.weight is network.model.embed_tokens.weight,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "dtype": "float32",
    }


def _read(configuration: dict[str, Any], network: nn.Module) -> nn.Module:
    """The twin, read by the library itself from a folder: nothing is drawn at random on the way."""
    import transformers

    with tempfile.TemporaryDirectory() as place:
        Path(place, "config.json").write_text(json.dumps(configuration), encoding="utf-8")
        numbers = storage.tensors(network)
        safetensors.torch.save_file(
            {name: one.clone() for name, one in numbers.items()}, Path(place, "model.safetensors"), {"format": "pt"}
        )
        return transformers.LlamaForCausalLM.from_pretrained(place, local_files_only=True, dtype=torch.float32).eval()


def _difference(network: nn.Module, twin: nn.Module, inputs: Tensor) -> float:
    with torch.inference_mode():
        wanted, got = network(inputs), twin(inputs).logits
    return float((wanted - got).abs().max() / wanted.abs().max().clamp(min=1e-30))

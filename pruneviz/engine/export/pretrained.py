"""A `transformers` folder: what `from_pretrained` reads, where a configuration can say what the smaller network is.

A configuration has one number of heads, one width and one number of layers for the whole network. A network that lost
four heads here and two there has no such folder, and is told so.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from pruneviz.engine.export import twin
from pruneviz.engine.export.removal import Record
from pruneviz.engine.structure import hanging, uniform
from pruneviz.engine.structure.proof import logits

NAME = "transformers"


def concerns(network: nn.Module) -> bool:
    """Is it a network of the transformers library? Where the library was never imported, nothing is."""
    library = sys.modules.get("transformers")
    return library is not None and isinstance(network, library.PreTrainedModel)


def save(record: Record, network: nn.Module, inputs: Tensor | dict[str, Tensor], folder: Path) -> str:
    """Writes the folder where the library has this network; an empty text, or the reason why there is no such folder."""
    if concerns(network):
        return write(network, inputs, folder)
    try:
        found, problem = twin.of(record.architecture, record.arguments, network, inputs)
    except Exception as error:  # the library refuses in many ways
        return f"no transformers folder: the library does not read this network ({_words(error)})"
    return problem if found is None else write(found, inputs, folder)


def write(network: nn.Module, inputs: Tensor | dict[str, Tensor], folder: Path) -> str:
    """Writes a network of the library's and reads it back: an empty text, or the reason why there is no such folder."""
    try:
        network = hanging.skeleton(network)
        network.config = uniform.configuration(network)
    except ValueError as error:
        return f"no transformers folder: {_words(error)}"
    uneven = _uneven(network)
    if uneven:
        return f"no transformers folder: {uneven}"
    problem = _written(network, inputs, folder)
    if problem:
        shutil.rmtree(folder, ignore_errors=True)
        return f"no transformers folder: {problem}"
    return ""


def _written(network: nn.Module, inputs: Tensor | dict[str, Tensor], folder: Path) -> str:
    try:
        network.save_pretrained(folder)
        # Another way to compute attention sums in another order.
        how = {"attn_implementation": network.config._attn_implementation, "dtype": next(network.parameters()).dtype}
        again = type(network).from_pretrained(folder, local_files_only=True, **how)
        same = _same(network, again.eval(), inputs)
    except Exception as error:  # the library refuses in many ways
        return f"the library does not read its own folder again ({_words(error)})"
    return "" if same else "read again, it computes something else than the network it was written from"


def _uneven(network: nn.Module) -> str:
    """Where the network is not what its configuration says, in one sentence; empty where it is."""
    try:
        with torch.device("meta"):
            plain = type(network)(network.config)
    except Exception as error:  # a configuration that no network has
        return f"no configuration describes it ({_words(error)})"
    wanted = {name: tuple(one.shape) for name, one in plain.named_parameters()}
    for name, tensor in network.named_parameters():
        if name in wanted and wanted[name] != tuple(tensor.shape):
            here, there = " × ".join(map(str, tensor.shape)), " × ".join(map(str, wanted[name]))
            return f"{name} is {here} where a configuration can only say {there}"
    if wanted.keys() != dict(network.named_parameters()).keys():
        return "it has other parameters than its configuration says"
    return ""


def _same(network: nn.Module, again: nn.Module, inputs: Tensor | dict[str, Tensor]) -> bool:
    call = (lambda one: one(**inputs)) if isinstance(inputs, dict) else (lambda one: one(inputs))
    with torch.inference_mode():
        return torch.equal(logits(call(network)), logits(call(again)))


def _words(error: BaseException) -> str:
    """What the library says, on one line: its first line is often only the name of a check."""
    return " ".join(str(error).split())[:200] or type(error).__name__

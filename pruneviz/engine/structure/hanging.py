"""Where tensors hang: a network's parameters and buffers by name, in all the places they are tied to, and sizes beside them.

A skeleton shares every tensor with its network. Whoever cuts it puts new tensors in the places of old ones, writes to none,
and at the end makes the rest its own: so only what stays is ever copied.
"""

from __future__ import annotations

import copy
from collections import Counter
from functools import reduce

import torch
from torch import Tensor, nn

from pruneviz.engine.structure.labels import place

Places = dict[tuple, list[tuple[nn.Module, str]]]


def skeleton(network: nn.Module) -> nn.Module:
    """A private tree of modules that shares the network's tensors."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, memo=shared)


def places(network: nn.Module) -> Places:
    """Where each tensor hangs: one that is tied hangs in several places, as one object or as several of the same memory."""
    found: Places = {}
    for module in network.modules():
        for key, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                found.setdefault(place(tensor), []).append((module, key))
    return found


def replace(found: Places, before: Tensor, after: Tensor) -> None:
    """Hang `after` wherever `before` hangs: a parameter stays a parameter, frozen if it was."""
    owners = found.pop(place(before))
    if isinstance(before, nn.Parameter):
        after = nn.Parameter(after.detach(), requires_grad=before.requires_grad)
    for module, key in owners:
        setattr(module, key, after)  # and not into its dictionaries: recurrent layers keep a second list
    found[place(after)] = owners


def own(network: nn.Module, other: nn.Module) -> None:
    """Copy what `network` still shares with `other`; what shared memory before, shares memory afterwards."""
    theirs = {_memory(one) for one in (*other.parameters(), *other.buffers())}
    found = places(network)
    tensors = {at: getattr(*owners[0]) for at, owners in found.items()}
    crowds = Counter(_memory(one) for one in tensors.values())
    copies: dict[tuple, torch.UntypedStorage] = {}
    for tensor in tensors.values():
        memory = _memory(tensor)
        if memory not in theirs:
            continue
        if crowds[memory] > 1 and tensor.layout == torch.strided and not tensor.is_meta:
            if memory not in copies:
                copies[memory] = tensor.untyped_storage().clone()
            mine = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
            mine.set_(copies[memory], tensor.storage_offset(), tensor.shape, tensor.stride())
        else:
            mine = tensor.detach().clone(memory_format=torch.preserve_format)
        replace(found, tensor, mine)


def _memory(tensor: Tensor) -> tuple:
    if tensor.is_meta or tensor.layout != torch.strided or not tensor.numel():
        return (id(tensor),)
    return (tensor.untyped_storage().data_ptr(), tensor.device)


def tensor(network: nn.Module, name: str) -> Tensor:
    """The parameter or buffer of that name."""
    owner, _, key = name.rpartition(".")
    return getattr(network.get_submodule(owner), key)


def read(network: nn.Module, module: str, attribute: str) -> int:
    """A number that a module keeps; «config.hidden_size» reaches into what it keeps."""
    return reduce(getattr, attribute.split("."), network.get_submodule(module))


def write(network: nn.Module, module: str, attribute: str, value: int) -> None:
    *path, last = attribute.split(".")
    setattr(reduce(getattr, path, network.get_submodule(module)), last, value)


def sync(module: nn.Module) -> None:
    """The sizes that torch's own modules keep beside their tensors, read off the tensors again."""
    weight = getattr(module, "weight", None)
    if isinstance(module, nn.modules.conv._ConvNd):
        first, second = weight.shape[:2]
        if module.transposed:
            module.in_channels, module.out_channels = first, second * module.groups
        else:
            module.out_channels, module.in_channels = first, second * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = weight.shape
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        module.num_features = len(next(one for one in (module.running_mean, weight) if one is not None))
    elif isinstance(module, nn.GroupNorm):
        module.num_channels = len(weight)
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
        module.normalized_shape = tuple(weight.shape)
    elif isinstance(module, nn.Embedding | nn.EmbeddingBag):
        module.num_embeddings, module.embedding_dim = weight.shape
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(weight)
    elif type(module).__name__ == "Conv1D":
        module.nx, module.nf = weight.shape

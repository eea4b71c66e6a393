"""Rebuilds the smaller network of this folder with plain PyTorch: `network = rebuild.load()`.

`removal.json` says which architecture it was and what was taken from it; `weights.safetensors` holds what is left. Nothing
is unpickled and nothing is downloaded. `python rebuild.py` checks the weights' SHA-256 and prints the number of parameters.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
from functools import cache, reduce
from pathlib import Path

import torch
from torch import Tensor, nn

HERE = Path(__file__).resolve().parent
_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "BOOL": torch.bool}
_TYPES |= {"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8}


def load(folder: str | Path = HERE) -> nn.Module:
    """The smaller network with its weights, in evaluation mode."""
    folder = Path(folder).resolve()
    removal = json.loads((folder / "removal.json").read_text("utf-8"))
    network = build(removal["architecture"]["build"], removal["architecture"]["arguments"], folder)
    for step in removal["steps"]:
        _remove(network, step, folder)
    _fill(network, tensors(folder / removal["weights"]["file"], removal["weights"]["sha256"]))
    return network.eval().requires_grad_(False)


def build(name: str, arguments: dict, folder: Path = HERE) -> nn.Module:
    """The architecture as it was before anything went: model.py's, beside this file, or a library's."""
    source, _, model = name.partition(":")
    with torch.random.fork_rng(devices=[]):
        if source == "transformers":
            return _configured(arguments["config"])
        if source == "timm":
            import timm

            return timm.create_model(model, pretrained=False, **arguments)
        if source != "torchvision":
            return _module("model", folder).build(**arguments)
        import torchvision.models

        if model in ("googlenet", "inception_v3"):
            arguments = {"init_weights": False, **arguments}
        return torchvision.models.get_model(model, weights=None, **arguments)


def _configured(table: dict) -> nn.Module:
    """The transformers library's own class with this configuration, its attention written out."""
    import transformers

    rest = {key: one for key, one in table.items() if key != "model_type"}
    config = transformers.AutoConfig.for_model(table["model_type"], **rest, attn_implementation="eager")
    return getattr(transformers, table["architectures"][0])(config)


def tensors(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file: 8 bytes of length, a header in JSON, then the numbers."""
    data = bytearray(path.read_bytes())
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{path.name} is not the file that removal.json was written for: its SHA-256 differs")
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    found = {}
    for name, entry in header.items():
        kind, shape, count = _TYPES[entry["dtype"]], entry["shape"], math.prod(entry["shape"])
        place = start + entry["data_offsets"][0]
        flat = torch.frombuffer(data, dtype=kind, count=count, offset=place) if count else torch.empty(0, dtype=kind)
        found[name] = flat.reshape(shape).clone()
    return found


def _remove(network: nn.Module, step: dict, folder: Path) -> None:
    for module, kind in step["slims"]:
        _module("slim", folder).stand_in(network, module, kind)
    places = _places(network)
    for name, axis, number in step["slices"]:
        before = _tensor(network, name)
        after = before.detach().index_select(axis, torch.tensor(_positions(step["stays"][number]), dtype=torch.int64))
        after = nn.Parameter(after) if isinstance(before, nn.Parameter) else after
        places[_place(after)] = places.pop(_place(before))
        for module, key in places[_place(after)]:
            setattr(module, key, after)
    for module, attribute, value in step["repairs"]:
        *path, last = attribute.split(".")
        setattr(reduce(getattr, path, network.get_submodule(module)), last, value)
    for name in {name.rpartition(".")[0] for name, _, _ in step["slices"]}:
        _sync(network.get_submodule(name))
    for name in step["biases"]:
        reader = network.get_submodule(name)
        reader.register_parameter("bias", nn.Parameter(torch.zeros(reader.weight.shape[0], dtype=reader.weight.dtype)))
    if step["blocks"]:
        _module("dropping", folder).drop(network, tuple(step["blocks"]))


def _places(network: nn.Module) -> dict[object, list[tuple[nn.Module, str]]]:
    """Where each tensor hangs: tied tensors hang in several places."""
    places: dict[object, list[tuple[nn.Module, str]]] = {}
    for module in network.modules():
        for key, tensor in (*module._parameters.items(), *module._buffers.items()):
            if tensor is not None:
                places.setdefault(_place(tensor), []).append((module, key))
    return places


def _place(tensor: Tensor) -> object:
    return (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else id(tensor)


def _sync(module: nn.Module) -> None:
    """The sizes that torch's own modules keep beside their tensors."""
    weight = getattr(module, "weight", None)
    if isinstance(module, nn.modules.conv._ConvNd):
        outer, inner = weight.shape[:2]
        if module.transposed:
            module.in_channels, module.out_channels = outer, inner * module.groups
        else:
            module.out_channels, module.in_channels = outer, inner * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = weight.shape
    elif isinstance(module, nn.modules.batchnorm._NormBase):
        module.num_features = len(next(one for one in (module.running_mean, weight) if one is not None))
    elif isinstance(module, nn.GroupNorm):
        module.num_channels = len(weight)
    elif isinstance(module, nn.LayerNorm | nn.RMSNorm):
        module.normalized_shape = tuple(weight.shape)
    elif isinstance(module, nn.Embedding):
        module.num_embeddings, module.embedding_dim = weight.shape
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(weight)
    elif type(module).__name__ == "Conv1D":
        module.nx, module.nf = weight.shape


def _fill(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Each tensor in its own shape; a tied one may be stored under one of its names, a counter of batches not at all."""
    own = network.state_dict()
    present = {_place(own[name]) for name in weights if name in own}
    optional = {name for name in own if name.endswith("num_batches_tracked") or _place(own[name]) in present}
    lacking, extra = sorted(set(own) - set(weights) - optional), sorted(set(weights) - set(own))
    if lacking or extra:
        raise ValueError(f"the weights lack {lacking[:3]} and have {extra[:3]} too many: this folder is not whole")
    network.load_state_dict(weights, strict=False)


def _positions(ranges: str) -> list[int]:
    """«0-4,6» → 0, 1, 2, 3, 4, 6."""
    runs = (part.partition("-") for part in ranges.split(",") if part)
    return [at for first, _, last in runs for at in range(int(first), int(last or first) + 1)]


def _tensor(network: nn.Module, name: str) -> Tensor:
    owner, _, key = name.rpartition(".")
    return getattr(network.get_submodule(owner), key)


@cache
def _module(name: str, folder: Path):
    """A file of this folder as a module of its own name, which no other package can take."""
    spec = importlib.util.spec_from_file_location(f"rebuilt_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    rebuilt = load()
    print(f"{sum(one.numel() for one in rebuilt.parameters()):,} parameters; the weights' SHA-256 is as it should be")

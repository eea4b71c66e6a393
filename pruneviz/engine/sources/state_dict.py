"""In a child process: from a file of PyTorch to plain safetensors. Nothing here runs in the app itself.

A file of 1,577 bytes can hold a tensor of 10¹² numbers, and twenty tensors can share one storage; so what was read is
checked for what it would become when it is written out, before it is.
"""

from __future__ import annotations

import json
import math
import pickletools
import re
import signal
import struct
import warnings
import zipfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any, BinaryIO

import torch
from torch import Tensor

from pruneviz.engine.sources.refusal import SubjectError, brief, printable
from pruneviz.engine.sources.tensor_file import TORCH

_KINDS = {dtype: name for name, dtype in TORCH.items()}
_DEPTH = 12
_LEAVES = 200_000
_BESIDE = re.compile(r"optim|lr_sched|sched|scaler|rng_state|cuda_rng|callbacks|loops", re.IGNORECASE)
"""What a training run keeps beside the model: never weights, and often twice their size."""
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)")


def read_in_child(connection: Connection, source: str, target: str, limits: dict[str, Any]) -> None:
    """Reads `source`, writes its tensors to `target` as safetensors, and says in JSON how that went."""
    # The system ends this process when the time is over: no answer, and the app knows what that means.
    signal.setitimer(signal.ITIMER_PROF, limits["seconds"])
    # An open file, not its name: by some names torch would choose another reader.
    with open(source, "rb") as stream:
        answer = answered(stream, target, limits)
    connection.send_bytes(json.dumps(answer).encode())


def answered(source: BinaryIO, target: str, limits: dict[str, Any]) -> dict[str, Any]:
    """The names of tensors that were written under another name, or why nothing was."""
    try:
        return {"aliases": written(opened(source), target, limits)}
    except SubjectError as error:
        return {"why": str(error), "code": error.code}
    except MemoryError:
        return {"why": "asks for more memory than its size explains", "code": "memory"}
    except Exception as error:  # seven kinds have been seen, and any of them means the same
        return {"why": f"cannot be read ({type(error).__name__}: {brief(error)})", "code": "unreadable"}


def opened(source: BinaryIO) -> Any:
    """What a file of PyTorch holds, read without running anything."""
    torch.serialization.clear_safe_globals()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:
        if "can't allocate memory" in str(error):
            raise MemoryError from None
        found = _GLOBAL.search(str(error))
        if found is None:
            # PyTorch's own words come first, and advise to open the file without any check.
            reason = str(error).rpartition("WeightsUnpickler error:")[2] or type(error).__name__
            raise SubjectError(f"cannot be read ({brief(reason)})", "unreadable") from None
        if any(one.startswith("torch.nn.modules") for one in _names(source)):
            raise SubjectError("holds a whole model, whose class would have to be run", "full-module") from None
        raise SubjectError(f"would have to run {printable(found[1], 80)} when it is opened", "pickle-code") from None


def _names(source: BinaryIO) -> Iterator[str]:
    """Every class and function that the pickle names; its opcodes are listed, not run."""
    if not zipfile.is_zipfile(source):
        return
    with zipfile.ZipFile(source) as archive:
        table = next(one for one in archive.namelist() if one.endswith("/data.pkl"))
        try:
            texts = []
            for opcode, argument, _ in pickletools.genops(archive.read(table)):
                if opcode.name == "GLOBAL":
                    yield str(argument)
                elif opcode.name == "STACK_GLOBAL":
                    yield ".".join(texts[-2:])
                elif isinstance(argument, str):
                    texts = [*texts[-1:], argument]
        except ValueError:
            return


def written(held: Any, target: str, limits: dict[str, Any]) -> dict[str, str]:
    """Writes every tensor once; the other names of those that have several, each with the name it was written under."""
    found = _flat(held)
    if not found:
        raise SubjectError("holds no tensors", "no-tensors")
    if len(found) > limits["tensors"]:
        raise SubjectError(f"holds {len(found):,} tensors; at most {limits['tensors']:,} are read", "too-many-tensors")
    first: dict[tuple, str] = {}
    aliases = {}
    for name, tensor in found.items():
        _check(name, tensor, limits)
        known = first.setdefault(_place(tensor), name) if tensor.numel() else name
        if known != name:
            aliases[name] = known
    single = {name: tensor for name, tensor in found.items() if name not in aliases}
    _check_sum(single, limits)
    _write(single, target)
    return aliases


def _flat(held: Any) -> dict[str, Tensor]:
    """Every tensor in nested tables and lists, by the path to it. What a training run keeps beside the model is left out."""
    found: dict[str, Tensor] = {}
    seen = 0

    def walk(value: Any, path: tuple[str, ...]) -> None:
        nonlocal seen
        seen += 1
        if seen > _LEAVES or len(path) > _DEPTH:
            raise SubjectError("is nested too deep, or holds too much beside its tensors", "nested")
        if isinstance(value, Tensor):
            name = "/".join(path) or "tensor"
            if name in found:
                raise SubjectError(f"holds two tensors under one name, {printable(name, 60)!r}", "duplicate")
            found[name] = value
        elif isinstance(value, dict | list | tuple):
            for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
                if path or not _BESIDE.match(str(key)):
                    walk(inner, (*path, str(key)))

    walk(held, ())
    return found


def _check(name: str, tensor: Tensor, limits: dict[str, Any]) -> None:
    what = f"holds a tensor {printable(name, 60)!r} that"
    if type(tensor) not in (Tensor, torch.nn.Parameter, torch.nn.Buffer) or tensor.layout != torch.strided:
        raise SubjectError(f"{what} is no plain table of numbers", "layout")
    if tensor.device.type != "cpu":
        raise SubjectError(f"{what} has a shape and no numbers", "meta")
    if tensor.is_quantized or tensor.dtype not in _KINDS:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise SubjectError(f"{what} is stored as {kind}; possible are {', '.join(TORCH)}", "dtype")
    shape, stride = tuple(tensor.shape), tensor.stride()
    if len(shape) > limits["dimensions"]:
        raise SubjectError(f"{what} has {len(shape)} sizes; at most {limits['dimensions']} are read", "shape")
    stretched = any(step == 0 and size > 1 for size, step in zip(shape, stride, strict=True))
    if stretched or math.prod(shape) * tensor.itemsize > tensor.untyped_storage().nbytes():
        raise SubjectError(f"{what} claims {math.prod(shape):,} numbers and holds fewer", "expanded")


def _check_sum(tensors: dict[str, Tensor], limits: dict[str, Any]) -> None:
    """Refuse what is small only because its tensors lie in the same place, and storages larger than the file."""
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in tensors.values()}
    if sum(storages.values()) > limits["file_bytes"]:
        raise SubjectError("claims more bytes than it holds", "expanded")
    numbers = sum(one.numel() for one in tensors.values())
    if numbers > limits["parameters"]:
        most = limits["parameters"]
        raise SubjectError(f"holds {numbers:,} numbers; at most {most:,} are read, bring a smaller model", "parameters")
    if sum(one.numel() * one.itemsize for one in tensors.values()) > 2 * limits["file_bytes"]:
        raise SubjectError(
            "holds tensors that share their storage, and more than twice its bytes when written out", "expanded"
        )


def _place(tensor: Tensor) -> tuple:
    return tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride()


def _write(tensors: dict[str, Tensor], target: str) -> None:
    """Safetensors, one tensor after another, so that no more than one is held twice."""
    header, end = {}, 0
    for name, tensor in tensors.items():
        stop = end + tensor.numel() * tensor.itemsize
        header[name] = {"dtype": _KINDS[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [end, stop]}
        end = stop
    text = json.dumps(header).encode()
    with open(target, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            if tensor.numel():
                file.write(memoryview(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy()))

"""Streamed: one shot through a model that no memory holds. A folder of transformers comes in block by block from its
safetensors, and goes out the same way; what is held is what stands outside of the blocks, one block, and the text's words.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pruneviz.engine import device
from pruneviz.engine.reconstruct import chain, walk
from pruneviz.engine.reconstruct.seats import Seat, seat
from pruneviz.engine.sources import encoder, files
from pruneviz.engine.sources.gate import LOCAL, SubjectError, brief
from pruneviz.engine.sources.shelf import transformers as shelf

CONFIG, INDEX, TOKENIZER = "config.json", "model.safetensors.index.json", "tokenizer.json"
TASK = "language_modelling"
WEIGHTS = "*.safetensors"
COPIED = 64 << 20
"""Bytes that a file beside the weights may have to be taken along: a tokenizer, a configuration."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is looked at: so many windows of so many tokens, from the beginning of a text."""

    path: Path
    windows: int = 128
    length: int = 512


@dataclass(frozen=True, slots=True)
class Share:
    """What goes of each matrix in the blocks: a fraction, or N of M stay."""

    amount: float
    pattern: tuple[int, int] | None = None


def prune(source: Path, target: Path, text: Text, share: Share, plan: walk.Plan, where: str = "cpu") -> Iterator[walk.Done]:
    """Prunes the folder `source` into the new folder `target`, matrix by matrix, each block on the device `where`.
    `plan.shares` is filled in here.

    Raises SubjectError where the folder cannot be streamed; what was written of `target` by then is incomplete: it has no
    config.json yet, which comes last.
    """
    batches = tokens(source, text)
    stored = _Stored(source)
    network = _empty(source)
    stored.check(network)
    names = _chain(network)
    inside = {name: [key for key in stored.names if key.startswith(f"{name}.")] for name in names}
    outside = [key for key in stored.names if not any(key in keys for keys in inside.values())]
    _fill(network, stored.tensors(outside))
    _constants(network, names)
    target.mkdir(parents=True, exist_ok=True)
    shards = _Shards(target, len(names) + 1)
    shards.write({key: _tensor(network, key) for key in outside})
    seats = {name: _seats(network, name, share) for name in names}
    shares = {one.name: share.amount for many in seats.values() for one in many}
    told = walk.Count(len(shares))
    plan = replace(plan, shares=shares, pattern=share.pattern)
    calls = [_there(call, device.ready(where)) for call in chain.caught(network, names[0], batches)]
    for name in names:
        block = network.get_submodule(name)
        _fill(network, stored.tensors(inside[name]))
        _constants(network, (), block)
        block.to(device.ready(where))
        yield from walk.stage(seats[name], plan, told, lambda watch, block=block: chain.through(block, calls, watch))
        chain.through(block, calls, None, onward=True)
        shards.write({key: _tensor(network, key) for key in inside[name]})
        block.to(device="meta")
    shards.close()
    _beside(source, target)


def tokens(source: Path, text: Text) -> list[Tensor]:
    """The windows of the text, int64 [1, T] each, in the pieces of the folder's own tokenizer."""
    try:
        written = files.content(text.path, LOCAL.data_bytes).decode("utf-8")
    except UnicodeDecodeError:
        raise SubjectError(f"{files.shown(text.path)} is not text in UTF-8: save it as UTF-8", "not-utf-8") from None
    words = encoder.read(source / TOKENIZER)
    (found,) = words.plain([written[: 16 * text.windows * text.length]])
    windows = [found[at : at + text.length] for at in range(0, len(found), text.length)][: text.windows]
    windows = [one for one in windows if len(one) == text.length] or windows[:1]
    if not windows or len(windows[0]) < 2:
        raise SubjectError(f"{files.shown(text.path)} gives no two tokens in a row: give more text", "empty")
    return [torch.tensor([one], dtype=torch.int64) for one in windows]


class _Stored:
    """The tensors of a folder, by name. A file is open only while it is read: what is open stays in memory."""

    def __init__(self, source: Path) -> None:
        self._where: dict[str, Path] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for path in sorted(source.glob(WEIGHTS)):
            try:
                with safe_open(path, framework="pt") as opened:
                    shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
            except Exception as error:  # the library refuses in many ways
                raise SubjectError(f"{path.name} is no file of safetensors ({brief(error)}): save the model again") from None
            self._where |= dict.fromkeys(shapes, path)
            self._shapes |= shapes
        if not self._where:
            raise SubjectError(f"{source.name} holds no *.safetensors: save the model with save_pretrained")
        self.names = tuple(self._where)

    def tensors(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Some of them, in memory of their own."""
        found = {}
        for path in dict.fromkeys(self._where[name] for name in names):
            with safe_open(path, framework="pt") as opened:
                found |= {name: opened.get_tensor(name).clone() for name in names if self._where[name] == path}
        return found

    def check(self, network: nn.Module) -> None:
        """Refuses a folder whose tensors go by other names, or have other shapes, than the library's."""
        wanted = network.state_dict()
        strange = [name for name in self.names if name not in wanted]
        tied = set(getattr(network, "_tied_weights_keys", None) or ())
        lacking = [name for name in wanted if name not in self._where and name not in tied]
        for name in (*strange, *lacking):
            raise SubjectError(
                f"the folder's tensors go by other names than the library's ({name}): load the model once and save it again "
                "with save_pretrained, or leave --stream out"
            )
        for name in self.names:
            if (shape := self._shapes[name]) != tuple(wanted[name].shape):
                raise SubjectError(f"{name} is {list(shape)} in the file and {list(wanted[name].shape)} in the network")


class _Shards:
    """The files that are written, one after the other, and the index that says what lies where."""

    def __init__(self, target: Path, many: int) -> None:
        self._target, self._many, self._at = target, many, 0
        self._index: dict[str, str] = {}
        self._bytes = 0

    def write(self, tensors: dict[str, Tensor]) -> None:
        self._at += 1
        name = f"model-{self._at:05d}-of-{self._many:05d}.safetensors"
        save_file({key: one.contiguous().cpu() for key, one in tensors.items()}, self._target / name, {"format": "pt"})
        self._index |= dict.fromkeys(tensors, name)
        self._bytes += sum(one.nbytes for one in tensors.values())

    def close(self) -> None:
        table = {"metadata": {"total_size": self._bytes}, "weight_map": self._index}
        (self._target / INDEX).write_text(json.dumps(table, indent=1), encoding="utf-8")


def _empty(source: Path) -> nn.Module:
    """The network without a number in it: every tensor is on the meta device."""
    given = shelf.arguments(shelf.read(source / CONFIG), TASK)
    with torch.device("meta"):
        return shelf.maker("", given)().eval()


def _chain(network: nn.Module) -> tuple[str, ...]:
    """The list of blocks that hold most of the numbers."""
    lists = [
        (sum(one.numel() for one in module.parameters()), above, module)
        for above, module in network.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) and len({type(one) for one in module}) == 1
    ]
    if not lists:
        raise SubjectError("this model has no list of equal blocks to stream: leave --stream out")
    kinds = set(getattr(network.config, "layer_types", None) or ())
    if len(kinds) > 1:
        raise SubjectError(f"this model's blocks attend in different ways ({', '.join(sorted(kinds))}): leave --stream out")
    _, above, module = max(lists, key=lambda one: (one[0], -len(one[1])))
    return tuple(f"{above}.{at}" for at in range(len(module)))


def _seats(network: nn.Module, block: str, share: Share) -> list[Seat]:
    """The matrices of a block; refused where a pattern does not fit one."""
    found = []
    for name, _ in network.get_submodule(block).named_parameters(prefix=block):
        one = seat(network, name)
        if isinstance(one, Seat) and one.module.weight.ndim == 2:
            found.append(one)
    if share.pattern is not None:
        for one in found:
            width = one.module.weight.shape[0 if type(one.module).__name__ == "Conv1D" else 1]
            if width % share.pattern[1]:
                n, m = share.pattern
                raise SubjectError(f"{one.name} has {width} inputs, no whole groups of {m}: {n}:{m} does not fit this model")
    return found


def _fill(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Puts numbers in the places of these names; what is tied to them follows."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise SubjectError(f"{name} has numbers that are NaN or infinite, which have no rank: repair the file")
        owner, _, key = name.rpartition(".")
        module = network.get_submodule(owner)
        if key in module._parameters:
            module._parameters[key] = nn.Parameter(tensor, requires_grad=False)
        else:
            module._buffers[key] = tensor
    network.tie_weights()


def _constants(network: nn.Module, blocks: Sequence[str], only: nn.Module | None = None) -> None:
    """Buffers that no file holds, such as the angles of positions: made anew by the module that owns them."""
    root = only if only is not None else network
    skipped = tuple(f"{name}." for name in blocks)
    for name, module in root.named_modules():
        if only is None and f"{name}.".startswith(skipped):
            continue
        if any(one is not None and one.is_meta for one in module._buffers.values()):
            try:
                made = type(module)(network.config)
            except Exception as error:
                raise SubjectError(
                    f"{type(module).__name__} cannot be made alone ({brief(error)}): leave --stream out"
                ) from None
            for key, one in module._buffers.items():
                if one is not None and one.is_meta:
                    module._buffers[key] = made._buffers[key]


def _there(call: chain.Call, where: torch.device) -> chain.Call:
    """A call with all that is given on the device."""

    def moved(one: object) -> object:
        if isinstance(one, tuple):
            return tuple(map(moved, one))
        return one.to(where) if isinstance(one, Tensor) else one

    kwargs = {key: moved(one) for key, one in call.kwargs.items()}
    return chain.Call(call.samples, moved(call.args), kwargs, call.mine.to(where))


def _tensor(network: nn.Module, name: str) -> Tensor:
    owner, _, key = name.rpartition(".")
    return getattr(network.get_submodule(owner), key).detach()


def _beside(source: Path, target: Path) -> None:
    """Takes the small files along that are no weights; the configuration last, for with it the folder is a model."""
    others = [path for path in sorted(source.iterdir()) if path.is_file() and path.suffix in (".json", ".txt", ".model")]
    for path in sorted(others, key=lambda one: one.name == CONFIG):
        if not path.name.endswith(".index.json") and path.stat().st_size <= COPIED:
            shutil.copyfile(path, target / path.name)

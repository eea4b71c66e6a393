"""Streamed: one shot through a model that no memory holds. A folder of transformers comes in block by block from its
safetensors, and goes out the same way; what is held is what stands outside of the blocks, one block, and the text's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pruneviz.engine import device
from pruneviz.engine.reconstruct import blank, chain, walk
from pruneviz.engine.reconstruct.folders import TOKENIZER, Shards, Stored, beside, tied
from pruneviz.engine.reconstruct.seats import Seat, seat
from pruneviz.engine.sources import encoder, files
from pruneviz.engine.sources.gate import LOCAL, SubjectError
from pruneviz.engine.structure import straddling


@dataclass(frozen=True, slots=True)
class Text:
    """What is looked at: so many windows of so many tokens, from the beginning of a text; and on which device."""

    path: Path
    windows: int = 128
    length: int = 512
    device: str = "cpu"


@dataclass(frozen=True, slots=True)
class Share:
    """What goes of each matrix in the blocks: a fraction, or N of M stay."""

    amount: float
    pattern: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """A network without numbers, the tensors that are stored of it, and which of them lie in each block and outside."""

    network: nn.Module
    stored: Stored
    inside: Mapping[str, list[str]]
    outside: list[str]


def prune(source: Path, target: Path, text: Text, share: Share, plan: walk.Plan) -> Iterator[walk.Done]:
    """Prunes the folder `source` into the new folder `target`, matrix by matrix, each block on the text's device.
    `plan.shares` is filled in here.

    Raises SubjectError where the folder cannot be streamed; what was written of `target` by then is incomplete: it has no
    config.json yet, which comes last.
    """
    batches, model = tokens(source, text), _model(source)
    seats = {name: _seats(model.network, name, share) for name in model.inside}
    _whole_heads(model.network, share, source.name)
    shares = {one.name: share.amount for many in seats.values() for one in many}
    plan, told = replace(plan, shares=shares, pattern=share.pattern), walk.Count(len(shares))
    where = device.ready(text.device)
    target.mkdir(parents=True, exist_ok=True)
    shards = Shards(target, len(seats) + 1)
    calls = [_there(call, where) for call in _begun(model, batches, shards)]
    for name, keys in model.inside.items():
        block = _block(model, name).to(where)
        yield from walk.stage(seats[name], plan, told, lambda watch, block=block: chain.through(block, calls, watch))
        chain.through(block, calls, None, onward=True)
        shards.write({key: blank.at(model.network, key) for key in keys})
        block.to(device="meta")
    shards.close()
    beside(source, target)


def _model(source: Path) -> _Model:
    """The model of a folder, checked. What is tied stands in it once."""
    stored, network = Stored(source), blank.empty(source)
    stored.check(network)
    names = _chain(network)
    inside = {name: [key for key in stored.names if key.startswith(f"{name}.")] for name in names}
    known = {*tied(network), *(key for keys in inside.values() for key in keys)}
    return _Model(network, stored, inside, [key for key in stored.names if key not in known])


def _begun(model: _Model, batches: Sequence[Tensor], shards: Shards) -> list[chain.Call]:
    """Reads and writes what stands outside of the blocks, and gives the calls that reach the first of them."""
    blank.fill(model.network, model.stored.tensors(model.outside))
    blank.constants(model.network, tuple(model.inside))
    shards.write({key: blank.at(model.network, key) for key in model.outside})
    return chain.caught(model.network, next(iter(model.inside)), batches)


def _block(model: _Model, name: str) -> nn.Module:
    """One block, with its numbers."""
    blank.fill(model.network, model.stored.tensors(model.inside[name]))
    block = model.network.get_submodule(name)
    blank.constants(model.network, (), block)
    return block


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


def _whole_heads(network: nn.Module, share: Share, title: str) -> None:
    """Refuses a pattern whose groups would mix attention heads."""
    if share.pattern is not None and (found := straddling.straddled(network, share.pattern[1])):
        said = straddling.sentence(title, found, "{}:{}".format(*share.pattern))
        raise SubjectError(f"{said}; leave --stream out and keep those layers whole, or remove single weights")


def _there(call: chain.Call, where: torch.device) -> chain.Call:
    """A call with all that is given on the device."""

    def moved(one: object) -> object:
        if isinstance(one, tuple):
            return tuple(map(moved, one))
        return one.to(where) if isinstance(one, Tensor) else one

    kwargs = {key: moved(one) for key, one in call.kwargs.items()}
    return chain.Call(call.samples, moved(call.args), kwargs, call.mine.to(where))

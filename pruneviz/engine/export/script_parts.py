"""Script parts: the functions that a «Copy as Python» is put together from, each as it stands here.

A script that prunes by a formula has been compared with the engine's own mask before anybody gets it: these very functions
were run. They need nothing but torch, numpy and safetensors, and no module of this app.
"""

from __future__ import annotations

import base64
import hashlib
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


def find(names: list[str], sha256: str) -> Path:
    """The file of these names that is the right one: in a folder given as an argument, beside this script, or here."""
    for folder in [*map(Path, sys.argv[1:]), Path(sys.argv[0]).parent, Path()]:
        for path in (folder / name for name in names):
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
                return path
    sys.exit(f"{names[0]} is not here: it comes with the .zip; say in which folder it lies: python prune.py FOLDER")


def digits(shape: tuple[int, ...]) -> dict[str, Tensor]:
    """The 500 held-out digits of scikit-learn's 1,797: the first 50 of each in one fixed random order."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    images, labels = images[order], labels[order].astype(np.int64)
    before = np.array([np.count_nonzero(labels[:at] == labels[at]) for at in range(len(labels))])
    return {"x": torch.tensor(images[before < 50]).reshape(-1, *shape), "y": torch.tensor(labels[before < 50])}


def not_looked_at(held: int, seed: int) -> Tensor:
    """The criterion looked at a quarter of the held-out samples, drawn by the seed: these are the others."""
    return torch.randperm(held, generator=torch.Generator().manual_seed(seed))[max(1, held // 4) :].sort().values


def prepared(
    stored: Tensor, scale: float, mean: tuple[float, ...], std: tuple[float, ...], side: int = 0, mode: str = "bilinear"
) -> Tensor:
    """(x / scale − mean) / std per channel, float32 [n, C, …]; images become side × side where a side is given."""
    along = (1, -1, *[1] * (stored.ndim - 2))
    ready = (stored.to(torch.float32) / scale - torch.tensor(mean).view(along)) / torch.tensor(std).view(along)
    if side and tuple(ready.shape[-2:]) != (side, side):
        ready = nn.functional.interpolate(ready, size=(side, side), mode=mode, antialias=True, align_corners=False)
    return ready


def padded(data: dict[str, Tensor], at: slice, names: tuple[str, ...]) -> Tensor | dict[str, Tensor]:
    """The texts at these places as tokens, as long as the longest of them, by the names that the network takes."""
    lengths = data["lengths"][at]
    longest = int(lengths.max())
    known = {
        "input_ids": data["x"][at][:, :longest],
        "attention_mask": (torch.arange(longest) < lengths[:, None]).to(torch.int64),
        "token_type_ids": data["types"][at][:, :longest],
    }
    return {name: known[name] for name in names} if names else known["input_ids"]


def drawn(name: str, shape: torch.Size, seed: int) -> Tensor:
    """A random number for each weight of a layer, drawn from the seed and the layer's name."""
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
    return torch.rand(shape, generator=generator)


def smallest_of_each(scores: dict[str, Tensor], counts: dict[str, int]) -> dict[str, Tensor]:
    """What stays when the smallest of each layer go, so many of each; of equal ones the first."""
    kept = {}
    for name, score in scores.items():
        flat = torch.ones(score.numel(), dtype=torch.bool)
        flat[score.flatten().argsort(stable=True)[: counts[name]]] = False
        kept[name] = flat.view(score.shape)
    return kept


def smallest_of_all(scores: dict[str, Tensor], amount: float) -> dict[str, Tensor]:
    """What stays when the smallest of all layers go, as if all were one list; of equal ones the first."""
    flat = torch.cat([score.flatten() for score in scores.values()])
    kept = torch.ones(len(flat), dtype=torch.bool)
    kept[flat.argsort(stable=True)[: round(amount * len(flat))]] = False
    parts = kept.split([score.numel() for score in scores.values()])
    return {name: part.view(scores[name].shape) for name, part in zip(scores, parts, strict=True)}


def highest_of_every(score: Tensor, axis: int, n: int, m: int) -> Tensor:
    """What stays when the n highest of every m neighbours along an axis stay; of equal ones the later."""
    last = score.movedim(axis, -1)
    groups = last.reshape(-1, m)
    gone = groups.argsort(dim=1, stable=True)[:, : m - n]
    kept = torch.ones(groups.shape, dtype=torch.bool).scatter(1, gone, False)
    return kept.reshape(last.shape).movedim(-1, axis)


def unpacked(packed: bytes, shapes: dict[str, torch.Size]) -> dict[str, Tensor]:
    """What stays of each layer, from one bit for each weight: the layers one after another, the first weight lowest."""
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), bitorder="little")
    sizes = [shape.numel() for shape in shapes.values()]
    parts = torch.from_numpy(bits)[: sum(sizes)].bool().split(sizes)
    return {name: part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}


def unwritten(text: str) -> bytes:
    """Bytes that were compressed and written as letters."""
    return zlib.decompress(base64.b64decode(text))


def positions(ranges: str) -> Tensor:
    """«0-4, 6» → 0, 1, 2, 3, 4, 6."""
    runs = (part.partition("-") for part in ranges.split(","))
    return torch.tensor([at for first, _, last in runs for at in range(int(first), int(last or first) + 1)])


def tensor(network: nn.Module, name: str) -> Tensor:
    """The parameter or buffer of that name."""
    owner, _, key = name.rpartition(".")
    return getattr(network.get_submodule(owner), key)


def classified(network: nn.Module, data: dict[str, Tensor], inputs: Callable, size: int = 64) -> dict[str, float]:
    """How many samples the network gets right, of how many."""
    right = 0
    with torch.inference_mode():
        for start in range(0, len(data["y"]), size):
            at = slice(start, start + size)
            given = inputs(data, at)
            said = logits(network(**given) if isinstance(given, dict) else network(given))
            right += int((said.argmax(1) == data["y"][at]).sum())
    return {"correct": right, "n": len(data["y"]), "accuracy": right / len(data["y"])}


def continued(network: nn.Module, data: dict[str, Tensor], inputs: Callable, size: int = 8) -> dict[str, float]:
    """Among how many equally likely tokens the network is left to guess: exp of the mean loss per token."""
    loss, count = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(data["y"]), size):
            at = slice(start, start + size)
            said, targets = logits(network(inputs(data, at))), data["y"][at]
            each = nn.functional.cross_entropy(said.flatten(0, 1), targets.flatten(), reduction="none", ignore_index=-100)
            loss, count = loss + float(each.double().sum()), count + int((targets != -100).sum())
    return {"perplexity": float(np.exp(loss / count)), "tokens": count, "n": len(data["y"])}


def logits(output: object) -> Tensor:
    """The numbers that a network's output is about."""
    for name in ("logits", "last_hidden_state"):
        if isinstance(getattr(output, name, None), Tensor):
            return getattr(output, name)
    if isinstance(output, dict):
        return logits(next(iter(output.values())))
    return logits(output[0]) if isinstance(output, tuple | list) else output

"""What data were found, what a network wants of them, and what all kinds of data have in common."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.subject import Preparation, Samples, Sentences, Windows

CHANNELS = (1, 3, 4)
KEYWORDS = ("input_ids", "attention_mask", "token_type_ids")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
HASHED = 1 << 16
"""Bytes of a sample that are looked at to find the same one in the training data."""


@dataclass(frozen=True, slots=True)
class Data:
    """Held-out samples, training samples where there are any, the name of what they were read from, the classes' names
    where the data bring them (a text's are its tokenizer's pieces), what there is to say about them, and of that what no
    figure that rests on them may be shown without (`caveats`)."""

    held_out: Samples | Windows | Sentences
    training: Samples | Windows | Sentences | None
    sha256: str
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wants:
    """What a network wants of its data, as far as it shows: None and () mean that nothing is known.

    `classes` are the names of its outputs, `keywords` what it calls its tokens, `context` the most tokens it takes,
    `vocabulary` how many it knows. `allowed` says whether data may be downloaded, and `told(done, all)` hears how far it is.
    """

    task: str = "image_classification"
    channels: int | None = None
    classes: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    context: int | None = None
    vocabulary: int | None = None
    padding: int | None = None
    allowed: bool = False
    told: Callable[[int, int], None] | None = None


def wants(network: nn.Module, task: str, classes: tuple[str, ...] = (), *, allowed: bool = False, told=None) -> Wants:
    """What `network` wants: read off its first convolution, its forward's keywords and its configuration. It is not run."""
    config, first = getattr(network, "config", None), next((one for one in network.modules() if _reads_pixels(one)), None)
    taken = inspect.signature(network.forward).parameters
    return Wants(
        task=task,
        channels=None if first is None else first.in_channels,
        classes=classes,
        keywords=tuple(name for name in KEYWORDS if name in taken) if KEYWORDS[0] in taken else (),
        context=_context(config),
        vocabulary=_whole(getattr(config, "vocab_size", None)),
        padding=_whole(getattr(config, "pad_token_id", None)),
        allowed=allowed,
        told=told,
    )


def thinned(labels: np.ndarray, most: int) -> np.ndarray:
    """The places [≤ most] of samples drawn by lot, as many of each class as its share is; in their own order.

    Where there are more classes than samples may be, no class has a share, and all are drawn together.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    generator = np.random.default_rng(0)
    known, counts = np.unique(labels, return_counts=True)
    if len(known) > most:
        return np.sort(generator.permutation(len(labels))[:most])
    exact = counts * (most / len(labels))
    taken = np.floor(exact).astype(int)
    # What rounding leaves goes to those that lost most by it.
    taken[np.argsort(taken - exact, kind="stable")[: most - taken.sum()]] += 1
    classes = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    chosen = [generator.permutation(places)[:count] for places, count in zip(classes, taken, strict=True)]
    return np.sort(np.concatenate(chosen))


def drawn(sha256: str, *counts: tuple[int, int]) -> str:
    """The name of what was read from files of this name: with how many samples were kept, where some were left out."""
    return sha256 + "".join(f"+{kept}of{of}" for kept, of in counts if kept < of)


def thinning(kept: int, of: int, noun: str) -> tuple[str, ...]:
    """What to say where some samples were left out."""
    return (f"{kept:,} of {of:,} {noun} were taken, drawn by lot within each class.",) if kept < of else ()


def remarks(held_out: Samples | Sentences, training: Samples | Sentences | None, noun: str) -> tuple[str, ...]:
    """What is odd about the samples: all of one class, or the same ones in both splits."""
    said, labels = [], held_out.labels
    if len(labels) > 1 and bool((labels == labels[0]).all()):
        always = f"All {len(labels):,} held-out {noun} have one label, {int(labels[0])}"
        said.append(f"{always}: a network that says nothing else would be right.")
    if training is not None:
        known = set(_marks(training))
        both = sum(mark in known for mark in _marks(held_out))
        if both:
            said.append(f"{both:,} of the {len(labels):,} held-out {noun} are in the training data, too.")
    return tuple(said)


def preparation(table: Mapping[str, Any], channels: int, scale: float = 255.0) -> Preparation:
    """The preparation that a card's [data] asks for."""
    scale = table.get("scale", scale)
    values = {key: table.get(key, default) for key, default in (("mean", 0.0), ("std", 1.0))}
    lists = {key: tuple(map(float, one if isinstance(one, list) else [one])) for key, one in values.items()}
    for key, one in lists.items():
        if len(one) not in (1, channels):
            raise SubjectError(
                f"[data] {key} has {len(one)} numbers for {channels} channels: give one, or one per channel", "channels"
            )
    if not scale > 0 or not all(one > 0 for one in lists["std"]):
        raise SubjectError(f"[data] scale {scale} and std {list(lists['std'])} divide: give numbers above 0", "scale")
    mixed = table.get("interpolation", "bilinear")
    if mixed not in INTERPOLATIONS:
        raise SubjectError(
            f"unknown interpolation {mixed[:64]!r}; there are {', '.join(INTERPOLATIONS)}: correct [data]", "interpolation"
        )
    return Preparation(float(scale), lists["mean"], lists["std"], table.get("resize"), table.get("crop"), mixed)


def _reads_pixels(module: nn.Module) -> bool:
    return isinstance(module, nn.Conv2d)


def _context(config: object) -> int | None:
    """The most tokens that a network takes, as its configuration has it."""
    found = (_whole(getattr(config, name, None)) for name in ("max_position_embeddings", "n_positions", "n_ctx"))
    most = next((one for one in found if one), None)
    if most is not None and "roberta" in str(getattr(config, "model_type", "")):
        # There positions are counted from behind the padding's own number.
        most -= (_whole(getattr(config, "pad_token_id", None)) or 0) + 1
    return most


def _whole(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _marks(samples: Samples | Sentences) -> Iterator[object]:
    """What tells each sample from others: its texts, or a hash of its first bytes."""
    if isinstance(samples, Sentences):
        yield from samples.texts
        return
    rows = samples.stored.flatten(1)
    few = rows[:, : max(1, HASHED // rows.element_size())].contiguous().numpy()
    for row in few:
        yield hashlib.blake2b(row.tobytes(), digest_size=16).digest()

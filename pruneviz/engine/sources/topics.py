"""A language model's [data] that no file holds: Python's language reference, as windows of so many tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from pruneviz import language_reference
from pruneviz.engine.sources import encoder, text
from pruneviz.engine.sources.encoder import Encoder
from pruneviz.engine.sources.found import Data, Wants
from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.subject import Windows

CONTEXT = 128
"""Tokens that a window predicts where the card says nothing else."""


def read(table: Mapping[str, Any], folder: Path, wants: Wants, limits: Limits = LOCAL) -> Data:
    """The windows of the text that the running Python carries; `folder` is where the card lies."""
    if table["set"] != language_reference.NAME:
        raise SubjectError(
            f'unknown text {table["set"][:64]!r}; there is {language_reference.NAME}; or name a file = "….txt"', "set"
        )
    apart, rest = language_reference.held_out(), language_reference.training()
    if not apart or not rest:
        raise SubjectError(
            "this Python was installed without its language reference (pydoc_data.topics): install it whole, or name a file",
            "set",
        )
    words, context = encoder.read(folder / table["tokenizer"], limits), table.get("context", CONTEXT)
    room(f"{len(apart) + len(rest)} topics as tokens", 32 * sum(map(len, (*apart, *rest))), limits)
    tokens = words.plain((*apart, *rest))  # one child process for both
    held_out, training = (windows(part, words, context) for part in (tokens[: len(apart)], tokens[len(apart) :]))
    held_out = spread(held_out, min(table.get("windows", len(held_out)), limits.samples))
    if len(held_out) < 2 or not len(training):
        raise SubjectError(f"[data] context {context} gives too few windows of this text: say less", "context")
    name = hashlib.sha256(f"{language_reference.NAME} {context} {len(held_out)} {words.sha256}".encode())
    for one in (held_out, training):
        name.update(one.stored.numpy().astype("<i8").tobytes())
    return Data(held_out, training, name.hexdigest(), text.named(words, wants), (), _caveats(table))


def windows(tokens: Sequence[Sequence[int]], words: Encoder, context: int) -> Windows:
    """The topics one after another, each behind the token that begins a text, cut so that every window predicts as many
    tokens as any other; what is left over at the end is left out."""
    stream = torch.tensor([token for topic in tokens for token in (*words.beginning, *topic)], dtype=torch.int64)
    whole = max(0, len(stream) - 1) // context
    stored, labels = (stream[start : start + whole * context].view(whole, context) for start in (0, 1))
    return Windows(stored.clone(), labels.clone())


def spread(found: Windows, most: int) -> Windows:
    """At most so many of the windows, as far from each other as they can be."""
    chosen = torch.arange(most) * len(found) // most if most < len(found) else torch.arange(len(found))
    return Windows(found.stored[chosen], found.labels[chosen])


def _caveats(table: Mapping[str, Any]) -> tuple[str, ...]:
    """What to say where the card's figures are of another Python's text."""
    if table.get("sha256", language_reference.sha256()) == language_reference.sha256():
        return ()
    here = f"The language reference of this Python ({language_reference.python()}) is not the one of the card's figures"
    return (f"{here}: the dense model is measured here anew.",)

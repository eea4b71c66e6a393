"""A language model's [data]: a text file, cut into windows of so many characters from its start, as tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from pruneviz.engine.sources import gate, tokenizer
from pruneviz.engine.sources.data import Data
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.sources.tokenizer import BEGINNING, Tokenizer
from pruneviz.engine.subject import Windows
from pruneviz.engine.tasks.language_modelling import NOTHING

CHARACTERS = 800


def read(table: Mapping[str, Any], folder: Path, limits: gate.Limits = gate.LOCAL) -> Data:
    """The windows that a card names, checked; `folder` is where the card lies."""
    words, tokens_sha256 = tokenizer.read(folder / table["tokenizer"], limits)
    held_out, sha256 = _windows(folder / table["file"], words, table, limits)
    if len(held_out) < 2:
        raise SubjectError(
            f"{table['file']} gives one window: perplexity needs at least 2, give more text or a smaller window"
        )
    training, hashes = None, [sha256, tokens_sha256]
    if "training_file" in table:
        training, training_sha256 = _windows(folder / table["training_file"], words, table, limits)
        if training_sha256 == sha256:
            raise SubjectError("training_file is the held-out text itself: name another text, or leave it out")
        hashes.append(training_sha256)
    return Data(held_out, training, "+".join(hashes), words.words)


def _windows(path: Path, words: Tokenizer, table: Mapping[str, Any], limits: gate.Limits) -> tuple[Windows, str]:
    """The windows of one text file, and its SHA-256."""
    data = gate.content(path, limits.data_bytes)
    try:
        # Line ends stay what they are: a window is so many characters of the file.
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SubjectError(f"{path.name} is not text in UTF-8: save it as UTF-8") from None
    if not text:
        raise SubjectError(f"{path.name} is empty: give a text")
    sequences = list(sequence(text, words, table))
    return padded(sequences), hashlib.sha256(data).hexdigest()


def sequence(text: str, words: Tokenizer, table: Mapping[str, Any]) -> Iterator[list[int]]:
    """The tokens of each window: the one that begins a text, then those of the next characters. The last is shorter."""
    size, most = table.get("window", CHARACTERS), table.get("windows")
    for place in range(0, len(text) if most is None else min(len(text), most * size), size):
        yield [BEGINNING, *words.encode(text[place : place + size])][: table.get("context")]


def padded(sequences: list[list[int]]) -> Windows:
    """Sequences as [N, T] and what follows each token. Padding comes last: what comes later changes nothing before it."""
    longest = max(map(len, sequences)) - 1
    stored = torch.zeros(len(sequences), longest, dtype=torch.int64)
    labels = torch.full((len(sequences), longest), NOTHING, dtype=torch.int64)
    for at, tokens in enumerate(sequences):
        stored[at, : len(tokens) - 1] = torch.tensor(tokens[:-1])
        labels[at, : len(tokens) - 1] = torch.tensor(tokens[1:])
    return Windows(stored, labels)

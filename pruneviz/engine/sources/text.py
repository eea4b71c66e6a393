"""A language model's [data]: a text file, cut into windows of so many characters from its start, as tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pruneviz.engine.sources import encoder, files, found, tokenizer
from pruneviz.engine.sources.encoder import Encoder
from pruneviz.engine.sources.found import Data, Wants
from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.sources.tokenizer import BEGINNING, Tokenizer
from pruneviz.engine.subject import Windows
from pruneviz.engine.tasks.language_modelling import NOTHING

CHARACTERS = 800


def read(table: Mapping[str, Any], folder: Path, limits: Limits = LOCAL, wants: Wants | None = None) -> Data:
    """The windows that a card names, checked; `folder` is where the card lies."""
    wants = wants or Wants(task="language_modelling")
    words, tokens_sha256 = _words(folder / table["tokenizer"], limits)
    how = {"context": wants.context} | dict(table) if wants.context else table
    held_out, sha256 = _windows(folder / table["file"], words, how, limits)
    if len(held_out) < 2:
        raise SubjectError(
            f"{table['file']} gives one window: perplexity needs at least 2, give more text or a smaller window", "empty"
        )
    training, hashes = None, [sha256, tokens_sha256]
    if "training_file" in table:
        training, training_sha256 = _windows(folder / table["training_file"], words, how, limits)
        if training_sha256 == sha256:
            raise SubjectError("training_file is the held-out text itself: name another text, or leave it out", "training")
        hashes.append(training_sha256)
    return Data(held_out, training, "+".join(hashes), named(words, wants))


def words_of(path: Path, limits: Limits = LOCAL) -> Tokenizer | Encoder:
    """The tokenizer at a path: one of Hugging Face's, by what it is called, or llama2.c's."""
    return _words(path, limits)[0]


def _words(path: Path, limits: Limits) -> tuple[Tokenizer | Encoder, str]:
    """The tokenizer at a path, and its SHA-256."""
    if not encoder.is_encoder(path):
        return tokenizer.read(path, limits)
    words = encoder.read(path, limits)
    return words, words.sha256


def named(words: Tokenizer | Encoder, wants: Wants) -> tuple[str, ...]:
    """The names of the network's outputs. Some networks have more of them than there are pieces, for a round number."""
    spare = (wants.vocabulary or 0) - len(words.words) if isinstance(words, Encoder) else 0
    return (*words.words, *(f"<unused {len(words.words) + place}>" for place in range(spare)))


def content(path: Path, limits: Limits) -> tuple[str, str]:
    """What stands in a text file, and its SHA-256."""
    data = files.content(path, limits.data_bytes)
    try:
        # Line ends stay what they are: a window is so many characters of the file.
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SubjectError(f"{files.shown(path)} is not text in UTF-8: save it as UTF-8", "not-utf-8") from None
    if not text.strip():
        raise SubjectError(f"{files.shown(path)} is empty: give a text", "empty")
    return text, hashlib.sha256(data).hexdigest()


def _windows(path: Path, words: Tokenizer | Encoder, table: Mapping[str, Any], limits: Limits) -> tuple[Windows, str]:
    """The windows of one text file, and its SHA-256."""
    text, sha256 = content(path, limits)
    sequences = [one for one in sequence(text, words, table, limits.samples) if len(one) > 1]
    if not sequences:
        raise SubjectError(f"{files.shown(path)} gives no two tokens in a row: give more text", "empty")
    room(f"{len(sequences):,} windows of text", 16 * len(sequences) * max(map(len, sequences)), limits)
    count = len(_places(text, table))
    return padded(sequences), found.drawn(sha256, (min(count, limits.samples), count))


def sequence(text: str, words: Tokenizer | Encoder, table: Mapping[str, Any], most: int | None = None) -> list[list[int]]:
    """The tokens of each window, of `most` at most: the one that begins a text, where there is one, then those of the next
    characters. The last is shorter."""
    places = _places(text, table)[:most]
    windows = [text[place : place + places.step] for place in places]
    if isinstance(words, Tokenizer):
        first, tokens = [BEGINNING], map(words.encode, windows)
    else:
        first, tokens = list(words.beginning), words.plain(windows)
    return [[*first, *one][: table.get("context")] for one in tokens]


def _places(text: str, table: Mapping[str, Any]) -> range:
    """Where in a text its windows begin."""
    size, most = table.get("window", CHARACTERS), table.get("windows")
    return range(0, len(text) if most is None else min(len(text), most * size), size)


def padded(sequences: list[list[int]]) -> Windows:
    """Sequences as [N, T] and what follows each token. Padding comes last: what comes later changes nothing before it."""
    longest = max(map(len, sequences)) - 1
    stored = torch.zeros(len(sequences), longest, dtype=torch.int64)
    labels = torch.full((len(sequences), longest), NOTHING, dtype=torch.int64)
    for at, tokens in enumerate(sequences):
        stored[at, : len(tokens) - 1] = torch.tensor(tokens[:-1])
        labels[at, : len(tokens) - 1] = torch.tensor(tokens[1:])
    return Windows(stored, labels)

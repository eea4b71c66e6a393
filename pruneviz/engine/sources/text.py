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
from pruneviz.engine.subject import Subject, Windows
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


def other(subject: Subject, path: Path, limits: Limits = LOCAL) -> Windows:
    """Another text in the pieces of a language model, cut as its own is: to calibrate on."""
    table, folder = (subject.origin.card.get("data", {}), subject.origin.folder) if subject.origin else ({}, "")
    if "tokenizer" not in table:
        raise SubjectError(
            f"{subject.title} names no tokenizer, so no text can be read for it: leave --calibration out, or say training",
            "tokenizer",
        )
    if not path.expanduser().is_file():
        raise SubjectError(f"there is no file {str(path)!r}: give the path of a text, or training, or held-out", "no-file")
    words, _ = _words(Path(folder) / table["tokenizer"], limits)
    how = {key: one for key, one in table.items() if key != "windows"}
    found, _ = _windows(path.expanduser(), words, {"context": subject.held_out.stored.shape[1] + 1} | how, limits)
    held = {tuple(one) for one in subject.held_out.stored.tolist()}
    if any(tuple(one) in held for one in _as_wide(found.stored, subject.held_out.stored.shape[1]).tolist()):
        raise SubjectError(
            f"{files.shown(path)} has windows of the held-out text, which is to judge: give a text that the model is not "
            "measured on",
            "training",
        )
    return found


def _as_wide(stored: torch.Tensor, width: int) -> torch.Tensor:
    """Rows of tokens, padded or cut to so many: as those that they are compared with are padded."""
    return torch.nn.functional.pad(stored, (0, max(0, width - stored.shape[1])))[:, :width]


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


def _windows(path: Path, words: Tokenizer | Encoder, table: Mapping[str, Any], limits: Limits) -> tuple[Windows, str]:
    """The windows of one text file, and its SHA-256."""
    data = files.content(path, limits.data_bytes)
    try:
        # Line ends stay what they are: a window is so many characters of the file.
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SubjectError(f"{files.shown(path)} is not text in UTF-8: save it as UTF-8", "not-utf-8") from None
    if not text.strip():
        raise SubjectError(f"{files.shown(path)} is empty: give a text", "empty")
    sequences = [one for one in sequence(text, words, table, limits.samples) if len(one) > 1]
    if not sequences:
        raise SubjectError(f"{files.shown(path)} gives no two tokens in a row: give more text", "empty")
    room(f"{len(sequences):,} windows of text", 16 * len(sequences) * max(map(len, sequences)), limits)
    count = len(_places(text, table))
    return padded(sequences), found.drawn(hashlib.sha256(data).hexdigest(), (min(count, limits.samples), count))


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

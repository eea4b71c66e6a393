"""Encoders: Hugging Face's tokenizers, read from tokenizer.json, or from the older vocab.txt or vocab.json and merges.txt.

Only the small library `tokenizers` is needed, in a child process (`tokens`). Padding and truncation are done as the network
wants them, whatever a file asks for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pruneviz.engine.sources import files, tokens
from pruneviz.engine.sources.limits import LOCAL, Limits
from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.sources.tokens import Order

MOST_BYTES, SPARE = 64 << 20, 10_000
WAYS = "tokenizer.json, vocab.txt, or vocab.json with merges.txt"


@dataclass(frozen=True, eq=False)
class Encoder:
    """A tokenizer as it was trained: its pieces, the token that fills up (None: none is named), those that it puts before a
    text, and the SHA-256 of its files. `plan` is what a child makes it of."""

    plan: Mapping[str, Any] = field(repr=False)
    vocabulary: Mapping[str, int] = field(repr=False)
    beginning: tuple[int, ...]
    padding: int | None
    sha256: str
    name: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The pieces of its vocabulary, by token; numbers that stand for nothing have a name of their own."""
        known = {token: piece for piece, token in self.vocabulary.items()}
        return tuple(known.get(token, f"<unused {token}>") for token in range(max(known, default=-1) + 1))

    def pairs(self, texts: Sequence[tuple[str, ...]], most: int) -> list[tuple[list[int], list[int]]]:
        """The tokens and types of each text, or of each two, with the special tokens around them; of two the longer one is
        cut first."""
        return tokens.rows(self.plan, Order(texts, most), self.name)

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text without special ones."""
        return [found for found, _ in tokens.rows(self.plan, Order([(one,) for one in texts], None), self.name)]


def is_encoder(path: Path) -> bool:
    """Whether a path may hold such a tokenizer: a folder, or a file that begins as JSON or lists BERT's special tokens."""
    if files.is_folder(path):
        return True
    with files.opened(path, MOST_BYTES) as (stream, _):
        head = stream.read(1 << 16)
    return head.lstrip()[:1] == b"{" or b"[UNK]" in head


def read(path: Path, limits: Limits = LOCAL) -> Encoder:
    """The tokenizer in a folder, or in the file that was named with what lies beside it."""
    folder, most = (path if files.is_folder(path) else path.parent), min(MOST_BYTES, limits.data_bytes)
    wanted = path if files.is_file(path) else folder / "tokenizer.json"
    digest = hashlib.sha256()
    if wanted.name.endswith(".json") and wanted.name != "vocab.json" and files.is_file(wanted):
        plan = {"kind": "whole", "text": _text(_content(wanted, most, digest), files.shown(wanted))}
        name = files.shown(wanted)
    elif files.is_file(vocabulary := wanted if wanted.suffix == ".txt" and files.is_file(wanted) else folder / "vocab.txt"):
        name = files.shown(vocabulary)
        plan = _bert(_content(vocabulary, most, digest), name, _notes(folder, limits))
    elif files.is_file(folder / "vocab.json") and files.is_file(folder / "merges.txt"):
        parts = [_content(folder / one, most, digest) for one in ("vocab.json", "merges.txt")]
        name, plan = "vocab.json", _bytes(*parts, _notes(folder, limits))
    else:
        raise SubjectError(f"no tokenizer at {files.shown(path)!r}: give a folder with {WAYS}", "no-file")
    words, beginning = tokens.vocabulary(plan, name)
    _check_numbers(files.shown(path), words.values())
    padding = _padding(words, _notes(folder, limits))
    return Encoder(plan, words, beginning, padding, digest.hexdigest(), files.shown(path))


def _check_numbers(name: str, numbers: Collection[int]) -> None:
    """Refuse a vocabulary that is empty, or that numbers a few tokens up to millions: every number gets a name."""
    if not numbers:
        raise SubjectError(f"{name} holds no token: give the tokenizer that the model was trained with", "tokenizer")
    if max(numbers) > 2 * len(numbers) + SPARE:
        count = f"{len(numbers):,} tokens up to {max(numbers):,}"
        raise SubjectError(f"{name} numbers {count}: give the tokenizer that the model was trained with", "tokenizer")


def _content(path: Path, most: int, digest) -> bytes:
    data = files.content(path, most)
    digest.update(path.name.encode() + b"\0" + data)
    return data


def _bert(data: bytes, shown: str, notes: dict) -> dict[str, Any]:
    """WordPiece as BERT has it: cut at spaces and punctuation, lower case unless the notes say otherwise, [CLS] … [SEP]."""
    lines = _text(data, shown).split("\n")
    words = {word: token for token, word in enumerate(one.rstrip("\r") for one in lines) if word or token < len(lines) - 1}
    if not {"[UNK]", "[CLS]", "[SEP]"} <= set(words):
        raise SubjectError(f"{shown} has no [UNK], [CLS] or [SEP]: give the vocab.txt of a BERT, or {WAYS}", "tokenizer")
    return {"kind": "bert", "words": words, "lower": notes.get("do_lower_case", True) is not False}


def _bytes(vocabulary: bytes, merges: bytes, notes: dict) -> dict[str, Any]:
    """Byte-level byte-pair encoding as GPT-2 has it, and as RoBERTa has it where <s> and </s> are among its pieces."""
    words = _table(vocabulary, "vocab.json")
    if not words or not all(type(token) is int for token in words.values()):
        raise SubjectError("vocab.json is not a table of pieces and their numbers: give the file as it was", "tokenizer")
    pairs = [
        line.split(" ") for line in _text(merges, "merges.txt").splitlines() if line and not line.startswith("#version")
    ]
    if not all(len(pair) == 2 for pair in pairs):
        raise SubjectError("merges.txt is not a list of pairs: give the file as it was", "tokenizer")
    return {"kind": "bytes", "words": words, "pairs": pairs, "spaced": bool(notes.get("add_prefix_space", False))}


def _notes(folder: Path, limits: Limits) -> dict:
    """What tokenizer_config.json and special_tokens_map.json say, as far as they are there and are tables."""
    found: dict = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if files.is_file(folder / name):
            found |= _table(files.content(folder / name, 4 * limits.text_bytes), name)
    return found


def _padding(words: Mapping[str, int], notes: dict) -> int | None:
    """The token that fills up short texts: the one the notes name, else one of the common names."""
    said = notes.get("pad_token")
    said = said.get("content") if isinstance(said, dict) else said
    names = [name for name in (said, "[PAD]", "<pad>", "<|endoftext|>") if isinstance(name, str)]
    return next((words[name] for name in names if name in words), None)


def _table(data: bytes, name: str) -> dict:
    try:
        found = json.loads(_text(data, name))
    except (ValueError, RecursionError):
        raise SubjectError(f"{name} is not JSON: give the file as it was", "tokenizer") from None
    return found if isinstance(found, dict) else {}


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise SubjectError(f"{name} is not text in UTF-8: give the file as it was", "not-utf-8") from None

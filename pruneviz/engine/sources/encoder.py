"""Encoders: Hugging Face's tokenizers, read from tokenizer.json, or from the older vocab.txt or vocab.json and merges.txt.

Only the small library `tokenizers` is needed. Padding and truncation are done here, whatever a file asks for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pruneviz.engine.sources import files
from pruneviz.engine.sources.limits import LOCAL, Limits
from pruneviz.engine.sources.refusal import SubjectError, brief

MOST_BYTES, SPARE = 64 << 20, 10_000
WAYS = "tokenizer.json, vocab.txt, or vocab.json with merges.txt"


@dataclass(frozen=True, eq=False)
class Encoder:
    """A tokenizer as it was trained, the token that fills up (None: none is named), and the SHA-256 of its files."""

    tokenizer: Any
    padding: int | None
    sha256: str
    name: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The pieces of its vocabulary, by token; numbers that stand for nothing have a name of their own."""
        known = {token: piece for piece, token in self.tokenizer.get_vocab(with_added_tokens=True).items()}
        return tuple(known.get(token, f"<unused {token}>") for token in range(max(known, default=-1) + 1))

    @cached_property
    def beginning(self) -> tuple[int, ...]:
        """The token that it puts before a text; none where it puts none."""
        with _guarded(self.name):
            with_, without = (self.tokenizer.encode("a", add_special_tokens=add).ids for add in (True, False))
        return tuple(with_[:1]) if with_[:1] != without[:1] else ()

    def pair(self, texts: Sequence[str], most: int) -> tuple[list[int], list[int]]:
        """The tokens and types of a text, or of two, with the special tokens around them; the longer one is cut first."""
        with _guarded(self.name):
            self.tokenizer.enable_truncation(most)
            found = self.tokenizer.encode(*texts)
            return found.ids, found.type_ids

    def plain(self, text: str) -> list[int]:
        """The tokens of a text without special ones."""
        with _guarded(self.name):
            self.tokenizer.no_truncation()
            return self.tokenizer.encode(text, add_special_tokens=False).ids

    def text(self, tokens: Sequence[int]) -> str:
        """The text that some tokens stand for."""
        with _guarded(self.name):
            return self.tokenizer.decode(list(tokens), skip_special_tokens=False)


def is_encoder(path: Path) -> bool:
    """Whether a path may hold such a tokenizer: a folder, or a file that begins as JSON or lists BERT's special tokens."""
    if path.is_dir():
        return True
    with files.opened(path, MOST_BYTES) as (stream, _):
        head = stream.read(1 << 16)
    return head.lstrip()[:1] == b"{" or b"[UNK]" in head


def read(path: Path, limits: Limits = LOCAL) -> Encoder:
    """The tokenizer in a folder, or in the file that was named with what lies beside it."""
    folder, most = (path if path.is_dir() else path.parent), min(MOST_BYTES, limits.data_bytes)
    wanted = path if path.is_file() else folder / "tokenizer.json"
    digest = hashlib.sha256()
    if wanted.name.endswith(".json") and wanted.name != "vocab.json" and wanted.is_file():
        found = _whole(_content(wanted, most, digest), files.shown(wanted))
    elif (vocabulary := wanted if wanted.suffix == ".txt" and wanted.is_file() else folder / "vocab.txt").is_file():
        found = _bert(_content(vocabulary, most, digest), files.shown(vocabulary), _notes(folder, limits))
    elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        parts = [_content(folder / name, most, digest) for name in ("vocab.json", "merges.txt")]
        found = _bytes(*parts, _notes(folder, limits))
    else:
        raise SubjectError(f"no tokenizer at {files.shown(path)!r}: give a folder with {WAYS}", "no-file")
    _check_numbers(files.shown(path), found.get_vocab(with_added_tokens=True).values())
    padding = _padding(found, _notes(folder, limits))
    found.no_padding()
    return Encoder(found, padding, digest.hexdigest(), files.shown(path))


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


def _whole(data: bytes, shown: str):
    from tokenizers import Tokenizer

    with _guarded(shown):
        return Tokenizer.from_str(data.decode("utf-8"))


def _bert(data: bytes, shown: str, notes: dict):
    """WordPiece as BERT has it: cut at spaces and punctuation, lower case unless the notes say otherwise, [CLS] … [SEP]."""
    from tokenizers import BertWordPieceTokenizer

    lines = _text(data, shown).split("\n")
    words = {word: token for token, word in enumerate(one.rstrip("\r") for one in lines) if word or token < len(lines) - 1}
    if not {"[UNK]", "[CLS]", "[SEP]"} <= set(words):
        raise SubjectError(f"{shown} has no [UNK], [CLS] or [SEP]: give the vocab.txt of a BERT, or {WAYS}", "tokenizer")
    lower = notes.get("do_lower_case", True) is not False
    with _guarded(shown):
        made = BertWordPieceTokenizer(words, lowercase=lower, strip_accents=None)
        return made._tokenizer


def _bytes(vocabulary: bytes, merges: bytes, notes: dict):
    """Byte-level byte-pair encoding as GPT-2 has it, and as RoBERTa has it where <s> and </s> are among its pieces."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    words = _table(vocabulary, "vocab.json")
    if not words or not all(type(token) is int for token in words.values()):
        raise SubjectError("vocab.json is not a table of pieces and their numbers: give the file as it was", "tokenizer")
    pairs = [
        tuple(line.split(" "))
        for line in _text(merges, "merges.txt").splitlines()
        if line and not line.startswith("#version")
    ]
    if not all(len(pair) == 2 for pair in pairs):
        raise SubjectError("merges.txt is not a list of pairs: give the file as it was", "tokenizer")
    with _guarded("vocab.json"):
        made = Tokenizer(models.BPE(vocab=words, merges=pairs))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=bool(notes.get("add_prefix_space", False)))
        made.decoder = decoders.ByteLevel()
        if {"<s>", "</s>"} <= set(words):
            made.post_processor = processors.RobertaProcessing(
                ("</s>", words["</s>"]), ("<s>", words["<s>"]), add_prefix_space=bool(notes.get("add_prefix_space", False))
            )
        return made


def _notes(folder: Path, limits: Limits) -> dict:
    """What tokenizer_config.json and special_tokens_map.json say, as far as they are there and are tables."""
    found: dict = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            found |= _table(files.content(folder / name, 4 * limits.text_bytes), name)
    return found


def _padding(tokenizer, notes: dict) -> int | None:
    """The token that fills up short texts: the one the notes name, else one of the common names."""
    said = notes.get("pad_token")
    said = said.get("content") if isinstance(said, dict) else said
    names = [name for name in (said, "[PAD]", "<pad>", "<|endoftext|>") if isinstance(name, str)]
    return next((token for name in names if (token := tokenizer.token_to_id(name)) is not None), None)


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


@contextmanager
def _guarded(name: str) -> Iterator[None]:
    """Whatever the library thinks of a file, the answer is one sentence."""
    try:
        yield
    except SubjectError:
        raise
    except BaseException as error:
        # The library's own panics are no Exceptions; a real interruption is nobody's fault.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise SubjectError(
            f"{name} cannot be used as a tokenizer ({brief(error)}): give {WAYS} as the model came with it", "tokenizer"
        ) from None

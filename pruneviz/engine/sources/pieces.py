"""Pieces: what tokens look like as text, whichever way their tokenizer marks spaces and parts of words."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from functools import cache

_BEGINNINGS = frozenset(("<s>", "[CLS]", "<|endoftext|>", "<bos>", "<|begin_of_text|>"))
_BYTE = re.compile("((?:<0x[0-9A-F]{2}>)+)")


def text(parts: Sequence[str]) -> str:
    """The text that some pieces of a vocabulary make, without the one that begins a text."""
    parts = parts[1:] if len(parts) > 1 and parts[0].strip() in _BEGINNINGS else parts
    joined = "".join(parts)
    if "Ġ" in joined or "Ċ" in joined:
        return _bytes(joined)
    if any(part.startswith("##") for part in parts[1:]):
        return " ".join(parts).replace(" ##", "")
    named = _BYTE.sub(lambda found: _named(found[1]), joined)
    return named.replace("▁", " ").removeprefix(" ") if "▁" in joined else named


def each(parts: Sequence[str], vocabulary: Sequence[str]) -> tuple[str, ...]:
    """The text of each of some pieces in a row, spaces before words and all. A letter that takes several byte-level pieces
    stands where the last of them does."""
    if not any("Ġ" in one for one in vocabulary):
        return tuple(_BYTE.sub(lambda found: _named(found[1]), part).replace("▁", " ") for part in parts)
    known, decoder = _alphabet(), codecs.getincrementaldecoder("utf-8")("replace")
    return tuple(
        decoder.decode(bytes(known[one] for one in part)) if all(one in known for one in part) else part for part in parts
    )


def _named(run: str) -> str:
    """«<0x67><0x65>» → «ge»: bytes that no piece holds."""
    return bytes.fromhex(run.replace("<0x", "").replace(">", "")).decode("utf-8", "replace")


def _bytes(joined: str) -> str:
    """Byte-level pieces: each character stands for one byte."""
    known = _alphabet()
    if not all(one in known for one in joined):
        return joined.replace("Ġ", " ").replace("Ċ", "\n")
    return bytes(known[one] for one in joined).decode("utf-8", "replace")


@cache
def _alphabet() -> dict[str, int]:
    """The byte that each character stands for: what can be seen stands for itself, all else is moved up past 255 (GPT-2)."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {chr(256 + place): byte for place, byte in enumerate(moved)}

"""llama2.c's tokenizer file: pieces of text with scores; encoding joins neighbours, the best-scored pair first.

A text becomes characters, those that the vocabulary does not hold become bytes, and pairs are joined until no two
neighbours make a piece (byte-pair encoding, Sennrich et al. 2016, with SentencePiece's scores). It starts with a space.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import struct
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pruneviz.engine.sources import gate
from pruneviz.engine.sources.gate import SubjectError

BEGINNING = 1
"""The token that a text begins with."""
FIRST_BYTE = 3
"""The first of 256 tokens that stand for single bytes."""
_BYTES = tuple(f"<0x{byte:02X}>".encode() for byte in range(256))
_GONE = -1


@dataclass(frozen=True)
class Tokenizer:
    """The pieces of a vocabulary by token, and how eager each is to be joined."""

    pieces: tuple[bytes, ...]
    scores: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.pieces)

    @cached_property
    def tokens(self) -> dict[bytes, int]:
        """The token of each piece; the first where a piece is there twice."""
        return {piece: token for token, piece in reversed(list(enumerate(self.pieces)))}

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The pieces as text."""
        return tuple(piece.decode("utf-8", "replace") for piece in self.pieces)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, without the one that begins it."""
        tokens = []
        for character in f" {text}" if text else "":
            piece = character.encode()
            known = self.tokens.get(piece)
            tokens += [FIRST_BYTE + byte for byte in piece] if known is None else [known]
        return self._joined(tokens)

    def decode(self, tokens: list[int]) -> str:
        """The text of some tokens, without the space that encoding puts first."""
        first, last = FIRST_BYTE, FIRST_BYTE + len(_BYTES)
        parts = (bytes([one - first]) if first <= one < last else self.pieces[one] for one in tokens if one != BEGINNING)
        return b"".join(parts).decode("utf-8", "replace").removeprefix(" ")

    def _joined(self, tokens: list[int]) -> list[int]:
        """Joins the pair of neighbours with the best score, the leftmost of equals, until none makes a piece.

        A heap of pairs, where those that are no longer neighbours are passed over: n log n instead of n².
        """
        size = len(tokens)
        before, after = list(range(-1, size - 1)), list(range(1, size + 1))
        waiting: list[tuple[float, int, int, int, int]] = []

        def offer(left: int, right: int) -> None:
            if left >= 0 and right < size:
                whole = self.tokens.get(self.pieces[tokens[left]] + self.pieces[tokens[right]])
                if whole is not None:
                    heapq.heappush(waiting, (-self.scores[whole], left, tokens[left], tokens[right], whole))

        for left in range(size - 1):
            offer(left, left + 1)
        while waiting:
            _, left, one, other, whole = heapq.heappop(waiting)
            right = after[left]
            if tokens[left] != one or right >= size or tokens[right] != other:
                continue
            tokens[left], tokens[right], after[left] = whole, _GONE, after[right]
            if after[left] < size:
                before[after[left]] = left
            offer(before[left], left)
            offer(left, after[left])
        return [token for token in tokens if token != _GONE]


def read(path: Path, limits: gate.Limits = gate.LOCAL) -> tuple[Tokenizer, str]:
    """The tokenizer in a file that llama2.c's `tokenizer.py` exports, and the file's SHA-256."""
    data = gate.content(path, limits.data_bytes)
    advice = "give a file that llama2.c's tokenizer.py exports"
    longest = struct.unpack_from("<i", data)[0] if len(data) >= 4 else 0
    pieces, scores, place = [], [], 4
    while place < len(data):
        score, length = struct.unpack_from("<fi", data, place) if place + 8 <= len(data) else (math.nan, 0)
        place += 8 + length
        if not math.isfinite(score) or not 0 <= length <= longest or place > len(data):
            raise SubjectError(f"{path.name} is no llama2.c tokenizer, or it is damaged at token {len(pieces):,}: {advice}")
        pieces.append(data[place - length : place])
        scores.append(score)
    if tuple(pieces[FIRST_BYTE : FIRST_BYTE + len(_BYTES)]) != _BYTES:
        raise SubjectError(f"{path.name} has no tokens for the 256 bytes after the first {FIRST_BYTE}: {advice}")
    return Tokenizer(tuple(pieces), tuple(scores)), hashlib.sha256(data).hexdigest()

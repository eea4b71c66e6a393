"""Mutations: small damage of every kind to a file that was good, or that was bad already."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

NUMBERS = tuple(
    struct.pack(form, value)
    for form, values in {
        "<B": (0, 1, 0x7F, 0x80, 0xFF),
        "<H": (0, 0x7FFF, 0xFFFF),
        "<I": (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF),
        "<Q": (0, 1 << 31, 1 << 32, 1 << 40, 1 << 62, (1 << 64) - 1),
    }.items()
    for value in values
)


def mutated(data: bytes, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    """The data with one to four changes: bits, numbers, words of its language, pieces moved, doubled, lost or borrowed."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 4))):
        chance.choice(_CHANGES)(changed, chance, words, others)
    return bytes(changed)


def _bit(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _byte(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _number(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    _over(data, chance, chance.choice(NUMBERS))


def _word_over(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    _over(data, chance, chance.choice(words))


def _word_between(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    place = chance.randrange(len(data) + 1)
    data[place:place] = chance.choice(words) * chance.choice((1, 1, 1, 2, 50))


def _lose(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    start, stop = _span(data, chance)
    del data[start:stop]


def _double(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    start, stop = _span(data, chance)
    data[start:start] = data[start:stop]


def _move(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    start, stop = _span(data, chance)
    piece = data[start:stop]
    del data[start:stop]
    place = chance.randrange(len(data) + 1)
    data[place:place] = piece


def _cut(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _borrow(data: bytearray, chance: random.Random, words: Sequence[bytes], others: Sequence[bytes]) -> None:
    other = chance.choice(others)
    start, stop = _span(other, chance)
    place = chance.randrange(len(data) + 1)
    data[place : place + chance.choice((0, stop - start))] = other[start:stop]


_CHANGES = (_bit, _bit, _byte, _number, _number, _word_over, _word_between, _lose, _double, _move, _cut, _borrow)


def _over(data: bytearray, chance: random.Random, piece: bytes) -> None:
    place = chance.randrange(len(data) + 1)
    data[place : place + len(piece)] = piece


def _span(data: Sequence, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(data) + 1)
    return start, min(len(data), start + chance.choice((1, 4, 16, 64, 512)))

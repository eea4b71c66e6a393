"""llama2.c's tokenizer: the same tokens as run.c's loop, every text comes back, and a broken file gets one sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pruneviz.engine.sources import tokenizer
from pruneviz.engine.sources.gate import LOCAL, Limits, SubjectError
from tests.engine.sources.stories import PIECES, VOCABULARY, tokenizer_bytes

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
TEXTS = st.text(st.sampled_from("abc \né€<0x41>\0😀"), max_size=40)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture
def small(tmp_path) -> tokenizer.Tokenizer:
    return tokenizer.read(written(tmp_path / "tok.bin", tokenizer_bytes()))[0]


def by_the_loop(words: tokenizer.Tokenizer, text: str) -> list[int]:
    """run.c: look at every pair of neighbours, join the best, begin again."""
    known = {}
    for token, piece in enumerate(words.pieces):
        known.setdefault(piece, token)
    tokens = [known[b" "]] if text else []
    for character in text:
        piece = character.encode()
        tokens += [known[piece]] if piece in known else [3 + byte for byte in piece]
    while True:
        best, score = None, -float("inf")
        for at in range(len(tokens) - 1):
            whole = known.get(words.pieces[tokens[at]] + words.pieces[tokens[at + 1]])
            if whole is not None and words.scores[whole] > score:
                best, score = (at, whole), words.scores[whole]
        if best is None:
            return tokens
        tokens[best[0] : best[0] + 2] = [best[1]]


def test_a_text_that_can_be_joined_by_hand(small):
    """«abc»: « a», «ab» (−1) and «bc» (−1) compete; « ab» (−0.5) is no pair yet. «ab» comes before «bc»; then « » + «ab»
    beats «ab» + «c», and « ab» + «c» is nothing: two tokens."""
    assert [small.pieces[token] for token in small.encode("abc")] == [b" ab", b"c"]


def test_unknown_characters_become_bytes_and_the_empty_text_nothing(small):
    space = small.tokens[b" "]
    assert small.encode("€") == [space, *(3 + byte for byte in "€".encode())] and small.encode("") == []
    assert len(small) == VOCABULARY and small.words[-1] == "é"


@given(TEXTS)
@example("a" * 30)
@QUIET
def test_the_heap_joins_what_the_loop_joins(small, text):
    assert small.encode(text) == by_the_loop(small, text)


@given(TEXTS, st.lists(st.sampled_from([-3.0, -2.0, -1.0]), min_size=len(PIECES), max_size=len(PIECES)))
@QUIET
def test_ties_go_to_the_left(tmp_path, text, scores):
    pieces = [(piece, score) for (piece, _), score in zip(PIECES, scores, strict=True)]
    words = tokenizer.read(written(tmp_path / "tied.bin", tokenizer_bytes(pieces)))[0]
    assert words.encode(text) == by_the_loop(words, text)


@given(st.text(max_size=60))
@QUIET
def test_every_text_comes_back(small, text):
    assert small.decode([tokenizer.BEGINNING, *small.encode(text)]) == text


def test_a_piece_that_is_there_twice_is_its_first_token(tmp_path):
    words = tokenizer.read(written(tmp_path / "t.bin", tokenizer_bytes([*PIECES, (b"ab", 7.0)])))[0]
    assert words.pieces[words.tokens[b"ab"]] == b"ab" and words.scores[words.tokens[b"ab"]] == -1.0


def refused(path: Path, limits: Limits = LOCAL) -> str:
    with pytest.raises(SubjectError) as caught:
        tokenizer.read(path, limits)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    """Cut between two tokens it is a smaller vocabulary, which the card then compares with the network."""
    whole, path = tokenizer_bytes(), tmp_path / "tok.bin"
    ends, place = set(), 4
    while place < len(whole):
        place += 8 + struct.unpack_from("<i", whole, place + 4)[0]
        ends.add(place)
    enough = sorted(ends)[258]
    for cut in [*range(0, len(whole), 7), *range(len(whole) - 60, len(whole))]:
        path.write_bytes(whole[:cut])
        if cut in ends and cut >= enough:
            assert len(tokenizer.read(path)[0]) < VOCABULARY
        else:
            assert "tok.bin" in refused(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x07\0\0\0",
        b"\xff" * 64,
        struct.pack("<ifi", 7, 0.0, -1),
        struct.pack("<ifi", 7, 0.0, 2**31 - 1),
        struct.pack("<ifi", -1, 0.0, 0),
        struct.pack("<ifi", 7, float("nan"), 1) + b"a",
        struct.pack("<ifi", 3, 0.0, 5) + b"<unk>",
        b'{"model": {"type": "BPE"}}',
        tokenizer_bytes().replace(b"<0x41>", b"<0x42>"),
    ],
)
def test_malformed_tokenizers_are_refused(tmp_path, data):
    refused(written(tmp_path / "tok.bin", data))


@given(st.integers(0, 10_000), st.integers(1, 255))
@QUIET
def test_a_changed_byte_is_read_or_refused_in_one_way(tmp_path, place, change):
    data = bytearray(tokenizer_bytes())
    data[place % len(data)] ^= change
    path = written(tmp_path / "tok.bin", bytes(data))
    try:
        words = tokenizer.read(path)[0]
    except SubjectError as error:
        assert "\n" not in str(error)
    else:
        assert words.encode("abc é") == by_the_loop(words, "abc é")


def test_limits_hold_and_what_is_no_file_is_refused(tmp_path):
    assert "at most 100" in refused(written(tmp_path / "tok.bin", tokenizer_bytes()), Limits(data_bytes=100))
    assert "no file" in refused(tmp_path / "none.bin")

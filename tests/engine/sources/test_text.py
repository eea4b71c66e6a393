"""A text as windows: so many characters from its start, the beginning token first, padding that nobody predicts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pruneviz.engine.sources import text, tokenizer
from pruneviz.engine.sources.gate import SubjectError
from tests.engine.sources.stories import tokenizer_bytes

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def words(tmp_path) -> tokenizer.Tokenizer:
    (tmp_path / "tok.bin").write_bytes(tokenizer_bytes())
    return tokenizer.read(tmp_path / "tok.bin")[0]


def read(folder, content: str, **table):
    (folder / "text.txt").write_bytes(content.encode())
    return text.read({"file": "text.txt", "tokenizer": "tok.bin", **table}, folder)


def test_two_windows_by_hand(tmp_path, words):
    """«aab|c»: the first window is 1, « a», «ab» («ab» is the best pair of « aab», then « a»); the second is 1, « », «c»."""
    found = read(tmp_path, "aabc", window=3)
    token = words.tokens
    assert found.held_out.stored.tolist() == [[1, token[b" a"]], [1, token[b" "]]]
    assert found.held_out.labels.tolist() == [[token[b" a"], token[b"ab"]], [token[b" "], token[b"c"]]]
    assert found.held_out.inputs(slice(1, 2)).tolist() == [[1, token[b" "]]] and len(found.held_out) == 2
    assert found.classes == words.words and found.training is None


@given(st.text("abc \né€", min_size=20, max_size=200), st.integers(1, 30), st.integers(2, 9), st.integers(2, 12))
@QUIET
def test_windows_hold_the_text_from_its_start(tmp_path, words, content, window, windows, context):
    whole = list(text.sequence(content, words, {"window": window}))
    assert "".join(map(words.decode, whole)) == content
    few = list(text.sequence(content, words, {"window": window, "windows": windows, "context": context}))
    assert few == [one[:context] for one in whole[:windows]]


@given(st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=8), min_size=1, max_size=5))
def test_padding_is_never_predicted_and_comes_last(sequences):
    found = text.padded(sequences)
    for tokens, inputs, labels in zip(sequences, found.stored.tolist(), found.labels.tolist(), strict=True):
        n = len(tokens) - 1
        assert [inputs[0], *labels[:n]] == tokens and inputs[1:n] == labels[: n - 1]
        assert set(labels[n:]) <= {-100} and set(inputs[n:]) <= {0}
    assert found.stored.dtype == found.labels.dtype == torch.int64


def test_line_ends_and_other_alphabets_are_characters_like_all_others(tmp_path, words):
    found = read(tmp_path, "a\r\nb" * 3, window=4)
    assert len(found.held_out) == 3 and 3 + ord("\r") in found.held_out.labels[0]
    assert len(read(tmp_path, "é" * 12, window=4).held_out) == 3


def test_training_text_is_another_text(tmp_path, words):
    (tmp_path / "other.txt").write_text("b" * 50)
    found = read(tmp_path, "a" * 50, window=10, windows=3, training_file="other.txt")
    assert len(found.training) == len(found.held_out) == 3
    assert not torch.equal(found.training.stored, found.held_out.stored)
    assert len(set(found.sha256.split("+"))) == 3
    (tmp_path / "copy.txt").write_text("a" * 50)
    with pytest.raises(SubjectError, match="the held-out text itself"):
        read(tmp_path, "a" * 50, window=10, training_file="copy.txt")


def test_texts_that_are_none_get_one_sentence(tmp_path, words):
    for content, word in (("", "is empty"), ("abc", "gives one window")):
        with pytest.raises(SubjectError, match=word):
            read(tmp_path, content)
    (tmp_path / "text.txt").write_bytes(b"\xff\xfea")
    with pytest.raises(SubjectError, match="UTF-8"):
        text.read({"file": "text.txt", "tokenizer": "tok.bin"}, tmp_path)
    with pytest.raises(SubjectError, match="no file"):
        text.read({"file": "none.txt", "tokenizer": "tok.bin"}, tmp_path)
    with pytest.raises(SubjectError, match="no file"):
        read(tmp_path, "a" * 999, training_file="none.txt")

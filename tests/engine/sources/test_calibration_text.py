"""A text to calibrate on: every token of it is looked at, in windows as long as the model's, and none that judges."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruneviz import language_reference
from pruneviz.engine.sources import calibration_text, card, encoder, text, tokenizer
from pruneviz.engine.sources.gate import SubjectError
from tests.engine.sources.stories import tokenizer_bytes


def test_rows_by_hand():
    """Windows predict three tokens. Behind a first token 9 each holds two new ones and begins with the last one before."""
    assert calibration_text._rows([1, 2, 3, 4, 5, 6, 7], (), 3) == [[1, 2, 3, 4], [4, 5, 6, 7]]
    assert calibration_text._rows([1, 2, 3, 4, 5, 6], (9,), 3) == [[9, 1, 2, 3], [9, 3, 4, 5]]
    assert calibration_text._rows([1, 2], (), 3) == [[1, 2]] and calibration_text._rows([1], (9,), 3) == [[9, 1]]
    assert calibration_text._rows([1], (), 3) == calibration_text._rows([], (9,), 3) == []


@given(st.integers(2, 300), st.integers(1, 40), st.booleans())
def test_no_token_is_left_out_but_a_tail_shorter_than_a_window(count, width, begins):
    first = (999,) if begins else ()
    rows = calibration_text._rows(list(range(count)), first, width)
    seen = {token for row in rows for token in row} - {999}
    assert seen == set(range(len(seen))) and count - len(seen) <= width
    assert len({len(row) for row in rows}) == 1 and len(rows[0]) <= width + 1


def test_all_of_a_text_is_read_and_what_the_sample_learned_from_may_calibrate(tmp_path):
    """Topics that were held out are refused from any letter on, though their windows are cut elsewhere."""
    one, path = card.load("reference_lm"), tmp_path / "mine.txt"
    learned, held = ("\n".join(part) for part in (language_reference.training(), language_reference.held_out()))
    path.write_text(learned, "utf-8")
    found = calibration_text.read(one, path)
    tokens = encoder.read(card.SHIPPED / "reference_lm" / "tokenizer.json").plain([learned])[0]
    assert found.stored.shape[1] == 128 and 0 <= len(tokens) - found.stored.numel() <= 129
    for judged in (held, f"x{held}", learned + held[20_000:21_000] + learned):
        path.write_text(judged, "utf-8")
        with pytest.raises(SubjectError, match=r"mine\.txt holds \d+ of the 96 windows of the held-out text, which is to"):
            calibration_text.read(one, path)


def test_a_story_begins_every_window_as_its_own_do(tmp_path):
    """llama2.c's pieces: a character is a token here, and the first of each window is the one that begins a text."""
    (tmp_path / "tok.bin").write_bytes(tokenizer_bytes())
    (tmp_path / "mine.txt").write_text("cccccccc ccc", "utf-8")
    origin = SimpleNamespace(card={"data": {"file": "held.txt", "tokenizer": "tok.bin"}}, folder=tmp_path)
    one = SimpleNamespace(title="Few", origin=origin, held_out=text.padded([[1, 300, 301, 302, 303]]))
    words = tokenizer.read(tmp_path / "tok.bin")[0]
    found = calibration_text.read(one, tmp_path / "mine.txt")
    tokens = words.encode("cccccccc ccc")
    assert found.stored[:, 0].tolist() == [1] * len(found) and found.stored.shape == (len(found), 4)
    assert found.stored[:, 1:].flatten().tolist() == tokens[: 3 * len(found)]


def test_what_is_no_text_is_one_sentence(tmp_path):
    one = card.load("reference_lm")
    for content, said in ((b"", "is empty"), (b"\xff\xfe\xff", "is not text in UTF-8")):
        (tmp_path / "mine.txt").write_bytes(content)
        with pytest.raises(SubjectError, match=said):
            calibration_text.read(one, tmp_path / "mine.txt")
    with pytest.raises(SubjectError, match="there is no file"):
        calibration_text.read(one, tmp_path / "none.txt")

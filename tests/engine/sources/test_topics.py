"""The language reference as windows of tokens: every token once, in full windows, and another Python's text is said."""

from __future__ import annotations

import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz import language_reference
from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card, topics
from pruneviz.engine.sources.card import SubjectError
from pruneviz.engine.subject import Windows
from pruneviz.recipe import Recipe

SAMPLE = card.SHIPPED / "reference_lm"
TEXT = 'set = "python_reference"\ntokenizer = "tokenizer.json"\ncontext = 128'


class Beginning:
    """A tokenizer of which only the token that begins a text is asked."""

    beginning = (0,)


@pytest.fixture
def folder(tmp_path):
    """The sample's folder, to write another card into; its curves stay behind."""
    for name in ("weights.safetensors", "tokenizer.json", "subject.toml"):
        shutil.copy(SAMPLE / name, tmp_path)

    def written(data: str):
        text = (SAMPLE / "subject.toml").read_text("utf-8").partition("[data]")[0]
        (tmp_path / "subject.toml").write_text(f"{text}[data]\n{data}\n", "utf-8")
        return tmp_path

    return written


def test_windows_by_hand():
    """Topics 1 2 and 3 4 5 are the stream 0 1 2 0 3 4 5; by threes it is 0 1 2 and 0 3 4, which foretell 1 2 0 and 3 4 5."""
    found = topics.windows([[1, 2], [3, 4, 5]], Beginning, 3)
    assert found.stored.tolist() == [[0, 1, 2], [0, 3, 4]] and found.labels.tolist() == [[1, 2, 0], [3, 4, 5]]


@given(st.lists(st.lists(st.integers(1, 9), max_size=9), max_size=6), st.integers(1, 7))
def test_every_window_is_full_and_every_token_foretold_once(texts, context):
    found = topics.windows(texts, Beginning, context)
    stream = [token for text in texts for token in (0, *text)]
    whole = max(0, len(stream) - 1) // context
    assert found.stored.shape == found.labels.shape == (whole, context)
    assert found.stored.flatten().tolist() == stream[: whole * context]
    assert found.labels.flatten().tolist() == stream[1 : whole * context + 1]


@given(st.integers(1, 40), st.integers(1, 40))
def test_some_of_the_windows_lie_as_far_apart_as_they_can(many, most):
    at = torch.arange(many)[:, None]
    chosen = topics.spread(Windows(at, at), most).stored.flatten()
    assert len(chosen) == min(many, most) and chosen[0] == 0
    if len(chosen) > 1:
        gaps = chosen.diff()
        assert int(gaps.min()) >= many // len(chosen) and int(gaps.max()) - int(gaps.min()) <= 1


def test_a_text_of_another_python_is_said_on_every_report(folder):
    """The card's figures are of one text; where the running Python carries another, one sentence says so."""
    here = language_reference.sha256()
    assert card.load(folder(f'{TEXT}\nwindows = 2\nsha256 = "{here}"')).origin.caveats == ()
    subject, recipe = card.load(folder(f'{TEXT}\nwindows = 2\nsha256 = "{"0" * 64}"')), Recipe()
    caveat = subject.origin.caveats
    assert len(caveat) == 1 and language_reference.python() in caveat[0] and "measured here anew" in caveat[0]
    standing = evaluate.stand(subject, recipe)
    assert evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured)).notes == caveat


@pytest.mark.parametrize(
    ("data", "word"),
    [(TEXT.replace("128", "100000"), "say less"), (TEXT.replace("python_reference", "shakespeare"), "unknown text")],
)
def test_a_bad_card_gets_one_sentence(folder, data, word):
    with pytest.raises(SubjectError, match=word):
        card.load(folder(data))


def test_a_python_without_the_text_says_so(folder, monkeypatch):
    monkeypatch.setattr(language_reference, "held_out", lambda: ())
    with pytest.raises(SubjectError, match="without its language reference"):
        card.load(folder(TEXT))

"""Texts with labels, from a file to what a network is called with."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pruneviz.engine.sources import data
from pruneviz.engine.sources.class_names import ClassOrder
from pruneviz.engine.sources.found import KEYWORDS, Wants
from pruneviz.engine.sources.gate import LOCAL, SubjectError
from tests.engine.sources.wordpieces import WORDS, bert

WANTS = Wants(task="text_classification", keywords=KEYWORDS, context=64, vocabulary=len(WORDS))
ROWS = "good film\t1\nbad\t0\na good good film!\t1\n"


@pytest.fixture
def own(tmp_path):
    bert(tmp_path / "words")
    (tmp_path / "dev.tsv").write_text(ROWS, "utf-8")
    return tmp_path


def read(folder, wants=WANTS, limits=LOCAL, **table):
    return data.read({"file": "dev.tsv", "tokenizer": "words", **table}, folder, limits, wants)


def tokens(*words: str) -> list[int]:
    return [WORDS.index(word) for word in words]


def test_three_texts_by_hand(own):
    found = read(own)
    held = found.held_out
    assert held.labels.tolist() == [1, 0, 1] and held.lengths.tolist() == [4, 3, 7] and len(held) == 3
    assert held.texts == (("good film",), ("bad",), ("a good good film!",))
    few = held.inputs(slice(0, 2))
    assert few["input_ids"].tolist() == [tokens("[CLS]", "good", "film", "[SEP]"), tokens("[CLS]", "bad", "[SEP]", "[PAD]")]
    assert few["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert few["token_type_ids"].tolist() == [[0] * 4] * 2
    assert held.inputs(torch.tensor([2, 1]))["input_ids"].shape == (2, 7)
    assert len(found.sha256) == 129 and "3 rows" in found.notes[0]


def test_a_network_gets_the_keywords_it_takes(own):
    assert set(read(own, replace(WANTS, keywords=KEYWORDS[:2])).held_out.inputs()) == set(KEYWORDS[:2])
    assert torch.equal(read(own, replace(WANTS, keywords=())).held_out.inputs(), read(own).held_out.stored)
    filled = read(own, replace(WANTS, padding=9)).held_out.inputs()
    assert filled["input_ids"][1].tolist()[3:] == [9] * 4


def test_what_a_network_wants_is_read_off_it():
    from torch import nn

    class Bert(nn.Module):
        class config:
            max_position_embeddings, vocab_size, pad_token_id, model_type = 514, 50, 1, "xlm-roberta"

        def forward(self, input_ids, attention_mask=None, labels=None):
            return input_ids

    found = data.wants(Bert(), "text_classification", ("no", "yes"))
    assert (found.keywords, found.context, found.vocabulary, found.padding) == (("input_ids", "attention_mask"), 512, 50, 1)
    assert found.channels is None and found.classes == ("no", "yes")
    plain = data.wants(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 1, 3)), "image_classification")
    assert plain.channels == 3 and plain.keywords == () and plain.context is None


def test_pairs(own):
    (own / "dev.tsv").write_text("premise,hypothesis,label\ngood film,bad,no\nbad,bad,yes\n")
    found = read(own, replace(WANTS, classes=("yes", "no")))
    assert found.held_out.labels.tolist() == [1, 0]
    wanted = tokens("[CLS]", "good", "film", "[SEP]", "bad", "[SEP]")
    assert found.held_out.stored[0].tolist() == wanted and found.held_out.types[0].tolist() == [0, 0, 0, 0, 1, 1]


def test_label_names_need_an_order(own):
    (own / "dev.tsv").write_text("good film\tpositive\nbad\tnegative\n")
    with pytest.raises(ClassOrder) as caught:
        read(own)
    assert caught.value.choices == ("negative", "positive")
    assert read(own, replace(WANTS, classes=("Negative", "Positive"))).held_out.labels.tolist() == [1, 0]
    found = read(own, folders=["positive", "negative"])
    assert found.held_out.labels.tolist() == [0, 1] and found.classes == ("positive", "negative")


def test_labels_that_count_from_one(own):
    (own / "dev.tsv").write_text("good\t1\nbad\t2\n")
    assert read(own).held_out.labels.tolist() == [1, 2]
    assert read(own, first_label=1).held_out.labels.tolist() == [0, 1]


def test_training_texts(own):
    (own / "train.tsv").write_text("good\t1\nbad\t0\nfilm\t0\n")
    found = read(own, training_file="train.tsv")
    assert len(found.training) == 3 and "1 of the 3 held-out texts are in the training data" in found.notes[-1]
    with pytest.raises(SubjectError, match="held-out file itself"):
        read(own, training_file="dev.tsv")


def test_long_texts_are_cut_and_said(own):
    found = read(own, context=5)
    assert found.held_out.stored.shape == (3, 5) and "1 of 3 texts have 5 tokens or more" in found.notes[-1]
    with pytest.raises(SubjectError, match="the network takes 64 tokens"):
        read(own, context=65)
    assert read(own, replace(WANTS, context=4)).held_out.stored.shape == (3, 4)
    (own / "dev.tsv").write_text("good " * 300 + "\t1\nbad\t0\n")
    assert read(own, replace(WANTS, context=512)).held_out.stored.shape == (2, 128)


def test_a_cap_draws_within_each_class(own):
    (own / "dev.tsv").write_text("".join(f"good {'film ' * (at % 5)}\t{int(at % 4 == 0)}\n" for at in range(40)))
    found = read(own, limits=replace(LOCAL, samples=8))
    assert found.held_out.labels.sum() == 2 and len(found.held_out) == 8
    assert "8 of 40 texts were taken" in found.notes[1]


@pytest.mark.parametrize(
    ("change", "wants", "word"),
    [
        ({"tokenizer": "none"}, WANTS, "no tokenizer"),
        ({"file": "none.tsv"}, WANTS, "no file"),
        ({}, replace(WANTS, vocabulary=5), "has 12 tokens, but the network knows 5"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(own, change, wants, word):
    with pytest.raises(SubjectError, match=word):
        read(own, wants, **change)


def test_no_tokenizer_is_named(own):
    with pytest.raises(SubjectError, match="lacks 'tokenizer'"):
        data.read({"file": "dev.tsv"}, own, LOCAL, WANTS)


def test_perplexity_with_a_tokenizer_of_hugging_faces(own):
    """Windows of 10 characters, [CLS] before each as this tokenizer has it, no [SEP]; pieces named up to the vocabulary."""
    (own / "text.txt").write_text("good film bad film!")
    wants = Wants(task="language_modelling", vocabulary=14)
    found = data.read({"file": "text.txt", "tokenizer": "words", "window": 10}, own, LOCAL, wants)
    assert found.held_out.stored.tolist() == [tokens("[CLS]", "good", "[PAD]"), tokens("[CLS]", "bad", "film")]
    assert found.held_out.labels.tolist() == [[*tokens("good", "film"), -100], tokens("bad", "film", "!")]
    assert found.classes == (*WORDS, "<unused 12>", "<unused 13>")
    short = data.read({"file": "text.txt", "tokenizer": "words", "window": 10}, own, LOCAL, replace(wants, context=3))
    assert short.held_out.stored.shape == (2, 2)

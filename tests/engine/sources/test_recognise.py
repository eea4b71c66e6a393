"""Recognising: real files of weights find their architecture, near misses say what does not fit."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from pruneviz.engine.sources import architecture, card, recognise
from pruneviz.engine.sources.card import SubjectError

REAL = {
    "cifar10_resnet20/resnet20.safetensors": ("cifar_resnet", {"depth": 20, "classes": 10}, 10),
    "cifar10_resnet8_mlperf/resnet8.safetensors": ("cifar_resnet8", {"classes": 10}, 10),
    "mnist_lenet5/lenet5.safetensors": ("lenet5", {"classes": 10}, 10),
    "imagenet_mobilenet_v2/mobilenet_v2.safetensors": ("torchvision:mobilenet_v2", {}, 1000),
    "imagenet_squeezenet_deepcomp/squeezenet1_0.safetensors": ("torchvision:squeezenet1_0", {}, 1000),
}
LLAMA = {"vocabulary": 512, "width": 64, "hidden": 172, "layers": 5, "heads": 8, "key_value_heads": 4, "tied": True}


@pytest.mark.parametrize("name", REAL)
def test_real_files_find_their_architecture(real_data, name):
    build, arguments, classes = REAL[name]
    first = recognise.file(real_data / name)[1][0]
    assert (first.build, first.arguments, first.classes, first.match.ok) == (build, arguments, classes, True)
    assert first.task == "image_classification" and all(row.verdict == "fits" for row in first.match.rows)


@pytest.mark.parametrize("name", ["stories260K.safetensors", "stories260K.bin"])
def test_a_llama_is_found_with_the_heads_that_its_file_notes(real_data, name):
    first = recognise.file(real_data / "stories260k" / name)[1][0]
    assert (first.build, first.arguments, first.match.ok, first.task) == ("llama", LLAMA, True, "language_modelling")


@pytest.mark.parametrize("name", ["digits_cnn", "digits_mlp", "digits_resnet", "digits_vit"])
def test_what_the_app_ships_is_found(name):
    first = recognise.file(architecture.SHIPPED / name / "weights.safetensors")[1][0]
    assert first.build == name and first.match.ok and first.classes == 10


@pytest.mark.parametrize(
    ("build", "arguments"),
    [
        ("cifar_resnet", {"depth": 56, "classes": 100}),
        ("digits_resnet", {"width": 12, "classes": 3}),
        ("digits_vit", {"width": 32, "layers": 2, "classes": 5}),
        ("digits_mlp", {"pixels": 100, "classes": 7}),
        ("lenet300", {"classes": 7}),
        ("torchvision:resnet50", {"num_classes": 7}),
        ("torchvision:squeezenet1_1", {"num_classes": 3}),
        ("torchvision:vit_b_32", {"image_size": 64, "num_classes": 2}),
        ("torchvision:googlenet", {"num_classes": 5, "aux_logits": False}),
        ("torchvision:densenet121", {}),
    ],
)
def test_sizes_and_the_number_of_classes_are_read_off_the_shapes(build, arguments):
    tensors = architecture.outline(build, arguments).state_dict()
    first = recognise.recognise({f"model.{name}": one for name, one in tensors.items()})[0]
    assert first.build == build and first.match.ok
    assert {key: one for key, one in first.arguments.items() if key in arguments} == arguments
    assert first.classes == arguments.get("num_classes", arguments.get("classes", 1000))


def test_an_old_file_without_counters_is_the_same_network():
    tensors = architecture.outline("torchvision:resnet18").state_dict()
    old = {name: one for name, one in tensors.items() if not name.endswith("num_batches_tracked")}
    first = recognise.recognise(old)[0]
    assert first.build == "torchvision:resnet18" and first.match.ok and len(first.match.rows) == len(old)


def test_a_near_miss_is_proposed_with_what_does_not_fit():
    tensors = dict(architecture.outline("torchvision:resnet18").state_dict())
    tensors["layer1.0.conv1.weight"] = torch.zeros(60, 64, 3, 3, device="meta")
    tensors["extra.bias"] = torch.zeros(3, device="meta")
    del tensors["bn1.weight"]
    first = recognise.recognise(tensors)[0]
    wrong = {row.name: row.verdict for row in first.match.rows if row.verdict != "fits"}
    assert first.build == "torchvision:resnet18" and not first.match.ok
    assert wrong == {"layer1.0.conv1.weight": "another shape", "extra.bias": "too many", "bn1.weight": "missing"}
    assert recognise.recognise({"something.weight": torch.zeros(3, 3)}) == []


def test_a_named_architecture_is_compared_whatever_it_is():
    tensors = architecture.outline("torchvision:resnet18", {"num_classes": 4}).state_dict()
    (same,) = recognise.recognise(tensors, build="torchvision:resnet18")
    assert same.match.ok and same.arguments == {"num_classes": 4}
    (other,) = recognise.recognise(tensors, build="lenet5")
    assert not other.match.ok and other.match.fits == 0
    (timm,) = recognise.recognise(tensors, build="timm:resnet18")
    assert timm.match.ok and timm.arguments == {"num_classes": 4} and timm.classes == 4
    with pytest.raises(SubjectError, match="unknown architecture 'timm:resnet19'"):
        recognise.recognise(tensors, build="timm:resnet19")


BERT = {"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 12}
BERT |= {"vocab_size": 50, "architectures": ["BertForSequenceClassification"]}


def test_a_configuration_decides_what_transformers_builds():
    arguments = {"config": BERT, "task": "text_classification"}
    tensors = dict(architecture.outline("transformers", arguments).state_dict())
    tensors["classifier.weight"], tensors["classifier.bias"] = (
        torch.zeros(*size, device="meta") for size in ((5, 16), (5,))
    )
    first = recognise.recognise(tensors, config=BERT)[0]
    assert (first.build, first.task, first.classes, first.match.ok) == ("transformers", "text_classification", 5, True)
    assert first.arguments["config"]["num_labels"] == 5 and first.title == "bert (transformers)"
    bare = {name.removeprefix("bert."): one for name, one in tensors.items() if not name.startswith("classifier")}
    first = recognise.recognise(bare, config=BERT)[0]
    missing = {row.name for row in first.match.rows if row.verdict != "fits"}
    assert missing == {"classifier.weight", "classifier.bias"}, "an encoder lacks its head, and nothing else"


def test_timms_own_configuration_names_its_network():
    tensors = architecture.outline("timm:resnet18", {"num_classes": 6}).state_dict()
    first = recognise.recognise(tensors, config={"architecture": "resnet18", "num_classes": 6})[0]
    assert first.build == "timm:resnet18" and first.match.ok and first.classes == 6


def test_a_candidate_is_a_card(tmp_path):
    """A file of weights, recognised, becomes a subject without a word said about its sizes."""
    weights = load_file(architecture.SHIPPED / "digits_resnet" / "weights.safetensors")
    save_file({f"module.{name}": one for name, one in weights.items()}, tmp_path / "w.safetensors")
    found, candidates = recognise.file(tmp_path / "w.safetensors")
    table = {"weights": "w.safetensors", "architecture": recognise.architecture_table(candidates[0])}
    card.write({**table, "task": candidates[0].task, "data": {"set": "digits", "mean": [0.305], "std": [0.376]}}, tmp_path)
    subject = card.load(tmp_path)
    assert subject.sha256 == found.sha256 and subject.origin.notes[0] == "The prefix module. was left out of every name."
    assert subject.origin.card["architecture"]["arguments"] == {"width": 20, "classes": 10}
    assert all(map(torch.equal, subject.tensors(), card.load("digits_resnet").tensors()))


def test_the_command_line_says_what_a_file_is(real_data, capsys):
    from pruneviz.__main__ import main

    assert main(["inspect", str(real_data / "cifar10_resnet20" / "resnet20.safetensors")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["parameters"] == 269_722 + 1_376 and said["candidates"][0]["exact"]
    assert main(["inspect", str(real_data / "cifar10_resnet20" / "resnet20.safetensors"), "--as", "cifar_resnet8"]) == 0
    (other,) = json.loads(capsys.readouterr().out)["candidates"]
    assert not other["exact"] and {"name", "file", "network", "verdict"} == set(other["mismatches"][0])
    assert main(["inspect", str(real_data / "SOURCE.md")]) == 2
    assert capsys.readouterr().err.startswith("pruneviz: no file")

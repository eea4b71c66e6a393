"""The shipped samples: what they are, how well they read digits they never saw, and that making them is repeatable."""

from __future__ import annotations

import ast
import hashlib
import importlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open

from pruneviz.engine.prunable import find
from pruneviz.engine.sources import architecture, digits
from pruneviz.engine.sources.card import load, samples
from pruneviz.engine.sources.data import digit_samples
from pruneviz.engine.training.initial import initialise
from pruneviz.engine.training.sample import Schooling, correct, make, preparation, school

FIGURES = {
    "digits_cnn": (56_224, 0.98),
    "digits_mlp": (50_200, 0.97),
    "digits_resnet": (66_180, 0.98),
    "digits_vit": (131_968, 0.97),
}


def test_the_digits_are_split_once_and_for_all():
    """Another order, another library's digits or another split would make every shipped accuracy a lie."""
    parts = digits.split()
    assert digits.sha256() == "d61f1b324693ad0e0e35c0e822648235b4e369314f8a1613311485dd6001bcac"
    assert parts["x_train"].shape == (1297, 8, 8) and parts["x_test"].shape == (500, 8, 8)
    assert np.bincount(parts["y_test"]).tolist() == [50] * 10
    assert parts["x_test"].max() == 16 and parts["x_test"].dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        parts["x_test"][0] = 1


def test_the_file_of_digits_is_what_scikit_learn_hands_out():
    assert np.array_equal(digits.table(), digits.asked())


@pytest.mark.parametrize("name", FIGURES)
def test_samples_read_digits_that_they_never_saw(name):
    subject = load(name)
    weights, accuracy = FIGURES[name]
    assert subject.weights == weights and len(subject.held_out) == 500 and len(subject.training) == 1297
    right = correct(subject.network, subject.held_out)
    assert right >= accuracy * 500
    with safe_open(architecture.SHIPPED / name / "weights.safetensors", "pt") as file:
        story = json.loads(file.metadata()["pruneviz"])
    assert story["held-out correct"] == f"{right} of 500" and digits.sha256() in story["data"]
    made = importlib.import_module(f"sample_models.{name}.make")
    assert Schooling(**story["how"]) == made.HOW, "these weights were made with other settings: run make.py again"


@pytest.mark.parametrize("name", FIGURES)
def test_samples_have_words_and_prepare_digits_as_they_were_trained(name):
    subject = load(name)
    assert subject.title and subject.words.endswith(".") and subject.licence and subject.classes == tuple("0123456789")
    assert subject.held_out.preparation == preparation()
    assert torch.equal(subject.held_out.inputs(), digit_samples("test", preparation()).inputs())


def test_every_folder_has_a_card_in_words():
    for name in architecture.offered():
        text = (architecture.SHIPPED / name / "card.md").read_text("utf-8")
        assert text.startswith(f"# {name}\n") and "licence" in text.lower()
    assert set(samples()) == {*FIGURES, "reference_lm"}
    assert (architecture.SHIPPED / "reference_lm" / "card.md").read_text("utf-8").startswith("# reference_lm\n")


@pytest.mark.parametrize("name", architecture.offered())
def test_architectures_import_torch_only(name):
    tree = ast.parse((architecture.SHIPPED / name / "model.py").read_text("utf-8"))
    imports = [node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)]
    imports += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {one.partition(".")[0] for one in imports} <= {"torch", "collections", "__future__"}


@pytest.mark.parametrize(
    ("depth", "parameters"), [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)]
)
def test_cifar_resnets_have_the_published_sizes(depth, parameters):
    """0.27 M, 0.46 M, 0.66 M, 0.85 M and 1.7 M in He et al. 2016, Table 6."""
    network = architecture.build("cifar_resnet", {"depth": depth})
    assert sum(one.numel() for one in network.parameters()) == parameters
    assert len(find(network)[0]) == depth
    assert {key.partition(".")[0] for key in network.state_dict()} == {
        "conv1",
        "bn1",
        "layer1",
        "layer2",
        "layer3",
        "linear",
    }


def test_the_transformer_has_four_layers_of_four_heads():
    network = architecture.build("digits_vit")
    assert len(network.layers) == 4 and {layer.attention.heads for layer in network.layers} == {4}
    assert [layer.shape for layer in find(network)[0][1:5]] == [(192, 64), (64, 64), (128, 64), (64, 128)]


def test_attention_is_what_torch_says_it_is():
    """Against torch's own attention, in double precision."""
    attention = architecture.build("digits_vit").layers[0].attention.double()
    initialise(attention, torch.Generator().manual_seed(1))
    own = torch.nn.MultiheadAttention(64, 4, batch_first=True).double().eval()
    own.load_state_dict(
        {
            "in_proj_weight": attention.qkv.weight,
            "in_proj_bias": attention.qkv.bias,
            "out_proj.weight": attention.proj.weight,
            "out_proj.bias": attention.proj.bias,
        }
    )
    tokens = torch.randn(3, 17, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert torch.allclose(attention(tokens), own(tokens, tokens, tokens)[0], atol=1e-12)


@pytest.mark.parametrize("name", FIGURES)
def test_making_a_sample_twice_gives_the_same_bytes(tmp_path, name):
    how = replace(importlib.import_module(f"sample_models.{name}.make").HOW, epochs=1)
    before = torch.random.get_rng_state()
    hashes = set()
    for attempt in range(2):
        folder = tmp_path / str(attempt) / name
        folder.mkdir(parents=True)
        hashes.add(hashlib.sha256(make(folder, how).read_bytes()).hexdigest())
    assert len(hashes) == 1
    assert torch.equal(torch.random.get_rng_state(), before)


def test_training_learns_and_says_so():
    network, moments = school("digits_mlp", Schooling(epochs=4, batch=64, rate=3e-3, decay=0.1, shift=1))
    told = list(moments)
    assert [moment.step for moment in told] == [20, 40, 60, 80] and told[0].seen == 20 * 64
    assert told[-1].loss < told[0].loss and told[-1].accuracy > told[0].accuracy
    assert not network.training and correct(network, digit_samples("test", preparation())) > 400

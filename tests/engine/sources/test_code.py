"""One's own function: named on one's own command line, never by a card or a link."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from pruneviz.engine.sources import architecture, asked, card, code
from pruneviz.engine.sources.card import SubjectError
from pruneviz.engine.subject import Preparation, Subject

MODULE = """
import torch
from torch import nn
from pruneviz.engine.sources import code

def network():
    made = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        for number, one in enumerate(made.parameters()):
            one.copy_(torch.arange(1.0, one.numel() + 1).view(one.shape) / (number + 1))
    return made

X, Y = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), [0, 1, 1]

def three():
    return network(), X, Y

def whole():
    return code.subject(network(), X, Y, title="Mine", classes=["no", "yes"], metric="macro_f1", training=(X, Y))

def nothing():
    return 3

def mismatch():
    return network(), X, [0, 1, 5]
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_models.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_three_things_make_a_subject(own):
    subject = code.load("own_models:three")
    assert isinstance(subject, Subject) and subject.name == "own_models:three" and subject.title == "Sequential"
    assert [layer.name for layer in subject.layers] == ["0.weight", "2.weight"] and subject.classes == ("0", "1")
    assert subject.held_out.inputs().tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]] and subject.calibration == "held-out"
    assert not subject.network.training and len(subject.sha256) == len(subject.data_sha256) == 64
    assert code.load("own_models:three").sha256 == subject.sha256


def test_more_can_be_said(own):
    subject = asked.subject(asked.Asked("own_models:whole"))
    assert (subject.title, subject.classes, subject.metric, subject.calibration) == (
        "Mine", ("no", "yes"), "macro_f1", "training",
    )  # fmt: skip
    assert len(subject.training) == 3


@pytest.mark.parametrize(
    ("reference", "word"),
    [
        ("own_models:nobody", "there is no own_models:nobody"),
        ("no_such_module_here:x", "there is no no_such_module_here:x"),
        ("own_models:nothing", "gives a int; return"),
        ("own_models:mismatch", "do not fit"),
        ("own_models", "is not module:function"),
        ("own models:three", "is not module:function"),
        ("own_models:three()", "is not module:function"),
    ],
)
def test_what_is_no_subject_is_one_sentence(own, reference, word):
    with pytest.raises(SubjectError, match=word.replace("(", "\\(").replace(")", "\\)")):
        code.load(reference)


def test_one_label_belongs_to_each_input():
    network = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(SubjectError, match="give one label each"):
        code.subject(network, torch.zeros(3, 2), [0, 1])
    with pytest.raises(SubjectError, match="no matrix and no kernel"):
        code.subject(nn.ReLU(), torch.zeros(3, 2), [0, 1, 0])
    prepared = code.subject(network, torch.tensor([[10, 20]]), [1], preparation=Preparation(scale=10.0))
    assert prepared.held_out.inputs().tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("build", ["own_models:three", "os:system", "code:own_models:three"])
def test_a_card_names_no_code(own, build):
    with pytest.raises(SubjectError, match="unknown architecture"):
        architecture.build(build)
    with pytest.raises(SubjectError, match="unknown subject"):
        card.load("own_models:three")


def test_the_command_line_measures_ones_own_function(own, capsys):
    from pruneviz.__main__ import main

    assert main(["evaluate", "--subject", "own_models:three", "--amount", "0"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["n"] == 3 and said["weights"] == 12


def test_the_command_line_makes_a_card_on_the_fly(real_data, capsys):
    """resnet20 as it is published: 91.5 % of the 1,000, as its source says."""
    from pruneviz.__main__ import main

    weights, data = (
        real_data / "cifar10_resnet20" / "resnet20.safetensors",
        real_data / "cifar10" / "cifar10_lossless_5k.npz",
    )
    how = ["--say", "data.mean=[0.485, 0.456, 0.406]", "--say", "data.std=[0.229, 0.224, 0.225]", "--amount", "0"]
    for subject in (["cifar_resnet", "--weights", str(weights)], [str(weights)]):
        assert main(["evaluate", "--subject", *subject, "--data", str(data), *how]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["correct"], said["n"], said["weights"]) == (915, 1000, 268_336)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--subject", "torchvision:resnet18"], "needs held-out data: add --data FILE"),
        (["--subject", "lenet5", "--data", "digits"], "nobody publishes weights for lenet5"),
        (["--subject", "nobody", "--data", "digits"], "is no architecture, no model's folder"),
        (["--subject", "lenet5", "--say", "nonsense"], "is no line of a card"),
        (["--subject", "lenet5", "--weights", "gone.pth", "--data", "digits"], "no file"),
    ],
)
def test_what_the_command_line_lacks_is_said(own, capsys, arguments, word):
    from pruneviz.__main__ import main

    assert main(["evaluate", *arguments]) == 2
    said = capsys.readouterr().err
    assert word in said and said.startswith("pruneviz: ") and said.count("\n") == 1


def test_a_weights_file_of_another_network_is_named_with_the_nearest(own, capsys):
    from pruneviz.__main__ import main

    weights = str(architecture.SHIPPED / "digits_cnn" / "weights.safetensors")
    assert main(["evaluate", "--subject", "lenet5", "--weights", weights, "--data", "digits"]) == 2
    assert "weights.safetensors does not fit lenet5: 2 of 26 tensors fit; 6 missing" in capsys.readouterr().err


def test_lines_of_a_card_are_said_over_what_was_recognised(own, tmp_path):
    weights = str(architecture.SHIPPED / "digits_mlp" / "weights.safetensors")
    said = ("name=My digits", "data.mean=0.305", "data.std=[0.376]", 'licence="mine"')
    made = asked.table(asked.Asked("digits_mlp", weights, "digits", said))
    assert made["name"] == "My digits" and made["licence"] == "mine"
    assert made["data"] == {"set": "digits", "mean": 0.305, "std": [0.376]}
    subject = asked.subject(asked.Asked("digits_mlp", weights, "digits", said))
    assert all(map(torch.equal, subject.tensors(), card.load("digits_mlp").tensors()))

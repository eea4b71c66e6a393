"""ONNX: what was converted computes the same, for batches of any size; what cannot be converted says why."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from pruneviz.engine.export import onnx
from tests.engine.networks import Residual, images, randomised


class Unsorted(nn.Module):
    """Something that ONNX has no operator for."""

    def forward(self, x):
        return torch.linalg.eigvals(x.flatten(1)[:, :4].view(-1, 2, 2)).real


class Two(nn.Module):
    """Inputs by name."""

    def __init__(self):
        super().__init__()
        self.word, self.fc = nn.Embedding(7, 4), nn.Linear(4, 3)

    def forward(self, tokens, weight):
        return {"logits": self.fc((self.word(tokens) * weight[..., None]).mean(1))}


def test_a_converted_network_computes_the_same_for_any_batch(tmp_path):
    import onnxruntime

    network, inputs = randomised(Residual()), images()[0]
    made = onnx.convert(network, inputs[:4], tmp_path / "net.onnx")
    assert made.ok and made.difference <= 1e-4 and list(tmp_path.iterdir()) == [tmp_path / "net.onnx"]
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        wanted = network(inputs)
    assert len(inputs) == 24 and torch.allclose(
        torch.tensor(session.run(None, {"input": inputs.numpy()})[0]), wanted, rtol=1e-4
    )


def test_the_file_says_nothing_of_where_it_was_made(tmp_path):
    onnx.convert(randomised(Residual()), images()[0][:2], tmp_path / "net.onnx")
    data = (tmp_path / "net.onnx").read_bytes()
    assert b"site-packages" not in data and b".py" not in data


def test_inputs_may_have_names(tmp_path):
    inputs = {"tokens": torch.tensor([[1, 2, 3], [4, 5, 6]]), "weight": torch.rand(2, 3)}
    made = onnx.convert(randomised(Two()), inputs, tmp_path / "net.onnx")
    assert made.ok and made.difference <= 1e-4


def test_what_cannot_be_converted_says_why_and_leaves_no_file(tmp_path):
    made = onnx.convert(Unsorted(), images()[0][:2], tmp_path / "net.onnx")
    assert not made.ok and "linalg_eig" in made.problem and "\n" not in made.problem and not list(tmp_path.iterdir())


def test_a_file_that_computes_something_else_is_not_kept(tmp_path, monkeypatch):
    export, other = onnx._export, randomised(Residual(), 1)
    monkeypatch.setattr(onnx, "_export", lambda _network, inputs, path: export(other, inputs, path))
    made = onnx.convert(randomised(Residual()), images()[0][:2], tmp_path / "net.onnx")
    assert not made.ok and made.difference > 1e-4 and "differ from torch's" in made.problem and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_is_named(tmp_path, monkeypatch, name):
    """A module that is None in sys.modules cannot be found."""
    monkeypatch.setitem(sys.modules, name, None)
    made = onnx.convert(Unsorted(), images()[0][:2], tmp_path / "net.onnx")
    assert made.problem == f"no ONNX file: the package {name} is not installed"

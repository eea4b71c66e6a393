"""Real weights that nobody here made, on real data: published accuracies, and zeros that were there already."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import prune

from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe

RESNET20 = """
name = "CIFAR ResNet-20"
task = "image_classification"
weights = "{data}/cifar10_resnet20/resnet20.safetensors"
[architecture]
build = "cifar_resnet"
arguments = {{ depth = 20 }}
[data]
file = "{data}/cifar10/cifar10_lossless_5k.npz"
split = "test"
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
"""
SQUEEZENET = """
name = "SqueezeNet, Deep Compression"
task = "image_classification"
weights = "{data}/imagenet_squeezenet_deepcomp/squeezenet1_0.safetensors"
[architecture]
build = "torchvision:squeezenet1_0"
[data]
file = "few.npz"
split = "test"
scale = 1.0
mean = [123.0, 117.0, 104.0]
std = [1.0, 1.0, 1.0]
resize = 227
"""


def loaded(text: str, data: Path, folder: Path) -> Subject:
    (folder / "subject.toml").write_text(text.format(data=data), "utf-8")
    return card.load(folder / "subject.toml")


def test_resnet20_is_right_on_915_of_1000_and_its_curve_falls(real_data, tmp_path):
    subject = loaded(RESNET20, real_data, tmp_path)
    recipe = Recipe(subject=subject.name)
    standing = evaluate.stand(subject, recipe)
    curve = evaluate.curve(subject, recipe, standing, Workspace(subject, standing.split.measured), [0.0, 0.5, 0.9])
    assert [point.n for point in curve.points] == [1000] * 3
    assert curve.points[0].correct == 915
    assert [point.correct for point in curve.points[1:]] == [by_torch(subject, 0.5), by_torch(subject, 0.9)]


def by_torch(subject: Subject, amount: float) -> int:
    """The same by PyTorch's own pruning on a copy, and a plain forward pass."""
    network = copy.deepcopy(subject.network)
    chosen = [layer.name.rsplit(".", 1) for layer in subject.layers]
    modules = [(network.get_submodule(module), name) for module, name in chosen]
    prune.global_unstructured(modules, prune.L1Unstructured, amount=amount)
    with torch.no_grad():
        found = torch.cat([network(inputs).argmax(1) for inputs in subject.held_out.inputs().split(250)])
    return int((found == subject.held_out.labels).sum())


def test_a_network_pruned_before_says_so(real_data, tmp_path):
    """Two thirds of SqueezeNet's weights are zero: removing 60 % changes nothing, and the Report says it."""
    images = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 3), dtype=np.uint8)
    np.savez(tmp_path / "few.npz", x_test=images, y_test=np.arange(4))
    subject = loaded(SQUEEZENET, real_data, tmp_path)
    recipe = Recipe(subject=subject.name, amount=0.6)
    standing = evaluate.stand(subject, recipe)
    report = evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured))
    stored = np.concatenate([tensor.reshape(-1).numpy() for tensor in subject.tensors()])
    assert report.zeros == (stored == 0).mean() > 0.66
    assert report.threshold == 0.0 and report.energy_removed == 0
    assert report.score.newly_wrong == report.score.newly_right == 0
    assert any("zero already" in note for note in report.notes)

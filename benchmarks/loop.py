"""The live loop: from an amount to an accuracy, and the whole curve, against copy + torch.nn.utils.prune + forward."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from pruneviz.engine import evaluate, prunable
from pruneviz.engine.measure import Workspace
from pruneviz.engine.ranking import Ranking, rank
from pruneviz.engine.sources import card
from pruneviz.engine.subject import Preparation, Samples, Subject
from pruneviz.recipe import Recipe


def rows() -> list[dict]:
    """One row per claim: ours and the peer's medians in milliseconds, and the ratio peer / ours."""
    return [_resnet18(), _curve()]


def peers_move(network: nn.Module, names: list[tuple[str, str]], amount: float, inputs: Tensor) -> Tensor:
    """One slider move as it is done today: copy, prune globally, forward; returns the predictions."""
    copied = copy.deepcopy(network)
    if amount > 0:
        prune.global_unstructured(
            [(copied.get_submodule(module), name) for module, name in names], prune.L1Unstructured, amount=amount
        )
    with torch.no_grad():
        return copied(inputs).argmax(1)


def _resnet18() -> dict:
    from torchvision.models import resnet18

    generator = torch.Generator().manual_seed(0)
    network = resnet18(weights=None).eval().requires_grad_(False)
    for tensor in (*network.parameters(), *network.buffers()):
        # Random but not degenerate: every BatchNorm statistic and weight differs, or folding would prove nothing.
        if tensor.is_floating_point():
            tensor.copy_(tensor + 0.05 * tensor.abs().mean().clamp(min=0.1) * torch.randn(tensor.shape, generator=generator))
    subject = _subject(network, torch.randn(16, 3, 224, 224, generator=generator))
    ranking = rank(subject.layers, subject.tensors())
    workspace = Workspace(subject, torch.arange(16))
    names = [tuple(layer.name.rsplit(".", 1)) for layer in subject.layers]
    inputs = subject.held_out.inputs()
    amounts = [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
    same = all(_agrees(workspace, ranking, subject, names, amount, inputs) for amount in amounts[:3])
    ours, theirs = _interleaved(
        lambda at: workspace.amount(ranking, amounts[at % 7], {}),
        lambda at: peers_move(network, names, amounts[at % 7], inputs),
        repeats=7,
    )
    return _row("amount → accuracy, ResNet-18, 16 × 224²", ours, theirs, f"same predictions: {same}; target ≥ 7")


def _agrees(workspace, ranking: Ranking, subject: Subject, names, amount: float, inputs: Tensor) -> bool:
    predictions = peers_move(subject.network, names, amount, inputs)
    correct = (predictions == subject.held_out.labels).numpy()
    return bool(np.array_equal(workspace.amount(ranking, amount, {}).correct, correct))


def _curve() -> dict:
    subject = card.load("digits_cnn")
    recipe = Recipe()
    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured)
    names = [tuple(layer.name.rsplit(".", 1)) for layer in subject.layers]
    inputs, labels = subject.held_out.inputs(), subject.held_out.labels
    nodes = [percent / 100 for percent in range(101)]
    found: dict[str, list[int]] = {}

    def ours(_at: int) -> None:
        fresh = evaluate.stand(subject, recipe)  # nothing remembered from the run before
        points = evaluate.curve(subject, recipe, fresh, workspace, nodes).points
        found["ours"] = [point.correct for point in points]

    def theirs(_at: int) -> None:
        found["theirs"] = [int((peers_move(subject.network, names, amount, inputs) == labels).sum()) for amount in nodes]

    mine, peer = _interleaved(ours, theirs, repeats=5)
    same = sum(one == other for one, other in zip(found["ours"], found["theirs"], strict=True))
    return _row("101-point curve, digits_cnn, 500 images", mine, peer, f"equal at {same} of 101 points; target ≥ 3.5")


def _subject(network: nn.Module, inputs: Tensor) -> Subject:
    layers, skipped = prunable.find(network)
    with torch.no_grad():
        labels = network(inputs).argmax(1)
    samples = Samples(inputs, labels, Preparation(scale=1.0))
    classes = tuple(map(str, range(1000)))
    return Subject(
        name="bench", title="bench", words="", licence="", task="image_classification", network=network, layers=layers,
        skipped=skipped, held_out=samples, training=None, classes=classes, calibration="training", sha256="",
        data_sha256="",
    )  # fmt: skip


def _interleaved(ours: Callable[[int], object], theirs: Callable[[int], object], *, repeats: int) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for at in range(-1, repeats):
        for run, kept in zip((ours, theirs), times, strict=True):
            started = time.perf_counter()
            run(at)
            if at >= 0:  # the first round warms both
                kept.append(time.perf_counter() - started)
    return median(times[0]), median(times[1])


def _row(name: str, ours: float, theirs: float, note: str) -> dict:
    return {
        "name": name,
        "ours_ms": 1000 * ours,
        "peer": "deepcopy + prune.global_unstructured + forward",
        "peer_ms": 1000 * theirs,
        "ratio": theirs / ours,
        "unit": "× faster than peer",
        "note": note,
    }

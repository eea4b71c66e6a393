"""Curvature: the exact Hessian diagonal against BackPACK's own extensions and against one backward pass."""

from __future__ import annotations

import copy
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pruneviz.engine.evidence import gather
from pruneviz.engine.subject import Layer, Samples, Subject

REPEATS = 15
SAMPLES, CLASSES = 512, 10


class _Residual(nn.Module):
    """Two 3x3 convolutions with BatchNorm and a way around them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.second, self.last = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.relu, self.out = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x + self.last(self.second(self.relu(self.norm(self.first(x))))))


def mlp(activation: type[nn.Module]) -> nn.Sequential:
    """LeNet-300-100 on 8x8 images."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 300), activation(), nn.Linear(300, 100), activation(), nn.Linear(100, CLASSES)
    )  # fmt: skip


def convolutions() -> nn.Sequential:
    """Two convolutions with BatchNorm and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(128, CLASSES),
    )  # fmt: skip


def residual() -> nn.Sequential:
    """A stem and two residual blocks."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), _Residual(16), nn.MaxPool2d(2),
        _Residual(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, CLASSES),
    )  # fmt: skip


def rows() -> list[dict]:
    """Each row: our exact diagonal against a peer, medians of interleaved runs in one process."""
    found = []
    networks = (
        ("MLP, ReLU", mlp(nn.ReLU), "DiagGGNExact"),
        ("MLP, tanh", mlp(nn.Tanh), "DiagHessian"),
        ("CNN, ReLU, BatchNorm", convolutions(), "DiagGGNExact"),
        ("ResNet, ReLU, BatchNorm", residual(), "DiagGGNExact"),
    )
    for name, network, extension in networks:
        _initialise(network)
        found += _compare(name, network.eval(), extension)
    return found


def _initialise(network: nn.Module) -> None:
    """Weights and BatchNorm statistics from a generator of our own."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            fan = max(1, parameter[0].numel())
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * (2 / fan) ** 0.5)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.copy_(torch.rand(module.weight.shape, generator=generator) + 0.5)
                module.running_var.copy_(torch.rand(module.weight.shape, generator=generator) + 0.5)


def _compare(name: str, network: nn.Module, extension: str) -> list[dict]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(SAMPLES, 1, 8, 8, generator=generator)
    labels = torch.randint(CLASSES, (SAMPLES,), generator=generator)
    subject = _subject(network, inputs, labels)
    private = copy.deepcopy(network)
    theirs = _backpack(network, extension, inputs, labels)
    word = gather(subject, ("hessian_diagonal",), inputs, labels).curvature
    runs: dict[str, Callable[[], float]] = {
        "ours": lambda: _timed(lambda: gather(subject, ("hessian_diagonal",), inputs, labels)),
        f"BackPACK {extension}": theirs,
        "one backward pass": lambda: _backward(private, inputs, labels),
        "one forward and backward pass": lambda: _timed(lambda: _backward(private, inputs, labels)),
    }
    milliseconds = {what: [] for what in runs}
    for turn in range(REPEATS + 2):
        for what, run in runs.items():
            took = run()
            if turn >= 2:
                milliseconds[what].append(1000 * took)
    middle = {what: statistics.median(times) for what, times in milliseconds.items()}
    ours = middle.pop("ours")
    return [
        {
            "name": f"Hessian diagonal ({word}), {name}",
            "ours_ms": ours,
            "peer": peer,
            "peer_ms": took,
            "ratio": ours / took,
            "unit": "x the peer's time",
            "note": f"{SAMPLES} samples 8x8, {CLASSES} classes, {torch.get_num_threads()} threads, median of {REPEATS}",
        }
        for peer, took in middle.items()
    ]


def _subject(network: nn.Module, inputs: Tensor, labels: Tensor) -> Subject:
    layers = tuple(
        Layer(f"{place}.weight", place, type(module).__name__, tuple(module.weight.shape))
        for place, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
    )
    samples = Samples(inputs, labels)
    names = tuple(map(str, range(CLASSES)))
    words = {"name": "bench", "title": "Bench", "words": "", "licence": "", "task": "image_classification"}
    return Subject(
        **words, network=network, layers=layers, skipped=(), held_out=samples, training=samples, classes=names,
        calibration="training", sha256="", data_sha256="",
    )  # fmt: skip


def _backpack(network: nn.Module, extension: str, inputs: Tensor, labels: Tensor) -> Callable[[], float]:
    """The peer's own backward pass with its extension; its forward pass, which sets the stage, is counted as well."""
    from backpack import backpack, extend, extensions

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = extend(copy.deepcopy(network), use_converter=any(isinstance(part, _Residual) for part in network)).eval()
    loss = extend(nn.CrossEntropyLoss())

    def run() -> float:
        start = time.perf_counter()
        with warnings.catch_warnings(), backpack(getattr(extensions, extension)()):
            warnings.simplefilter("ignore")
            loss(model(inputs), labels).backward()
        took = time.perf_counter() - start
        model.zero_grad()
        return took

    return run


def _backward(network: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    loss = nn.functional.cross_entropy(network(inputs), labels)
    took = _timed(loss.backward)
    network.zero_grad()
    return took


def _timed(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    for row in rows():
        print(f"{row['name']:55} {row['ours_ms']:8.1f} ms  {row['peer']:30} {row['peer_ms']:8.1f} ms  {row['ratio']:6.2f}")

"""Training with a mask held, against a plain PyTorch loop without masks: same network, same batches, same optimiser."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from torch import nn

from pruneviz.course import Course
from pruneviz.engine.mask import Mask
from pruneviz.engine.prunable import find
from pruneviz.engine.sources import architecture
from pruneviz.engine.sources.data import digit_samples
from pruneviz.engine.subject import Preparation, Samples
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.initial import initialise
from pruneviz.engine.training.loop import Stage, train
from pruneviz.engine.training.memory import Memory
from pruneviz.engine.training.sample import preparation

STEPS, REPEATS, GONE = 100, 9, 0.8


def rows() -> list[dict]:
    """One row per network: both medians in steps per second, and the ratio ours / plain. One thread, as every run's worker
    has unless its Recipe says otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [
            _row("LeNet-300-100, 28² pixels, batch 60", _network("digits_mlp", {"pixels": 784}), _images(60 * 20), 60),
            _row("digits_cnn, batch 64", _network("digits_cnn"), digit_samples("train", preparation()), 64),
        ]
    finally:
        torch.set_num_threads(threads)


def plain(network: nn.Module, samples: Samples, course: Course, steps: int) -> None:
    """The loop that everybody writes: shuffled batches, cross-entropy, AdamW, the loss and who was right summed up."""
    network.requires_grad_(True).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=course.rate, weight_decay=0.0)
    inputs, generator = samples.inputs(), torch.Generator().manual_seed(0)
    whole, loss_sum, right, order = len(samples) // course.batch, 0.0, 0, torch.empty(0)
    for step in range(steps):
        if step % whole == 0:
            order = torch.randperm(len(samples), generator=generator)
        chosen = order[step % whole * course.batch : (step % whole + 1) * course.batch]
        outputs = network(inputs[chosen])
        loss = nn.functional.cross_entropy(outputs, samples.labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss_sum += loss.item()
        right += int((outputs.argmax(1) == samples.labels[chosen]).sum())


def ours(network: nn.Module, samples: Samples, course: Course, steps: int, mask: Mask) -> None:
    """The same steps by the loop of the labs, which remembers at every tick all that the rest depends on."""
    generator = torch.Generator().manual_seed(0)
    stage = Stage("only", network, samples, course, steps, generator, held=Held(network, mask))
    for _ in train(stage, Memory()):
        pass


def _network(name: str, arguments: dict | None = None) -> nn.Module:
    network = architecture.build(name, arguments)
    initialise(network, torch.Generator().manual_seed(0))
    return network


def _images(n: int) -> Samples:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(n, 1, 28, 28, generator=generator)
    return Samples(images, torch.randint(0, 10, (n,), generator=generator), Preparation(scale=1.0))


def _mask(network: nn.Module) -> Mask:
    layers, _ = find(network)
    kept = np.random.default_rng(0).random(sum(layer.size for layer in layers)) >= GONE
    return Mask(kept, tuple(layer.name for layer in layers), tuple(layer.shape for layer in layers))


def _row(name: str, network: nn.Module, samples: Samples, batch: int) -> dict:
    course, mask = Course(batch=batch, rate=1e-3, every=25), _mask(network)
    mine, peer = _interleaved(
        lambda: ours(copy.deepcopy(network), samples, course, STEPS, mask),
        lambda: plain(copy.deepcopy(network), samples, course, STEPS),
    )
    return {
        "name": f"training with a mask held, {name}",
        "ours_ms": 1000 * mine / STEPS,
        "peer": "a plain PyTorch loop without masks",
        "peer_ms": 1000 * peer / STEPS,
        "ratio": peer / mine,
        "unit": "× plain steps/s",
        "note": f"{STEPS / mine:.0f} against {STEPS / peer:.0f} steps per second, one thread; target ≥ 0.8",
    }


def _interleaved(ours: Callable[[], None], theirs: Callable[[], None]) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for at in range(-1, REPEATS):
        for run, kept in zip((ours, theirs), times, strict=True):
            started = time.perf_counter()
            run()
            if at >= 0:  # the first round warms both
                kept.append(time.perf_counter() - started)
    return median(times[0]), median(times[1])

"""How a shipped sample comes about: built, initialised, trained on the training digits and written beside its card."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from pruneviz.course import Course
from pruneviz.engine.sources import architecture, digits
from pruneviz.engine.sources.data import digit_samples
from pruneviz.engine.subject import Preparation, Samples
from pruneviz.engine.training.initial import initialise
from pruneviz.engine.training.loop import Stage, Tick, train


@dataclass(frozen=True, slots=True)
class Schooling:
    """Everything that decides what a sample's weights become."""

    epochs: int
    batch: int
    rate: float
    decay: float
    shift: int
    seed: int = 0


def make(folder: Path, how: Schooling) -> Path:
    """Train the architecture that `folder` is named after and write its weights into the folder.

    The same settings, machine and thread count give the same file, byte for byte.
    """
    from safetensors.torch import save

    network, moments = school(folder.name, how)
    told = list(moments)
    held_out = digit_samples("test", preparation())
    story = {
        "data": f"scikit-learn's digits, sha256 {digits.sha256()}",
        "how": asdict(how),
        "torch": torch.__version__,
        "training accuracy in the last epoch": told[-1].accuracy if told else None,
        "held-out correct": f"{correct(network, held_out)} of {len(held_out)}",
    }
    target = folder / "weights.safetensors"
    # One key only: the format keeps several in no fixed order, and the file's hash is its name.
    target.write_bytes(save(network.state_dict(), metadata={"pruneviz": json.dumps(story, sort_keys=True)}))
    return target


def school(name: str, how: Schooling) -> tuple[nn.Module, Iterator[Tick]]:
    """The network of that name, freshly initialised, and the run that will train it."""
    generator = torch.Generator().manual_seed(how.seed)
    network = architecture.build(name)
    initialise(network, generator)
    samples = digit_samples("train", preparation())
    return network, train(Stage("school", network, samples, course(how, len(samples)), steps(how, len(samples)), generator))


def course(how: Schooling, n: int) -> Course:
    """The same settings as a course on n samples: AdamW under a warmed-up cosine, a tick after each epoch."""
    return Course(
        batch=how.batch, rate=how.rate, decay=how.decay, shift=how.shift, annealing="cosine", every=max(1, n // how.batch)
    )


def steps(how: Schooling, n: int) -> int:
    """So many steps are its epochs on n samples; a rest smaller than a batch waits for the next epoch."""
    return how.epochs * max(1, n // how.batch)


def preparation() -> Preparation:
    """How the shipped networks expect digits: 0..16 to 0..1, then the training split's mean and deviation."""
    return Preparation(scale=digits.SCALE, mean=(0.305,), std=(0.376,))


def correct(network: nn.Module, samples: Samples) -> int:
    """How many samples the network gets right."""
    with torch.inference_mode():
        return int((network(samples.inputs()).argmax(1) == samples.labels).sum())

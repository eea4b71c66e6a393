"""The sanity card: a few held-out samples with label and prediction, and what the network gets right, against chance.

Where it gets little right, the usual causes are tried out, and the one that explains it is named.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import footprint, outcomes, silence, tasks
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.sources import causes, pieces
from pruneviz.engine.sources.causes import Cause
from pruneviz.engine.subject import Samples, Sentences, Subject

MOST, STEP = 256, 16
BUDGET = 64 << 20
"""Bytes that the samples of one step may take together, as far as one alone does not take more."""
PATIENCE = 5
"""Looking for causes may take so many times as long as the first look."""
SHOWN_TOKENS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One held-out sample: its picture [H, W, C] of bytes or its text, its label, and what the network says."""

    image: np.ndarray | None
    text: str
    label: str
    predicted: str
    right: bool


@dataclass(frozen=True, slots=True, eq=False)
class Sanity:
    """What a first look shows: the metric on the first n samples with its interval, against chance, and likely causes.

    `preparation` says what is done to the data before the network sees them, `of` how many samples there are in all.
    """

    examples: tuple[Example, ...]
    metric: str
    value: float
    interval: tuple[float, float]
    method: str
    chance: float
    n: int
    of: int
    noun: str
    classes: tuple[str, ...]
    at_chance: bool
    causes: tuple[Cause, ...]
    preparation: str
    each: float
    """Seconds that one sample took, in batches."""


def look(subject: Subject, examples: int = 12, seconds: float = 2.0) -> Sanity:
    """Runs the network on as many held-out samples as `seconds` allow, in a fixed random order."""
    task, network = tasks.of(subject), subject.skeleton().eval()
    order = torch.randperm(len(subject.held_out), generator=torch.Generator().manual_seed(0))[:MOST]
    step, started = footprint.together(subject, STEP, BUDGET), time.perf_counter()
    batches = list(_said(subject, network, order.split(step), seconds))
    each = (time.perf_counter() - started) / sum(len(one) for one in batches)
    seen = order[: sum(len(one) for one in batches)]
    labels = subject.held_out.labels[seen]
    found = outcomes.measurement(task, zip(batches, labels.split(step), strict=True))
    chance = task.chance(len(subject.classes))
    guessing = _at_chance(found, chance, task.better)
    wrong = guessing or is_poor(found, chance, task.better)
    said = causes.found(subject, network, seen.split(step), found, int(PATIENCE * seconds / each)) if wrong else ()
    return Sanity(
        examples=tuple(_example(subject, place, said) for place, said in _first(seen, batches, examples)),
        metric=task.metric,
        value=found.value,
        interval=found.interval,
        method=task.method,
        chance=chance,
        n=found.n,
        of=len(subject.held_out),
        noun=task.noun,
        classes=subject.classes,
        at_chance=guessing,
        causes=said or ((causes.unexplained(subject),) if guessing else ()),
        preparation=words(subject),
        each=each,
    )


def is_poor(found: Measurement, chance: float, better: str) -> bool:
    """Whether something may be wrong: less than half of the way from chance to all right, or a perplexity beyond half of the
    vocabulary."""
    return found.value > chance / 2 if better == "lower" else found.value < (1 + chance) / 2


def words(subject: Subject) -> str:
    """What is done to the data before the network sees them, in one sentence."""
    held = subject.held_out
    if isinstance(held, Samples):
        return _image_words(held)
    longest = held.stored.shape[1]
    if isinstance(held, Sentences):
        pairs = " pairs of" if held.texts and len(held.texts[0]) > 1 else ""
        return f"The tokens of{pairs} texts, {longest} at most, filled up to the longest of a batch."
    return f"Windows of {longest} tokens; each token is predicted from those before it."


def _image_words(held: Samples) -> str:
    how, (channels, height, width) = held.preparation, held.stored.shape[1:]
    size = f"{width} × {height} pixels"
    if how.crop:
        grown = f"shorter side to {how.resize}, " if how.resize else ""
        size = f"{size} ({grown}the middle {how.crop} × {how.crop}, {how.interpolation})"
    elif how.resize:
        size = f"{how.resize} × {how.resize} pixels ({how.interpolation})"
    numbers = {"divided by": (how.scale,), "minus": how.mean, "over": how.std}
    plain = {"divided by": 1.0, "minus": 0.0, "over": 1.0}
    said = [
        f"{verb} {' '.join(f'{one:g}' for one in values)}"
        for verb, values in numbers.items()
        if any(one != plain[verb] for one in values)
    ]
    colours = {1: "grey", 3: "red, green, blue"}.get(channels, f"{channels} channels")
    return f"{size}, {colours}; {', '.join(said) or 'the values as they are'}."


def _said(subject: Subject, network: nn.Module, parts: Iterable[Tensor], seconds: float) -> Iterator[Tensor]:
    """The outputs of one batch after another, until the time is over."""
    until = time.perf_counter() + seconds
    for part in parts:
        with torch.inference_mode():
            yield silence.outputs(network, subject.held_out.inputs(part))
        if time.perf_counter() > until:
            return


def _at_chance(found: Measurement, chance: float, better: str) -> bool:
    """Whether guessing would do as well, as far as these samples tell."""
    return found.interval[1] >= chance if better == "lower" else found.interval[0] <= chance


def _first(seen: Tensor, outputs: list[Tensor], count: int) -> Iterator[tuple[int, Tensor]]:
    rows = (row for batch in outputs for row in batch)
    yield from zip(seen[:count].tolist(), rows, strict=False)


def _example(subject: Subject, place: int, said: Tensor) -> Example:
    held = subject.held_out
    if isinstance(held, Samples | Sentences):
        label, answer = int(held.labels[place]), int(said.argmax())
        image = _picture(held.stored[place]) if isinstance(held, Samples) else None
        text = " | ".join(held.texts[place]) if isinstance(held, Sentences) and held.texts else ""
        return Example(image, text, subject.classes[label], subject.classes[answer], label == answer)
    # A window of text: its beginning, the token that follows there, and the one that the network would say.
    told = int((held.labels[place] >= 0).sum())
    at = min(SHOWN_TOKENS, told) - 1
    follows, answer = int(held.labels[place, at]), int(said[at].argmax())
    text = pieces.text([subject.classes[token] for token in held.stored[place, : at + 1].tolist()])
    shown = [pieces.text([subject.classes[token]]) for token in (follows, answer)]
    return Example(None, text, *shown, follows == answer)


def _picture(stored: Tensor) -> np.ndarray:
    """A stored sample [C, H, W] as a picture [H, W, C] of bytes, brightest white."""
    pixels = stored.permute(1, 2, 0).to(torch.float32).numpy()
    if stored.dtype == torch.uint8 and pixels.max(initial=0) > causes.DIGITS:
        return pixels.astype(np.uint8)
    low, high = min(0.0, float(pixels.min(initial=0))), float(pixels.max(initial=0))
    return np.clip((pixels - low) * (255 / max(high - low, 1e-12)), 0, 255).astype(np.uint8)

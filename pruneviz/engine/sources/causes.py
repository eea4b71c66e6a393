"""Causes: why a network may get little right on data that are not its own, each tried out where that is cheap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import silence
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.subject import Preparation, Samples, Subject
from pruneviz.report import wilson

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CAFFE = (123.0, 117.0, 104.0)
DIGITS = 16
"""The brightest value of scikit-learn's digits."""
TRIED, FEWEST = 64, 12
"""Samples that a preparation is tried on, and the fewest that tell anything."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What may be wrong: a code, a sentence, and the card's keys that would repair it (none where no key would)."""

    code: str
    words: str
    change: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Another way to prepare images: what it is called, the card's keys for it, and what it does to a batch."""

    words: str
    change: Mapping[str, Any]
    preparation: Preparation
    turn: str = ""


def found(
    subject: Subject, network: nn.Module, seen: Sequence[Tensor], measured: Measurement, most: int
) -> tuple[Cause, ...]:
    """The likely causes, those that were tried out and explain it first; `most` samples may be run, as many at once as a
    part of those `seen` has."""
    if measured.predicted is None:
        return (_language(subject, measured),)
    said = [*_order(subject, measured)]
    if not said and isinstance(subject.held_out, Samples):
        said += _preparation(subject, network, seen, measured, most)
    said += _one_answer(subject, measured)
    if measured.n < 2 * len(subject.classes):
        few = f"{measured.n:,} samples of {len(subject.classes):,} classes tell little"
        whole = measured.n == len(subject.held_out)
        advice = "bring more, or trust the interval only" if whole else "the page itself measures all that you brought"
        said.append(Cause("few", f"{few}: {advice}."))
    return tuple(said)


def unexplained(subject: Subject) -> Cause:
    """What is said where a network guesses and nothing that was tried explains it."""
    tried = "other orders of the classes" + (" and other preparations" if isinstance(subject.held_out, Samples) else "")
    why = "The weights may be untrained or of another task, or the labels of other data."
    return Cause("unknown", f"Tried, and not the cause: {tried}. {why}")


def _language(subject: Subject, measured: Measurement) -> Cause:
    return Cause(
        "tokenizer",
        f"A perplexity of {measured.value:,.0f} with {len(subject.classes):,} tokens is guessing: the tokenizer may be "
        "another than the one the model was trained with, or the text of another language.",
    )


def _order(subject: Subject, measured: Measurement) -> Iterator[Cause]:
    """Whether the predictions are right but for the classes' order: shifted by one, or each label with one wrong answer."""
    labels, said, right = measured.labels, measured.predicted, int(measured.correct.sum())
    for shift in (-1, 1):
        moved = int((said == labels + shift).sum())
        if _explains(moved, right, measured.n):
            share = f"{moved:,} of {measured.n:,} predictions are right if"
            if shift < 0:
                yield Cause("off-by-one", f"{share} the labels count from 1, not from 0.", {"data": {"first_label": 1}})
            else:
                yield Cause("off-by-one", f"{share} each label is one too small: there may be an output before the first.")
            return
    if measured.n < 5 * len(subject.classes):
        return
    places = _assigned(labels, said, len(subject.classes))
    moved = int((said == places[labels]).sum())
    if _explains(moved, right, measured.n):
        few = [f"{subject.classes[at]} as {subject.classes[to]}" for at, to in enumerate(places) if at != to]
        words = f"{moved:,} of {measured.n:,} predictions are right in another order of the classes, which has"
        yield Cause("class-order", f"{words} {', '.join(few[:4])}{', …' * (len(few) > 4)}.", _reordered(subject, places))


def _assigned(labels: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    """For each label the output that stands for it, one for each, so that most predictions are right (Kuhn 1955)."""
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((classes, classes))
    np.add.at(table, (labels, said), 1)
    # Of equals, an output that is where it was stays there.
    return linear_sum_assignment(table + np.eye(classes) * 1e-3, maximize=True)[1]


def _reordered(subject: Subject, places: np.ndarray) -> dict[str, Any]:
    """The card's keys with the names in the order that was found; none where labels are numbers and names change nothing."""
    card = dict(subject.origin.card) if subject.origin else {}
    data = dict(card.get("data", {}))
    folders = data.get("folders")
    if not folders and ("classes" not in card or not data.get("file") or data["file"].endswith(".npz")):
        return {}
    names = list(folders or subject.classes)
    moved = list(names)
    for label, place in enumerate(places[: len(names)]):
        moved[place] = names[label]
    return {"data": {"folders": moved}} if folders else {"classes": moved}


def _far_better(moved: int, right: int, n: int) -> bool:
    """Whether the difference is beyond what chance does: the two intervals do not touch."""
    return wilson(moved, n)[0] > wilson(right, n)[1]


def _explains(moved: int, right: int, n: int) -> bool:
    """Whether it makes most predictions right, and far more than before."""
    return moved >= n / 2 and _far_better(moved, right, n)


def _one_answer(subject: Subject, measured: Measurement) -> Iterator[Cause]:
    known, counts = np.unique(measured.predicted, return_counts=True)
    # Labels that are all of one class make one answer right.
    if counts.max() >= 0.95 * measured.n and len(np.unique(measured.labels)) > 1:
        answer = subject.classes[int(known[counts.argmax()])]
        yield Cause(
            "one-answer",
            f"The network says «{answer}» to {counts.max():,} of {measured.n:,} samples: its last layer may be untrained, "
            "or its inputs far from what it was trained on.",
        )


def _preparation(
    subject: Subject, network: nn.Module, seen: Sequence[Tensor], measured: Measurement, most: int
) -> Iterator[Cause]:
    """The preparation that gets far more right than the card's, where there is one."""
    trials = list(_trials(subject.held_out))
    count = min(TRIED, most // len(trials), measured.n)
    if count < FEWEST:
        return
    few, right = torch.cat(list(seen))[:count].split(len(seen[0])), int(measured.correct[:count].sum())
    counted = [_right(subject, network, few, trial) for trial in trials]
    best, moved = max(zip(trials, counted, strict=True), key=lambda pair: pair[1])
    if _far_better(moved, right, count):
        words = f"With {best.words} {moved} of {count} are right, as it is prepared now {right}."
        yield Cause("preparation", words, {"data": dict(best.change)} if best.change else {})


def _right(subject: Subject, network: nn.Module, few: Sequence[Tensor], trial: Trial) -> int:
    samples, right = replace(subject.held_out, preparation=trial.preparation), 0
    for part in few:
        inputs = samples.inputs(part)
        if trial.turn == "channels":
            inputs = inputs.flip(1)
        elif trial.turn == "sides":
            inputs = inputs.transpose(2, 3)
        with torch.inference_mode():
            right += int((silence.outputs(network, inputs).argmax(1) == samples.labels[part]).sum())
    return right


def _trials(held: Samples) -> Iterator[Trial]:
    """The preparations in common use, in terms of the brightest value that the samples have."""
    now, channels = held.preparation, held.stored.shape[1]
    top = _top(held.stored)
    ways: list[tuple[str, float, tuple, tuple]] = [
        ("values from 0 to 1", top, (0.0,), (1.0,)),
        ("values from −1 to 1", top / 2, (1.0,), (1.0,)),
        (f"values from 0 to {top:g}, as they are", 1.0, (0.0,), (1.0,)),
    ]
    if channels == 3:
        ways.append(("ImageNet's mean and deviation", top, *IMAGENET))
        ways.append(("values from 0 to 255, less the mean colour", top / 255, CAFFE, (1.0,)))
    for words, scale, mean, std in ways:
        if (scale, mean, std) != (now.scale, now.mean, now.std):
            change = {"scale": scale, "mean": list(mean), "std": list(std)}
            yield Trial(words, change, replace(now, scale=scale, mean=mean, std=std))
    # Whatever else differs between libraries, under the card's own numbers and under those in most common use.
    if channels == 3:
        yield Trial("blue, green, red instead of red, green, blue", {}, now, "channels")
        caffe = replace(now, scale=top / 255, mean=CAFFE, std=(1.0,))
        yield Trial("blue, green, red, less the mean colour", {}, caffe, "channels")
    if held.stored.shape[2] == held.stored.shape[3]:
        yield Trial("height and width exchanged", {}, now, "sides")
    inverted = replace(now, scale=-now.scale, mean=tuple(one - top / now.scale for one in now.mean))
    yield Trial("black and white exchanged", {}, inverted)


def _top(stored: Tensor) -> float:
    """The brightest value that images like these may have: 1, 16 or 255."""
    most = float(stored[:TRIED].max())
    return next((float(top) for top in (1, DIGITS, 255) if most <= top), most)

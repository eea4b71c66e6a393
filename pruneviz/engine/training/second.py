"""Second: a network goes on with another task than the one that it was trained on."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pruneviz.engine.subject import Samples, Sentences, Subject, Windows

HALVES = "upper-half"
"""One task of two: the first half of the classes, then the rest."""


def tasks(subject: Subject, second: str) -> tuple[Subject, Subject]:
    """The subject with the data of its first task, and with those of the second: the other half of its classes, or those of
    another card."""
    if second == HALVES:
        return _half(subject, upper=False), _half(subject, upper=True)
    if not second:
        raise ValueError(f"there is no second task to go on with: name {HALVES}, or a card with data of the same size")
    from pruneviz.engine.sources import card

    return subject, _with(subject, card.load(second))


def data_sha256(second: str) -> str:
    """The sha256 of the data that another card brings; empty where a run goes on with its own."""
    if second in ("", HALVES):
        return ""
    from pruneviz.engine.sources import card

    return card.load(second).data_sha256


def _half(subject: Subject, upper: bool) -> Subject:
    many = len(subject.classes)
    if isinstance(subject.held_out, Windows) or many < 4:
        raise ValueError(f"{subject.title} does not have two classes for each of two tasks: name another card as second")
    half = many // 2

    def mine(samples: Samples | Sentences) -> Samples | Sentences:
        return _only(samples, (samples.labels >= half) == upper)

    found = replace(subject, held_out=mine(subject.held_out), training=mine(subject.training))
    if not len(found.held_out) or not len(found.training):
        raise ValueError(f"{subject.title} has no samples of half of its classes: name another card as second")
    return found


def _only(samples: Samples | Sentences, chosen: Tensor) -> Samples | Sentences:
    at = chosen.nonzero().flatten()
    parts = {"stored": samples.stored[at], "labels": samples.labels[at]}
    if isinstance(samples, Sentences):
        texts = tuple(samples.texts[one] for one in at.tolist()) if samples.texts else ()
        parts |= {"lengths": samples.lengths[at], "types": samples.types[at], "texts": texts}
    return replace(samples, **parts)


def _with(subject: Subject, other: Subject) -> Subject:
    """The subject with another one's data, where these fit its inputs and its outputs."""
    if other.training is None or not len(other.training):
        raise ValueError(f"{other.title} has no training split to go on with: give its card one")
    mine, theirs = (_shape(one.held_out.inputs(slice(0, 1))) for one in (subject, other))
    if subject.task != other.task or mine != theirs:
        raise ValueError(f"{other.title} has inputs of {theirs}, {subject.title} takes {mine}: name a card with such data")
    if len(other.classes) > len(subject.classes):
        raise ValueError(
            f"{other.title} has {len(other.classes)} classes, {subject.title} tells {len(subject.classes)} apart: "
            "name a card with no more"
        )
    return replace(subject, held_out=other.held_out, training=other.training, classes=other.classes)


def _shape(inputs: Tensor | dict[str, Tensor]) -> str:
    if isinstance(inputs, dict):
        return "text"
    kind = "numbers" if torch.is_floating_point(inputs) else "tokens"
    return f"{' × '.join(map(str, inputs.shape[1:]))} {kind}"

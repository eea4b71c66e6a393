"""Evidence: what calibration data say about each weight; just what a criterion asks for, and nothing left behind."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from pruneviz.engine import tasks
from pruneviz.engine.batches import Inputs, plain, rows
from pruneviz.engine.criterion import Criterion, Evidence, Need
from pruneviz.engine.curvature import error, hessian_diagonal
from pruneviz.engine.input_norms import input_norms
from pruneviz.engine.rehearsal import Rehearsal, chunks, differentiating, rehearse, sums
from pruneviz.engine.subject import Layer, Subject, inputs_axis


@dataclass(frozen=True, eq=False)
class Gathered:
    """The evidence of all layers, in the subject's order, from `n` samples in `seconds`; `curvature` says what ∂²L is."""

    evidence: tuple[Evidence, ...]
    n: int
    seconds: float
    curvature: str


def gather(
    subject: Subject, needs: Iterable[Need], inputs: Inputs | None, labels: Tensor | None, *, seed: int = 0
) -> Gathered:
    """Looks at calibration data [N, …] with labels [N], once per need. The subject stays as it is, to the bit."""
    start, asked = time.perf_counter(), frozenset(needs) - {"weight"}
    found, n, word = {}, 0, ""
    if asked:
        with differentiating():
            inputs, labels = _checked(subject, asked, inputs, labels)
            n = rows(inputs)
            if asked - {"input_norm"}:
                rehearsal = rehearse(subject, inputs)
                tasks.find(subject.task).check(labels, rehearsal.classes)
                found, word = _derivatives(rehearsal, asked, inputs, labels)
            if "input_norm" in asked:
                found["input_norm"] = input_norms(subject, inputs, labels)
    evidence = tuple(_evidence(subject, layer, seed, found) for layer in subject.layers)
    return Gathered(evidence, n, time.perf_counter() - start, word)


def scores(
    subject: Subject, criterion: Criterion, inputs: Inputs | None, labels: Tensor | None, *, seed: int = 0,
    besides: Iterable[Need] = (),
) -> tuple[list[Tensor], Gathered]:  # fmt: skip
    """A criterion's saliencies, float32 [O, I, *K] per layer, and the evidence that they come from, with what is wanted
    besides."""
    gathered = gather(subject, {*criterion.needs, *besides}, inputs, labels, seed=seed)
    start = time.perf_counter()
    with torch.no_grad():
        saliencies = [criterion.saliency(evidence).to(torch.float32) for evidence in gathered.evidence]
    seconds = gathered.seconds + time.perf_counter() - start
    return saliencies, Gathered(gathered.evidence, gathered.n, seconds, gathered.curvature)


def mean_gradient(rehearsal: Rehearsal, inputs: Inputs, labels: Tensor) -> dict[str, Tensor]:
    """∂L/∂w of the mean cross-entropy L, by layer; a weight that is used twice has the sum of both."""
    total = {name: torch.zeros_like(weight) for name, weight in rehearsal.weights.items()}
    with differentiating():
        for _, theirs, logits in chunks(rehearsal, inputs, labels):
            (wrong,) = error(logits.detach(), theirs)
            found = torch.autograd.grad(logits, list(rehearsal.weights.values()), wrong, materialize_grads=True)
            for name, gradient in zip(rehearsal.weights, found, strict=True):
                total[name] += gradient
    return {name: value.detach().div_(_told(labels)) for name, value in total.items()}


def mean_absolute_gradient(rehearsal: Rehearsal, inputs: Inputs, labels: Tensor) -> dict[str, Tensor]:
    """The mean over samples of |∂ℓ/∂w|, by layer: one sample's gradients cannot cancel another's.

    A window of text is one sample; its loss is summed over its tokens, and the mean is per token, as the metric is.
    """
    total = sums(rehearsal, inputs, labels, error, power=1)
    return {name: value.div_(_told(labels)) for name, value in total.items()}


def _told(labels: Tensor) -> int:
    """How many predictions the labels judge: one per sample, or one per token where a sample is a window of text."""
    return int((labels >= 0).sum())


def _derivatives(
    rehearsal: Rehearsal, asked: frozenset[str], inputs: Inputs, labels: Tensor
) -> tuple[dict[str, dict[str, Tensor]], str]:
    """What was asked for, by need and layer, and what the curvature is."""
    found, word = {}, ""
    if "gradient" in asked:
        found["gradient"] = mean_gradient(rehearsal, inputs, labels)
    if "absolute_gradient" in asked:
        found["absolute_gradient"] = mean_absolute_gradient(rehearsal, inputs, labels)
    if "hessian_diagonal" in asked:
        found["hessian_diagonal"], word = hessian_diagonal(rehearsal, inputs, labels)
    return found, word


def _evidence(subject: Subject, layer: Layer, seed: int, found: dict[str, dict[str, Tensor]]) -> Evidence:
    own = {need: parts[layer.name] for need, parts in found.items()}
    return Evidence(layer.name, _weight(subject, layer), seed, inputs=inputs_axis(layer), **own)


def _weight(subject: Subject, layer: Layer) -> Tensor:
    """The weight itself, or, where it is stored in half precision, in the precision that saliencies are computed in."""
    weight = subject.parameter(layer)
    return weight.float() if weight.dtype in (torch.float16, torch.bfloat16) else weight


def _checked(subject: Subject, asked: frozenset[str], inputs: Inputs | None, labels: Tensor | None) -> tuple[Inputs, Tensor]:
    wish = " and ".join(sorted(asked)).replace("_", " ")
    if "hessian_diagonal" in asked and subject.task == "language_modelling":
        raise ValueError(
            f"{subject.title} is a language model, whose curvature is not computed here: "
            "choose a criterion that looks at weights or gradients"
        )
    if inputs is None or labels is None or not rows(inputs):
        raise ValueError(
            f"{wish} needs calibration data and {subject.title} was given none: "
            'add a training split to its card, or set calibration to "held-out"'
        )
    if rows(inputs) != len(labels):
        raise ValueError(f"{rows(inputs)} calibration samples came with {len(labels)} labels; give one label per sample")
    return plain(inputs), labels.clone().long()

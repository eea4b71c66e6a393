"""Truth: what really happens to the loss when one weight changes, beside what the criteria predicted."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping

import numpy as np
from torch import Tensor

from pruneviz.engine import tasks
from pruneviz.engine.batches import Inputs, double, split
from pruneviz.engine.evidence import Gathered
from pruneviz.engine.subject import Subject
from pruneviz.engine.suffix import Suffix
from pruneviz.report import Deletions, WeightStory

STEPS = 21
BATCH = 512


class Probe:
    """A private float64 copy of a subject's network in which single weights can be moved and the mean loss read.

    Float64, because deleting one small weight moves a float32 loss by less than its rounding.
    """

    def __init__(self, subject: Subject, inputs: Inputs, labels: Tensor):
        self._network = copy.deepcopy(subject.network).double().eval()
        self._task = tasks.find(subject.task)
        self._labels = labels.split(BATCH)
        self._suffix = Suffix(self._network, list(split(double(inputs), BATCH)))
        self._layers = subject.layers
        self.loss = self._read()

    def moved(self, layer: int, index: int, value: float) -> float:
        """The mean loss with one weight set to `value`; the weight is put back. Cheapest layer by layer."""
        chosen = self._layers[layer]
        self._suffix.stand_before((chosen.name, *chosen.aliases))
        weight = self._network.get_parameter(chosen.name).data.view(-1)
        before = float(weight[index])
        weight[index] = value
        try:
            return self._read()
        finally:
            weight[index] = before

    def _read(self) -> float:
        total = 0.0
        for at, labels in enumerate(self._labels):
            total += float(self._task.losses(self._suffix.outputs(at), labels).sum())
        return total / sum(map(len, self._labels))


def sample(subject: Subject, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` prunable weights drawn without repetition: (layer [S], index within the layer [S]), sorted."""
    generator = np.random.default_rng(seed)
    flat = np.sort(generator.choice(subject.weights, size=min(count, subject.weights), replace=False))
    starts = np.cumsum([0, *(layer.size for layer in subject.layers)])
    layer = np.searchsorted(starts, flat, side="right") - 1
    return layer, flat - starts[layer]


def deletions(
    subject: Subject, inputs: Inputs, labels: Tensor, scores: Mapping[str, list[Tensor]], *, count: int, seed: int
) -> Iterator[Deletions]:
    """Deletes sampled weights one at a time; yields what is known so far about twenty times, the last one complete."""
    from scipy.stats import spearmanr

    started = time.perf_counter()
    probe = Probe(subject, inputs, labels)
    layer, index = sample(subject, count, seed)
    true = np.zeros(len(layer))
    predicted = {
        key: np.array([float(parts[at].reshape(-1)[place]) for at, place in zip(layer, index, strict=True)])
        for key, parts in scores.items()
    }
    step = max(1, len(layer) // 20)
    for done, (at, place) in enumerate(zip(layer, index, strict=True), start=1):
        true[done - 1] = probe.moved(int(at), int(place), 0.0) - probe.loss
        if done % step and done != len(layer):
            continue
        known = {key: values[:done] for key, values in predicted.items()}
        size = np.abs(true[:done])
        rho = {key: _spearman(spearmanr, values, size) for key, values in known.items()}
        names = tuple(subject.layers[one].label for one in layer[:done])
        yield Deletions(names, index[:done], true[:done].copy(), known, rho, len(labels), time.perf_counter() - started)


def _spearman(spearmanr, one: np.ndarray, other: np.ndarray) -> float:
    # A constant list has no order to agree with: scipy warns and says NaN, a visitor should read 0.
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(spearmanr(one, other).statistic)


def story(
    subject: Subject, inputs: Inputs, labels: Tensor, gathered: Gathered, *, layer: int, index: int,
    ranks: dict[str, int], scores: dict[str, float],
) -> WeightStory:  # fmt: skip
    """One weight: slope, curvature, ranks, and the true loss along it with OBD's parabola."""
    evidence, chosen = gathered.evidence[layer], subject.layers[layer]
    value = float(evidence.weight.reshape(-1)[index])
    gradient = float(evidence.gradient.reshape(-1)[index])
    curvature = float(evidence.hessian_diagonal.reshape(-1)[index])
    probe = Probe(subject, inputs, labels)
    reach = 1.5 * abs(value) or float(evidence.weight.abs().mean()) or 1.0
    values = np.linspace(value - reach, value + reach, STEPS)
    losses = np.array([probe.moved(layer, index, float(at)) for at in values])
    away = values - value
    return WeightStory(
        layer=chosen.label,
        index=index,
        position=tuple(int(i) for i in np.unravel_index(index, chosen.shape)),
        value=value,
        gradient=gradient,
        curvature=curvature,
        curvature_kind=gathered.curvature,
        ranks=ranks,
        weights=subject.weights,
        scores=scores,
        true=probe.moved(layer, index, 0.0) - probe.loss,
        loss=probe.loss,
        values=values,
        losses=losses,
        parabola=probe.loss + gradient * away + 0.5 * curvature * away**2,
        n=len(labels),
    )

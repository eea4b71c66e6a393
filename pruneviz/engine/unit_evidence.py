"""Unit evidence: what weights and data say about whole units; just what a criterion asks for, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from pruneviz.engine import calibration, conductance, cost, gates, leave_one_out, stream, subsets, unit_report
from pruneviz.engine.calibration import Calibration
from pruneviz.engine.criterion import Criterion, UnitEvidence, UnitNeed
from pruneviz.engine.splits import CALIBRATION_SAMPLES
from pruneviz.engine.structure.units import NOBODY, Group, Structure
from pruneviz.engine.subject import Subject
from pruneviz.engine.working import private

Told = Callable[[int, int], None]
WORK, FEWEST = 2e11, 32
"""Multiply-adds of one forward pass that calibration samples are thinned out to fit into, down to the fewest samples."""


def gather(
    subject: Subject, structure: Structure, criterion: Criterion, inputs: Tensor | dict | None, labels: Tensor | None,
    *, seed: int = 0, told: Told | None = None,
) -> dict[str, Tensor]:  # fmt: skip
    """A criterion's scores of all units that can go, float64 [U] by group. The subject stays as it is, to the bit.

    `told(done, all)` is called as the work goes on. Where a pass is dear, fewer samples are looked at: see `used`.
    """
    _check(criterion, structure)
    found = evidence(subject, structure, criterion.needs, inputs, labels, seed=seed, told=told)
    scores = {}
    for one in found:
        with torch.no_grad():
            scores[one.name] = criterion.saliency(one).detach().to("cpu", torch.float64)
        if scores[one.name].shape != (one.units,) or not torch.isfinite(scores[one.name]).all():
            raise ValueError(
                f"{criterion.name} gave {list(scores[one.name].shape)} scores for {one.units} {structure.granularity}s of "
                f"{one.name}, or not all of them are finite numbers: each unit needs one that is"
            )
    return scores


def evidence(
    subject: Subject, structure: Structure, needs: tuple[UnitNeed, ...], inputs: Tensor | dict | None, labels: Tensor | None,
    *, seed: int = 0, told: Told | None = None,
) -> tuple[UnitEvidence, ...]:  # fmt: skip
    """What was asked for, of each group that can go."""
    found: dict[str, dict[str, Tensor]] = {}
    if "bn_scale" in needs:
        found["bn_scale"] = {group.name: _bn_scale(subject, group) for group in structure.removable}
    data = calibration.of(subject, inputs, labels) if set(needs) - {"bn_scale"} and structure.units else None
    if data is not None:
        for need in needs:
            if need in _LOOKS:
                some = data.thinned(used(subject, structure, need, data), seed)
                with torch.inference_mode(False):
                    found[need] = _LOOKS[need](subject, structure, some, told)
    return tuple(
        UnitEvidence(g.name, g.units, structure.granularity, seed, **{need: parts[g.name] for need, parts in found.items()})
        for g in structure.removable
    )


def used(subject: Subject, structure: Structure, need: UnitNeed, data: Calibration) -> int:
    """How many of the samples will be looked at: all, unless a pass over them is dear."""
    macs = cost.count(subject.network, data.at(slice(0, 1)).inputs).macs
    if need in _PATIENT:
        return _PATIENT[need](structure, len(data), macs)
    affordable = int(WORK / max(1.0, macs))
    if need == "conductance":
        return conductance.samples(len(data), affordable)
    return min(len(data), max(FEWEST, affordable))


def refuse(subject: Subject, structure: Structure, criterion: Criterion) -> None:
    """Refuses, in one sentence and before anything is measured, a criterion that cannot judge these units."""
    if "bn_scale" in criterion.needs:
        for group in structure.removable:
            _bn_scale(subject, group)
    if "conductance" in criterion.needs:
        conductance.refuse(subject)
    for need in _PATIENT.keys() & set(criterion.needs):
        data = subject.held_out if subject.training is None else subject.training
        _PATIENT[need](structure, min(CALIBRATION_SAMPLES, len(data)), unit_report.counted(subject).macs)


def _streamed(
    look: Callable, subject: Subject, structure: Structure, data: Calibration, told: Told | None
) -> dict[str, Tensor]:
    """What `look` sees of what flows into each layer and out of it."""
    network, _ = private(subject.network)
    blocks = tuple(block for group in structure.removable for block in group.blocks)
    found = look(network, blocks, data, told)
    return {g.name: torch.tensor([found[block] for block in g.blocks], dtype=torch.float64) for g in structure.removable}


_LOOKS = {
    "gate_gradient": gates.gradients,
    "leave_one_out": leave_one_out.changes,
    "greedy": subsets.greedy,
    "influence": partial(_streamed, stream.influence),
    "angle": partial(_streamed, stream.angular),
    "conductance": conductance.flows,
}
_PATIENT = {"leave_one_out": leave_one_out.samples, "greedy": subsets.samples}
"""Needs that take many passes over the data, and how many samples these may have."""


def _bn_scale(subject: Subject, group: Group) -> Tensor:
    """The mean |γ| of each unit's rows in BatchNorms, float64 [U]."""
    total, rows = torch.zeros(2, group.units, dtype=torch.float64)
    for part in group.of("follows"):
        owner, _, key = part.tensor.rpartition(".")
        module = subject.network.get_submodule(owner)
        if key == "weight" and isinstance(module, nn.modules.batchnorm._BatchNorm):
            owned = torch.from_numpy(part.owner != NOBODY)
            units = torch.from_numpy(part.owner).to(torch.int64)[owned]
            scale = module.weight.detach().abs().to("cpu", torch.float64)[owned]
            total.index_add_(0, units, scale)
            rows.index_add_(0, units, torch.ones_like(scale))
    if not rows.all():
        raise ValueError(
            f"{group.label} has no BatchNorm, or one without a scale: its {group.granularity}s have no γ to be judged by; "
            "choose magnitude, or «gate gradient»"
        )
    return total / rows


def _check(criterion: Criterion, structure: Structure) -> None:
    if structure.granularity not in criterion.units:
        for_these = ", ".join(f"{one}s" for one in criterion.units) or "weights"
        raise ValueError(f"{criterion.name} judges {for_these}, not {structure.granularity}s; choose another criterion")

"""Filters of ResNet-50: a slider move, the removal itself, and what the smaller network gains, against Torch-Pruning."""

from __future__ import annotations

import copy
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import cost, granularity, prunable
from pruneviz.engine.measure import Workspace
from pruneviz.engine.structure import find, surgery
from pruneviz.engine.subject import Preparation, Samples, Subject
from pruneviz.engine.unit_ranking import UnitRanking, rank_units

AMOUNT = 0.3
SIDE = 224


def rows(reps: int = 9) -> list[dict]:
    """Each row is a ratio of two medians, measured interleaved in this process."""
    subject = _subject()
    with torch.random.fork_rng():  # building and pruning draw from torch's global generator
        return [*_moves(subject, reps), *_removals(subject, reps), *_latencies(subject, reps)]


def _subject() -> Subject:
    from torchvision.models import resnet50

    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        network = resnet50(weights=None).eval().requires_grad_(False)
    for tensor in (*network.parameters(), *network.buffers()):
        # Random but not degenerate: every BatchNorm statistic and weight differs, or silencing would prove nothing.
        if tensor.is_floating_point():
            tensor.copy_(tensor + 0.05 * tensor.abs().mean().clamp(min=0.1) * torch.randn(tensor.shape, generator=generator))
    layers, skipped = prunable.find(network)
    samples = Samples(
        torch.randn(4, 3, SIDE, SIDE, generator=generator), torch.zeros(4, dtype=torch.int64), Preparation(1.0)
    )
    return Subject(
        name="bench", title="bench", words="", licence="", task="image_classification", network=network, layers=layers,
        skipped=skipped, held_out=samples, training=None, classes=("0",), calibration="training", sha256="",
        data_sha256="",
    )  # fmt: skip


def _ranked(subject: Subject, scope: str) -> UnitRanking:
    structure = find.of(subject, "filter")
    weights = granularity.named(subject.layers, subject.tensors())
    return rank_units(structure, granularity.pool(structure, weights, "l2"), subject.layers, scope=scope)


def _moves(subject: Subject, reps: int) -> list[dict]:
    """A walk of amounts, each up to a tenth from the one before, and a few leaps across the whole scale."""
    ranking, workspace = _ranked(subject, "global"), Workspace(subject, torch.arange(4))
    workspace.stand(ranking, 0.0, {})  # checks the silencer, where it has not been done yet
    steps = np.random.default_rng(0).uniform(-0.1, 0.1, reps).cumsum()
    walk = [float(amount) for amount in np.clip(AMOUNT + steps, 0.02, 0.9)]
    leaps = [0.05, 0.85] * (reps // 2 + 1)
    peer = [_peer(subject, amount) for amount in walk]
    ours, theirs = _interleaved(lambda at: workspace.stand(ranking, walk[at], {}), lambda at: peer[at](copied=True), reps)
    far, _ = _interleaved(lambda at: workspace.stand(ranking, leaps[at], {}), lambda at: None, reps)
    note = (
        f"{ranking.n:,} units in {len(ranking.names)} groups; {_quick(workspace)}; forward excluded on both sides; ours at "
        f"leaps between 5 % and 85 %: {far:.2f} ms; target ≥ 20"
    )
    what = "deepcopy + MagnitudePruner + step"
    return [_row("ResNet-50: a move of the filter slider", ours, what, theirs, note)]


def _quick(workspace: Workspace) -> str:
    return "only what changes is rewritten" if workspace.silences("filter") else "NOT silenced: copied for each move"


def _removals(subject: Subject, reps: int) -> list[dict]:
    """Ours copies the network, theirs cuts it in place; theirs scores the groups anew, ours has them ranked."""
    ranking = _ranked(subject, "layer")
    kept = ranking.kept(AMOUNT)
    found: dict[str, nn.Module] = {}

    def ours(_at: int) -> None:
        found["ours"] = surgery.apply(subject.network, surgery.plan(subject.network, ranking.structure, kept))

    peers = [_peer(subject, AMOUNT, everywhere=False) for _ in range(reps)]
    ready = [peer(copied=False) for peer in peers]
    mine, theirs = _interleaved(ours, lambda at: ready[at](), reps)
    proof = surgery.prove(surgery.masked(subject.network, ranking.structure, kept), found["ours"], subject.held_out.inputs())
    left = sum(parameter.numel() for parameter in found["ours"].parameters())
    note = (
        f"{AMOUNT:.0%} of every group; ours: plan, copy, cut; theirs: score and cut, network copied and graph built before; "
        f"{left:,} parameters left; masked against removed {proof.difference:.1g}; target ≥ 1"
    )
    return [_row("ResNet-50: the removal itself", mine, "MagnitudePruner.step (no deepcopy)", theirs, note)]


def _latencies(subject: Subject, reps: int) -> list[dict]:
    ranking = _ranked(subject, "layer")
    kept = ranking.kept(AMOUNT)
    smaller = surgery.apply(subject.network, surgery.plan(subject.network, ranking.structure, kept)).eval()
    counted = cost.count(subject.network, subject.held_out.inputs(slice(0, 1)))
    parameters, macs = cost.after(counted, ranking.structure, kept)
    found = []
    for batch in (1, 8):
        inputs = torch.randn(batch, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
        ours, theirs = _interleaved(lambda _: _run(smaller, inputs), lambda _: _run(subject.network, inputs), reps)  # noqa: B023
        note = (
            f"{AMOUNT:.0%} of every group: {parameters / counted.parameters:.0%} of the parameters and "
            f"{macs / counted.macs:.0%} of the multiply-adds left: at best × {counted.macs / macs:.2f}"
        )
        found.append(_row(f"ResNet-50: one forward pass, batch {batch}", ours, "dense", theirs, note))
    return found


def _run(network: nn.Module, inputs: Tensor) -> None:
    with torch.inference_mode():
        network(inputs)


def _peer(subject: Subject, amount: float, *, everywhere: bool = True) -> Callable:
    """Torch-Pruning's move: with `copied` a copy, a pruner and a step; else all but the step is done beforehand."""
    import torch_pruning

    example = subject.held_out.inputs(slice(0, 1))

    def prepare() -> Callable:
        network = copy.deepcopy(subject.network).requires_grad_(True)
        pruner = torch_pruning.pruner.MagnitudePruner(
            network,
            example,
            importance=torch_pruning.importance.MagnitudeImportance(p=2),
            global_pruning=everywhere,
            pruning_ratio=amount,
            ignored_layers=[network.fc],
        )
        return pruner.step

    def move(*, copied: bool) -> Callable | None:
        step = prepare()
        return step() if copied else step

    return move


def _interleaved(ours: Callable[[int], object], theirs: Callable[[int], object], reps: int) -> tuple[float, float]:
    """Medians in milliseconds, in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for at in range(reps):
        for run, kept in zip((ours, theirs), times, strict=True):
            started = time.perf_counter()
            run(at)
            kept.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times[0]), statistics.median(times[1])


def _row(name: str, ours: float, peer: str, theirs: float, note: str) -> dict:
    return {
        "name": name,
        "ours_ms": round(ours, 3),
        "peer": peer,
        "peer_ms": round(theirs, 3),
        "ratio": round(theirs / max(ours, 1e-9), 3),
        "unit": "× faster",
        "note": f"{note}; {torch.get_num_threads()} threads",
    }


if __name__ == "__main__":
    for row in rows():
        sys.stdout.write(
            f"{row['ratio']:>9} {row['unit']}  {row['name']}  ({row['ours_ms']} / {row['peer_ms']} ms; {row['note']})\n"
        )

"""The mask of a new amount, against what people do today (torch.nn.utils.prune) and against the floor (one copy_)."""

from __future__ import annotations

import copy
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from pruneviz.engine import kernels
from pruneviz.engine.ranking import Ranking, rank
from pruneviz.engine.subject import Layer

AMOUNTS = tuple(round(0.3 + 0.013 * step, 3) for step in range(41))
"""A new amount at each repetition, so that nothing is answered from memory."""

MEBIBYTE = 2**20

REST = 0.02
"""Seconds before each timed pass: torch's threads spin on their cores for a while after they are done."""


@dataclass(frozen=True, eq=False)
class Bench:
    """One network on the bench: what can be pruned in it, and how today's tool is told so."""

    title: str
    network: nn.Module
    places: tuple[tuple[str, str], ...]
    peer_moves: int

    def weights(self) -> list[Tensor]:
        return [getattr(self.network.get_submodule(module), name).detach() for module, name in self.places]

    def layers(self) -> list[Layer]:
        return [
            Layer(f"{module}.{name}", module, "weight", tuple(weight.shape))
            for (module, name), weight in zip(self.places, self.weights(), strict=True)
        ]


def rows(reps: int = 21) -> list[dict]:
    """Each row is a ratio of two medians (`ours_ms`, `peer_ms`), measured interleaved in this process."""
    import torchvision

    networks = (
        ("ResNet-50", torchvision.models.resnet50, 3),
        ("ViT-B/16", torchvision.models.vit_b_16, 2),
    )
    return [row for title, build, moves in networks for row in _rows(_bench(title, build, moves), reps)]


def _bench(title: str, build: Callable, peer_moves: int) -> Bench:
    # Building draws from torch's global generator: the caller's stream is put back as it was.
    with torch.random.fork_rng():
        network = build(weights=None).eval()
    places = [(name, "weight") for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    attentions = [name for name, part in network.named_modules() if isinstance(part, nn.MultiheadAttention)]
    return Bench(title, network, (*places, *((name, "in_proj_weight") for name in attentions)), peer_moves)


def _rows(bench: Bench, reps: int) -> list[dict]:
    layers, weights = bench.layers(), bench.weights()
    rank(layers[:1], weights[:1]).write(0.5, *_buffers(weights[0].numel()))  # compiles, where it has not been done yet
    started = time.perf_counter()
    ranking = rank(layers, weights)
    prepared = _milliseconds(started)
    out = torch.zeros(ranking.n)
    written, copied = _interleaved(ranking, torch.cat([weight.reshape(-1) for weight in weights]), out, reps)
    ours, peers, equal = _peer_moves(bench, ranking, out)
    mask, copy_ms, beside, peer = (statistics.median(times) for times in (written, copied, ours, peers))
    note = (
        f"{ranking.n:,} weights in {len(layers)} tensors; {torch.get_num_threads()} threads; compiled={kernels.available()}"
    )
    beyond = ranking.held + out.numel() * out.element_size() - 2 * 4 * ranking.n
    return [
        _row(f"{bench.title}: exact mask, against one copy_", mask, "copy_", copy_ms, mask / copy_ms, "× of copy_", note),
        _row(
            f"{bench.title}: exact mask, against torch.nn.utils.prune",
            beside,
            "deepcopy + prune.global_unstructured",
            peer,
            peer / beside,
            "× faster",
            f"{note}; {len(peers)} moves of the peer; {equal}",
        ),
        _row(
            f"{bench.title}: one-time preparation, as a share of one move of torch.nn.utils.prune",
            prepared,
            "deepcopy + prune.global_unstructured",
            peer,
            prepared / peer,
            "of one move",
            note,
        ),
        {
            "name": f"{bench.title}: memory beyond two copies of the weights",
            "ours_ms": None,
            "peer": "two copies of the weights (ranked, written)",
            "peer_ms": None,
            "ratio": round(beyond / MEBIBYTE, 2),
            "unit": "MiB",
            "note": f"held {ranking.held / MEBIBYTE:.1f} MiB, out {4 * ranking.n / MEBIBYTE:.1f} MiB; {note}",
        },
    ]


def _row(name: str, ours: float, peer: str, peer_ms: float, ratio: float, unit: str, note: str) -> dict:
    return {
        "name": name,
        "ours_ms": round(ours, 3),
        "peer": peer,
        "peer_ms": round(peer_ms, 3),
        "ratio": round(ratio, 4),
        "unit": unit,
        "note": note,
    }


def _buffers(n: int) -> tuple[Tensor, Tensor]:
    return torch.zeros(n), torch.zeros(n)


def _interleaved(ranking: Ranking, floor: Tensor, out: Tensor, reps: int) -> tuple[list[float], list[float]]:
    ours, floors = [], []
    for amount in AMOUNTS[:reps]:
        time.sleep(REST)
        started = time.perf_counter()
        ranking.write(amount, ranking.source, out)
        ours.append(_milliseconds(started))
        time.sleep(REST)
        started = time.perf_counter()
        out.copy_(floor)
        floors.append(_milliseconds(started))
    return ours, floors


def _peer_moves(bench: Bench, ranking: Ranking, out: Tensor) -> tuple[list[float], list[float], str]:
    """Ours before and after each of today's moves, today's, and whether both keep the same weights.

    Today's way needs a fresh copy for each move, as it cannot restore.
    """
    ours, times, words = [], [], []
    for number, amount in enumerate((0.7, 0.5, 0.9)[: bench.peer_moves]):
        ours += _writes(ranking, out, 0.11 + number / 50)
        started = time.perf_counter()
        network = copy.deepcopy(bench.network)
        chosen = [(network.get_submodule(module), name) for module, name in bench.places]
        prune.global_unstructured(chosen, pruning_method=prune.L1Unstructured, amount=amount)
        times.append(_milliseconds(started))
        ours += _writes(ranking, out, 0.21 + number / 50)
        ranking.write(amount, ranking.source, out)
        words.append(_compared(ranking, amount, out, chosen))
    return ours, times, "; ".join(words)


def _writes(ranking: Ranking, out: Tensor, first: float, moves: int = 7) -> list[float]:
    times = []
    for move in range(moves):
        started = time.perf_counter()
        ranking.write(first + move / 1009, ranking.source, out)
        times.append(_milliseconds(started))
    return times


def _compared(ranking: Ranking, amount: float, out: Tensor, chosen: list[tuple[nn.Module, str]]) -> str:
    """Mask and written weights against the peer's, bit by bit. The peer's topk breaks ties as it likes; ours by place."""
    weights = torch.cat([getattr(part, name).detach().reshape(-1) for part, name in chosen]).numpy()
    mask = torch.cat([getattr(part, f"{name}_mask").reshape(-1) for part, name in chosen]).numpy() != 0
    kept = ranking.keep(amount).flat
    differ = np.flatnonzero((kept != mask) | (out.numpy() != weights))
    ties = np.abs(ranking.source[differ]) == np.float32(ranking.threshold(amount))
    if kept.sum() != mask.sum() or not ties.all():
        raise AssertionError(
            f"{differ.size} weights differ from the peer's at {amount}, {int((~ties).sum())} of them no ties"
        )
    return f"at {amount} the peer's mask to the weight" + (
        f", but for {differ.size} equal at the threshold" if differ.size else ""
    )


def _milliseconds(started: float) -> float:
    return (time.perf_counter() - started) * 1e3


if __name__ == "__main__":
    for row in rows():
        sys.stdout.write(
            f"{row['ratio']:>10} {row['unit']:<12} {row['name']}  ({row['ours_ms']} / {row['peer_ms']} ms; {row['note']})\n"
        )

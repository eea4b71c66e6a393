"""stories260K (karpathy/llama2.c: 5 layers, 8 query heads over 4 keys and values each, 260,032 parameters) without layers,
and without heads one by one, no retraining. All 2⁵ sets of layers are measured: the best set of each size is known, and
how near each score comes to it.

The text is the head of TinyStories, which the network was trained on: its first half is what the scores look at, its
second half is what is measured here. A score is an order of leaving; «angular, block» is the paper's own choice, for each
size the neighbours from whose beginning to whose end the angle is smallest (Gromov et al. 2024, arXiv 2403.17887), which is
no order. «any» is the median of all sets of that size. Of heads, the gate's slope |∂L/∂ξ| (Michel et al. 2019, arXiv
1905.10650) is put beside the true change of the loss when that head alone is silenced.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.reproduce import figures
from benchmarks.reproduce.cards import Cards
from pruneviz.engine import calibration, leave_one_out, stream, subsets
from pruneviz.engine.calibration import Calibration
from pruneviz.engine.criterion import find
from pruneviz.engine.structure import find as structures
from pruneviz.engine.structure import heads
from pruneviz.engine.structure.units import Structure
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_evidence import gather
from pruneviz.engine.working import private
from pruneviz.recipe import Recipe

order, title, edition, subjects = 8, "R11, R12. A language model without layers and heads: every choice", 1, ("stories260k",)
SCORES = ("block_influence", "angular", "leave_one_out", "greedy", "alternate", "top", "bottom", "symmetric")
NAMES = {"block_influence": "influence", "angular": "angular", "leave_one_out": "one out", "greedy": "greedy"}
BLOCK = "angular, block"
ENOUGH = 0.6
"""The rank correlation that was asked for."""


def measure(cards: Cards) -> dict[str, Any]:
    subject = cards.base(Recipe("stories260k"))
    first, second = _halves(subject)
    structure = structures.of(subject, "layer")
    (group,) = structure.removable
    network, _ = private(subject.network)
    losses = subsets.every(subject, group.blocks, second).losses
    seen = {key: gather(subject, structure, find(key), first.inputs, first.labels)[group.name] for key in SCORES}
    return {
        "windows": [len(first), len(second)],
        "tokens": [first.predictions, second.predictions],
        "losses": [[sorted(gone), loss] for gone, loss in losses.items()],
        "orders": {key: one.argsort(stable=True).tolist() for key, one in seen.items()},
        "blocks": _blocks(stream.angles(network, group.blocks, first).tolist()),
        "heads": _heads(subject, first, second),
    }


def told(found: dict[str, Any]) -> Iterator[str]:
    yield from _told_layers(found)
    yield from _told_heads(found["heads"])


def _halves(subject: Subject) -> tuple[Calibration, Calibration]:
    """The first and the second half of the held-out windows."""
    n = len(subject.held_out)
    halves = slice(0, n // 2), slice(n // 2, n)
    return tuple(calibration.of(subject, subject.held_out.inputs(at), subject.held_out.labels[at]) for at in halves)


def _blocks(angles: Sequence[Sequence[float]]) -> list[list[int]]:
    """For each size from 1 on, the neighbours from whose beginning to whose end the angle is smallest."""
    layers = len(angles) - 1
    starts = [min(range(layers - size + 1), key=lambda at, n=size: angles[at][at + n]) for size in range(1, layers)]
    return [list(range(at, at + size)) for size, at in enumerate(starts, 1)]


def _heads(subject: Subject, first: Calibration, second: Calibration) -> dict[str, Any]:
    """Of query heads, and of keys and values with all their queries: the gate's slope, the true change on both halves."""
    inputs = subject.held_out.inputs(slice(0, 1))
    network, _ = private(subject.network)
    found = {}
    for name, structure in (("query heads", heads.queries(network, inputs)), ("groups", heads.structure(network, inputs))):
        slopes = gather(subject, structure, find("head_importance"), first.inputs, first.labels)
        halves = [leave_one_out.changes(subject, structure, half) for half in (first, second)]
        found[name] = [_flat(structure, one) for one in (slopes, *halves)]
    return found


def _flat(structure: Structure, values: Mapping[str, Any]) -> list[float]:
    return [float(value) for group in structure.removable for value in values[group.name]]


def _told_layers(found: dict[str, Any]) -> Iterator[str]:
    layers = max(len(gone) for gone, _ in found["losses"])
    known = subsets.Measured(layers, {frozenset(gone): loss for gone, loss in found["losses"]})
    chosen = _chosen(found, layers)
    dense = math.exp(known.losses[frozenset()])
    yield from (f"Perplexity of all {layers} layers on the second half ({found['tokens'][1]:,} tokens): {dense:.2f}.", "")
    body, above = [], {key: [] for key in chosen}
    for size in range(1, layers):
        best, every = known.best(size), [loss for gone, loss in known.losses.items() if len(gone) == size]
        cells = []
        for key, sets in chosen.items():
            gone = frozenset(sets[size - 1])
            cells.append(f"{_perplexity(known.losses[gone])} ({known.place(gone)})")
            above[key].append(known.losses[gone] - known.losses[best])
        whole = f"{_perplexity(known.losses[best])} (without {', '.join(str(at + 1) for at in sorted(best))})"
        body.append([f"{size} of {layers}", whole, *cells, _perplexity(statistics.median(every))])
    yield from figures.rows(["gone", "best set", *(NAMES.get(key, key) for key in chosen), "any"], body)
    counts = ", ".join(str(math.comb(layers, size)) for size in range(1, layers))
    yield f"Perplexity, and in brackets the place among all sets of that size, which are {counts}."
    yield f"{_far(above)} {_nest(known)}"


def _perplexity(loss: float) -> str:
    return f"{math.exp(loss):,.1f}" if loss < math.log(1e5) else f"10^{loss / math.log(10):.1f}"


def _far(above: Mapping[str, Sequence[float]]) -> str:
    """How far each score is above the best set, while more than one layer is left that can tell anything."""
    mean = {key: statistics.fmean(far[:-1]) for key, far in above.items()}
    told = "; ".join(f"{NAMES.get(key, key)} {mean[key]:.2f}" for key in sorted(mean, key=mean.get))
    return f"**Above the best set, in nats per token, on average while two layers and more are left: {told}.**"


def _nest(known: subsets.Measured) -> str:
    nested = all(known.best(size) < known.best(size + 1) for size in range(1, known.layers - 1))
    said = "nest: one order of leaving has all of them" if nested else "do not nest: no order of leaving has all of them"
    return f"The best sets {said}."


def _chosen(found: dict[str, Any], layers: int) -> dict[str, list[list[int]]]:
    """By score, the layers that go at each size from 1 on."""
    orders = {key: [order[:size] for size in range(1, layers)] for key, order in found["orders"].items()}
    return {**{key: orders[key] for key in SCORES[:2]}, BLOCK: found["blocks"], **{key: orders[key] for key in SCORES[2:]}}


def _told_heads(found: Mapping[str, Sequence[Sequence[float]]]) -> Iterator[str]:
    body, holds = [], {}
    for name, (slopes, first, second) in found.items():
        rho, low, high = correlation(slopes, second)
        holds[name] = rho
        cells = [f"{_two(correlation(slopes, first)[0])}", f"{_two(rho)} [{_two(low)}, {_two(high)}]"]
        cells += [_within(slopes, second), _two(correlation(first, second)[0])]
        body.append(
            [f"{len(slopes)} {name}", *cells, f"{figures.signed(min(second), 4)} to {figures.signed(max(second), 4)}"]
        )
    yield ""
    head = ["one by one", "slope and true change, same text", "other text", "other text, within layers 1 to 5"]
    yield from figures.rows([*head, "true change on both texts", "true change, nats per token"], body)
    said = "; ".join(f"{name}: {'holds' if rho >= ENOUGH else 'does not hold'}" for name, rho in holds.items())
    yield f"Spearman's rank correlations, with a 95 % interval over heads. **Asked was at least {ENOUGH}: {said}.**"


def _within(slopes: Sequence[float], changes: Sequence[float], layers: int = 5) -> str:
    """The correlation inside each layer by itself."""
    pairs = zip(np.split(np.array(slopes), layers), np.split(np.array(changes), layers), strict=True)
    return "; ".join(_two(correlation(one, other)[0]) for one, other in pairs)


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def correlation(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's rank correlation and its 95 % interval (Bonett & Wright 2000)."""
    from scipy.stats import spearmanr

    rho = float(spearmanr(one, other).statistic)
    half = 1.959964 * math.sqrt((1 + rho**2 / 2) / max(1, len(one) - 3))
    middle = math.atanh(np.clip(rho, -1 + 1e-12, 1 - 1e-12))
    return rho, math.tanh(middle - half), math.tanh(middle + half)

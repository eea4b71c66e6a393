"""The times that the page prints beside those of a script of its own: do they agree? Prints a table.

`python -m tests.engine.reality_check [CARD ...]`. The other script knows nothing of ours: one call per sample,
`time.perf_counter` around it, median of 50 after 5 that do not count; once with the ways taking turns, as the page does it,
and once each way by itself, over and over, where its weights never leave the processor's cache.
"""

from __future__ import annotations

import statistics
import sys
import time

import torch

from pruneviz.engine import reality, ways
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from pruneviz.truths import CSR, DENSE, SMALLER, WAYS, ZEROS, Crossing, Truth

SAMPLES = ("digits_mlp", "digits_cnn", "digits_resnet", "digits_vit")


def plain_medians(networks: list, inputs, n: int = 50) -> list[float]:
    """Milliseconds of one forward pass of each network, in turns, by the simplest of means."""
    taken: list[list[float]] = [[] for _ in networks]
    with torch.no_grad():
        for at in range(n + 5):
            for mine, network in zip(taken, networks, strict=True):
                started = time.perf_counter()
                ways.call(network, inputs)
                if at >= 5:
                    mine.append(1000 * (time.perf_counter() - started))
    return [statistics.median(mine) for mine in taken]


def compare(name: str, recipe: Recipe) -> Truth:
    """One line for each way and batch: what the page says, what the other script says, and their ratio."""
    subject = card.load(name)
    *_, last = reality.measure(subject, recipe)
    cut = ways.choose(subject, recipe)
    networks = {DENSE: ways.dense(subject), ZEROS: ways.with_zeros(subject, cut.masks)}
    with torch.no_grad():
        networks[CSR] = ways.in_csr(networks[ZEROS], ways.inputs_of(subject, 2))
    networks[SMALLER] = ways.smaller(networks[DENSE], cut, ways.inputs_of(subject, 2))[0]
    for batch in last.truth.batches:
        inputs = ways.inputs_of(subject, batch)
        turns = plain_medians([*networks.values()], inputs)
        for (way, network), other in zip(networks.items(), turns, strict=True):
            said = last.truth.time(way, batch).milliseconds
            inside = "inside the quartiles" if said.low <= other <= said.high else f"{other / said.median:.2f} ×"
            quartiles = f"{said.median:.3f} ({said.low:.3f} to {said.high:.3f})"
            alone = plain_medians([network], inputs)[0]
            print(f"| {name} | {batch} | {WAYS[way]} | {quartiles} | {other:.3f} | {inside} | {alone:.3f} |")
    for one in last.truth.crossings:
        print(f"|   | {one.batch} | {one.what or 'whole network'} | sparse is faster from {_at(one)} |   |   |   |")
    return last.truth


def _at(one: Crossing) -> str:
    return "nowhere up to 99%" if one.at is None else f"{100 * one.at:.1f}%"


def main(names: list[str]) -> None:
    print(
        "| model | batch | way | page: median ms (quartiles) | script, in turns | difference | script, alone |\n"
        "|---|---|---|---|---|---|---|"
    )
    with reality.threads(1):
        for name in names:
            compare(name, Recipe(amount=0.8))


if __name__ == "__main__":
    main(sys.argv[1:] or list(SAMPLES))

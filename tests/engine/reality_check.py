"""The times that the page prints beside those of a script of its own: do they agree? Prints a table.

`python -m tests.engine.reality_check [CARD ...]`. The other script knows nothing of ours: one way at a time, one call per
sample, `time.perf_counter` around it, median of 50 after 5 that do not count.
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


def plain_median(network, inputs, n: int = 50) -> float:
    """Milliseconds of one forward pass, by the simplest of means."""
    taken = []
    with torch.no_grad():
        for at in range(n + 5):
            started = time.perf_counter()
            ways.call(network, inputs)
            if at >= 5:
                taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken)


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
        for way, network in networks.items():
            said = last.truth.time(way, batch).milliseconds
            other = plain_median(network, inputs)
            inside = "inside the quartiles" if said.low <= other <= said.high else f"{other / said.median:.2f} ×"
            quartiles = f"{said.median:.3f} ({said.low:.3f} to {said.high:.3f})"
            print(f"| {name} | {batch} | {WAYS[way]} | {quartiles} | {other:.3f} | {inside} |")
    for one in last.truth.crossings:
        print(f"|   | {one.batch} | {one.what or 'whole network'} | sparse is faster from {_at(one)} |   |   |")
    return last.truth


def _at(one: Crossing) -> str:
    return "nowhere up to 99%" if one.at is None else f"{100 * one.at:.1f}%"


def main(names: list[str]) -> None:
    print(
        "| model | batch | way | page: median ms (quartiles) | script: median ms | difference |\n|---|---|---|---|---|---|"
    )
    with reality.threads(1):
        for name in names:
            compare(name, Recipe(amount=0.8))


if __name__ == "__main__":
    main(sys.argv[1:] or list(SAMPLES))

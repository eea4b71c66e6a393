"""Cubic against one-shot at equal sparsity and equal steps: from a dense network of each seed, a tenth of the steps
with nothing gone, then everything at once, or twenty cuts along the cubic up to seven tenths of the steps.

Zhu & Gupta 2017 (arXiv 1710.01878) propose the cubic; no table of theirs is about networks this small. Han et al. 2015
(arXiv 1506.02626, §3.4) find pruning in rounds ahead of one cut: 9 times fewer weights of AlexNet instead of 5, at no
loss. The same seed is the same dense network and the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.reproduce import figures
from benchmarks.reproduce.asked import Asked, seeded
from benchmarks.reproduce.found import Found
from pruneviz.course import Course
from pruneviz.recipe import Recipe

order, title = 5, "Cubic against one-shot"
SCHEDULES = ("cubic", "one-shot")
AMOUNTS = (0.9, 0.95, 0.98)
DENSE = Course(lab="schedule", method="scratch", schedule="one-shot", annealing="cosine", rate=2e-3, batch=32, every=200)
PRUNED = replace(DENSE, method="trained", annealing="constant", rate=1e-3, start=0.1, stop=0.7)
SETTINGS = {"digits_mlp": (10, 800, 600), "digits_cnn": (10, 800, 600), "fashion": (5, 3000, 2000)}
"""Of each subject: seeds, steps of the dense network, and steps from there on."""


def asked() -> list[Asked]:
    found = []
    for subject, (seeds, before, steps) in SETTINGS.items():
        dense = seeded(f"{subject} dense", Recipe(subject, amount=0.0, course=replace(DENSE, steps=before)), range(seeds))
        found += dense
        for amount in AMOUNTS:
            for schedule in SCHEDULES:
                course = replace(PRUNED, schedule=schedule, steps=steps, every=steps // 10)
                recipe = Recipe(subject, amount=amount, course=course)
                found += seeded(_lane(subject, amount, schedule), recipe, range(seeds), lambda seed, of=dense: of[seed])
    return found


def told(found: Found) -> Iterator[str]:
    body, sure = [], {}
    for subject in SETTINGS:
        dense = figures.percent(found.values(f"{subject} dense", "accuracy"))
        for amount in AMOUNTS:
            each = [figures.percent(found.values(_lane(subject, amount, one), "accuracy")) for one in SCHEDULES]
            apart = figures.difference(*each)
            if apart is None:
                continue
            cells = [figures.spread(one.values()) for one in (dense, *each)]
            body.append([f"`{subject}`", f"{100 * amount:.0f}", str(apart.n), *cells, apart.told()])
            sure[f"{subject} at {100 * amount:.0f} %"] = apart
    yield from figures.rows(["subject", "gone, %", "n", "dense, %", "cubic, %", "one-shot, %", "cubic − one-shot"], body)
    if sure:
        better, worse = ([name for name, one in sure.items() if bound(one)] for bound in (_above, _below))
        told = [f"surely better on {', '.join(better)}"] if better else ["surely better nowhere"]
        told += [f"surely worse on {', '.join(worse)}"] if worse else []
        rest = len(sure) - len(better) - len(worse)
        yield f"**The cubic is {' and '.join(told)}**; in {rest} of {len(sure)} settings the interval holds 0."


def _lane(subject: str, amount: float, schedule: str) -> str:
    return f"{subject} {100 * amount:g} % {schedule}"


def _above(one: figures.Difference) -> bool:
    return one.low > 0


def _below(one: figures.Difference) -> bool:
    return one.high < 0

"""Movement against magnitude on a network that is trained on the first half of the classes and tuned for the second
half, while weights leave along the cubic.

Sanh et al. 2020 (arXiv 2005.07683): on a *fine-tuned* BERT movement is better where little is left; with 3 % of the
encoder's weights F1 is 82.3 with soft movement and 59.6 with magnitude, both distilled. Here: small networks of images,
hard top-k of all scores, the output layer spared, no distillation, equal steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.reproduce import figures
from benchmarks.reproduce.asked import Asked, seeded
from benchmarks.reproduce.found import Found
from pruneviz.course import Course
from pruneviz.engine.training.second import HALVES
from pruneviz.recipe import Recipe

order, title = 6, "Movement against magnitude on a fine-tuned network"
METHODS = ("movement", "magnitude")
AMOUNTS = (0.7, 0.85, 0.95)
COURSE = Course(lab="movement", second=HALVES, rate=1e-3, batch=32, schedule="cubic", start=0.1, stop=0.7)
SETTINGS = {"digits_mlp": (10, 400, "fc3.weight"), "fashion": (5, 2000, "ip3.weight")}
"""Of each subject: seeds, steps of each of the two tasks, and the output layer."""


def asked() -> list[Asked]:
    found = []
    for subject, (seeds, steps, output) in SETTINGS.items():
        for amount in AMOUNTS:
            for method in METHODS:
                course = replace(COURSE, method=method, steps=steps, every=steps // 4)
                recipe = Recipe(subject, amount=amount, spared=(output,), course=course)
                found += seeded(_lane(subject, amount, method), recipe, range(seeds))
    return found


def told(found: Found) -> Iterator[str]:
    body, trend = [], []
    for subject in SETTINGS:
        for amount in AMOUNTS:
            each = [figures.percent(found.values(_lane(subject, amount, one), "accuracy")) for one in METHODS]
            apart = figures.difference(*each)
            if apart is None:
                continue
            cells = [figures.spread(one.values()) for one in each]
            body.append([f"`{subject}`", f"{100 * amount:.0f}", str(apart.n), *cells, apart.told()])
            side = "movement" if apart.low > 0 else "magnitude" if apart.high < 0 else "neither surely"
            trend.append(f"`{subject}` at {100 * amount:.0f} %: {side}")
    yield from figures.rows(["subject", "gone, %", "n", "movement, %", "magnitude, %", "movement − magnitude"], body)
    if trend:
        yield f"Ahead is, {'; '.join(trend)}."


def _lane(subject: str, amount: float, method: str) -> str:
    return f"{subject} {100 * amount:g} % {method}"

"""LeNet-300-100 on Fashion-MNIST at 95 % sparsity: scores of the untrained network choose what goes, then the rest is
trained. Each mask is trained as it is, shuffled within each layer, and with new first values. «trained» is magnitude
after a training; its rest is trained on from where it ended.

Frankle et al. 2021 (arXiv 2009.08576): for SNIP, GraSP and SynFlow neither control costs anything; after a training, by
magnitude, they do. Tanaka et al. 2020 (arXiv 2006.05467): at extreme sparsity SNIP and GraSP empty a layer, SynFlow
does not until it cannot be helped. That SynFlow's flow is conserved is held to the last digits by
`tests/engine/training/test_foresight.py`. A balanced part of the data: 15,000 images to train on, 5,000 to test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.reproduce import figures
from benchmarks.reproduce.asked import Asked, seeded
from benchmarks.reproduce.found import Found
from pruneviz.course import Course
from pruneviz.recipe import Recipe

order, title = 4, "R10. Pruning before training, and what its masks know"
SEEDS = range(5)
FORESIGHT = ("snip", "grasp", "synflow")
METHODS = (*FORESIGHT, "magnitude", "random", "trained")
CONTROLS = ("shuffled", "reinit")
NOISE, HURTS = 0.3, 0.5
"""Points: what a control may cost where it costs nothing, and what it costs at least where it does."""
EXTREME = (0.99, 0.999, 0.9995, 0.9998)
LAYERS = 3
RECIPE = Recipe(
    subject="fashion",
    amount=0.95,
    course=Course(lab="initial", steps=2500, batch=60, rate=1.2e-3, control=",".join(CONTROLS), every=250),
)


def asked() -> list[Asked]:
    found = []
    for method in METHODS:
        recipe = replace(RECIPE, course=replace(RECIPE.course, method=method))
        found += seeded(method, recipe, SEEDS)
    for method in FORESIGHT:
        for amount in EXTREME:
            # Whether a layer is empty is known before the first step; a run has to take one.
            course = replace(RECIPE.course, method=method, steps=1, control="")
            found += seeded(_extreme(method, amount), replace(RECIPE, amount=amount, course=course), SEEDS)
    return found


def told(found: Found) -> Iterator[str]:
    body, verdicts = [], {}
    for method in METHODS:
        ended = lanes(found, method)
        own = ended.get("pruned", {})
        if not own:
            continue
        lost = {control: figures.difference(ended.get(control, {}), own) for control in CONTROLS}
        cells = [figures.spread(ended.get(lane, {}).values()) for lane in ("pruned", *CONTROLS)]
        body.append([method, str(len(own)), *cells, *(one.told() if one else figures.NOTHING for one in lost.values())])
        verdicts[method] = lost["shuffled"]
    head = ["method", "n", "as it is, %", "shuffled, %", "new values, %", "shuffled − as it is", "new values − as it is"]
    yield from figures.rows(head, body)
    yield from figures.rows(["empty layers at", *(f"{100 * one:g} %" for one in EXTREME)], _collapse(found))
    if any(verdicts.values()):
        yield "A shuffled mask costs " + "; ".join(_verdict(*pair) for pair in verdicts.items() if pair[1]) + "."


def lanes(found: Found, method: str) -> dict[str, dict[int, float]]:
    """Percent right at the end of each training, by its name, then by seed."""
    by: dict[str, dict[int, float]] = {}
    for seed, moments in found.moments(method).items():
        for moment in moments:
            if "accuracy" in moment.values:
                by.setdefault(moment.stage, {})[seed] = 100 * moment.values["accuracy"]
    return by


def _extreme(method: str, amount: float) -> str:
    return f"{method} at {100 * amount:g} %"


def _collapse(found: Found) -> list[list[str]]:
    """In how many seeds at least one layer has nothing left."""
    body = []
    for method in FORESIGHT:
        each = [found.values(_extreme(method, amount), "collapsed") for amount in EXTREME]
        if any(each):
            body.append([method, *(f"{sum(one > 0 for one in by.values())} of {len(by)} seeds" for by in each)])
    return body


def _verdict(method: str, lost: figures.Difference) -> str:
    said = f"{method} {figures.signed(-lost.mean)} points"
    if method in FORESIGHT:
        return f"{said} (**{'holds' if abs(lost.mean) <= NOISE else 'does not hold'}**: within {NOISE})"
    if method == "trained":
        return f"{said} (**{'holds' if -lost.mean >= HURTS else 'does not hold'}**: at least {HURTS})"
    return said

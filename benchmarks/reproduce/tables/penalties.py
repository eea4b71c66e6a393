"""LeNet-300-100 on MNIST is trained with an L1 or an L2 penalty, cut once to each sparsity, and retrained there at a
tenth of the rate with the mask held.

Han et al. 2015 (arXiv 1506.02626, §3.1 and figure 5, of AlexNet): half of the weights go for nothing without any
retraining and about nine tenths with it; L1 is better before retraining, L2 after it. Layers compete by their
deviation. Each penalty's strength is one for which the dense network is about as good; they were looked at twice, on
seed 100.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean

from benchmarks.reproduce import figures
from benchmarks.reproduce.asked import Asked, seeded
from benchmarks.reproduce.found import Found
from pruneviz.course import Course
from pruneviz.recipe import Recipe

order, title = 2, "R2. What goes for nothing, and which penalty helps"
SEEDS = range(5)
STRENGTHS = {"l1": 5e-5, "l2": 5e-4}
FLAT = 0.2
"""Points of accuracy: what costs less than this costs nothing here, a fifth of a percent of the images."""
RECIPE = Recipe(
    subject="mnist",
    scope="std",
    amount=0.92,
    course=Course(
        lab="regularise", optimiser="sgd", rate=0.1, annealing="linear", steps=6000, batch=64, retrain=800, every=400
    ),
)
FREE, RETRAINED = 0.5, 0.9
"""How much is expected to go for nothing, without retraining and with it."""


def asked() -> list[Asked]:
    courses = {lane: replace(RECIPE.course, penalty=lane, strength=strength) for lane, strength in STRENGTHS.items()}
    return [one for lane, course in courses.items() for one in seeded(lane, replace(RECIPE, course=course), SEEDS)]


def told(found: Found) -> Iterator[str]:
    curves = {(lane, when): curve(found, lane, when) for lane in STRENGTHS for when in ("before", "after")}
    amounts = sorted({amount for one in curves.values() for amount in one})
    body = []
    for amount in amounts:
        by = {key: one.get(amount, {}) for key, one in curves.items()}
        cells = [figures.spread(by[lane, when].values()) for when in ("before", "after") for lane in STRENGTHS]
        apart = [figures.difference(by["l1", when], by["l2", when]) for when in ("before", "after")]
        told = [one.told() if one else figures.NOTHING for one in apart]
        body.append([f"{100 * amount:.0f}", *cells[:2], told[0], *cells[2:], told[1]])
    head = ["gone, %", "not retrained: L1, %", "L2, %", "L1 − L2", "retrained: L1, %", "L2, %", "L1 − L2"]
    yield from figures.rows(head, body)
    if all(curves.values()):
        yield f"Accuracy on the 10,000 test images. {_free(curves)} {_order(curves)}"


def curve(found: Found, lane: str, when: str) -> dict[float, dict[int, float]]:
    """Percent right at each sparsity, by seed."""
    by: dict[float, dict[int, float]] = {}
    for seed, moment in found.last(lane).items():
        for amount, value in zip(moment.arrays["amounts"], moment.arrays[when], strict=True):
            by.setdefault(round(float(amount), 4), {})[seed] = 100 * float(value)
    return by


def flat_to(by: dict[float, dict[int, float]]) -> float:
    """The sparsity up to which the mean loses less than FLAT points of what it is at no sparsity."""
    amounts = sorted(by)
    dense, last = fmean(by[amounts[0]].values()), 0.0
    for amount in amounts:
        if dense - fmean(by[amount].values()) >= FLAT:
            break
        last = amount
    return last


def _free(curves: dict) -> str:
    reach = {when: {lane: flat_to(curves[lane, when]) for lane in STRENGTHS} for when in ("before", "after")}
    said = [
        " and ".join(f"{100 * reach[when][lane]:.0f} % ({lane.upper()})" for lane in STRENGTHS)
        for when in ("before", "after")
    ]
    held = max(reach["before"].values()) >= FREE and max(reach["after"].values()) >= RETRAINED
    return (
        f"Less than {FLAT} points are lost up to {said[0]} without retraining and up to {said[1]} with it: **about "
        f"{100 * FREE:.0f} and {100 * RETRAINED:.0f} % {'hold' if held else 'do not hold'}.**"
    )


def _order(curves: dict) -> str:
    """Both orderings, where the curves have begun to fall."""
    told = []
    for when, first, words in (("before", "l1", "L1 above L2 before retraining"), ("after", "l2", "L2 above L1 after it")):
        other = "l2" if first == "l1" else "l1"
        mine, theirs = curves[first, when], curves[other, when]
        steep = [amount for amount in sorted(mine) if amount >= RETRAINED or (when == "before" and amount > FREE)]
        pairs = {
            seed: fmean(mine[amount][seed] - theirs[amount][seed] for amount in steep)
            for seed in mine[steep[0]].keys() & theirs[steep[0]].keys()
        }
        apart, won = figures.over(pairs.values()), sum(value > 0 for value in pairs.values())
        most = apart is not None and apart.mean > 0 and won >= 0.8 * len(pairs)
        held = "holds" if most and apart.low > 0 else "holds in most seeds, not surely" if most else "does not hold"
        span = f"from {100 * steep[0]:.0f} to {100 * steep[-1]:.0f} %"
        told.append(
            f"**{words} {held}**: {apart.told() if apart else figures.NOTHING} points on average {span}, in {won} of "
            f"{len(pairs)} seeds. Sparsity by sparsity, {_sides(curves['l1', when], curves['l2', when])}."
        )
    return " ".join(told)


def _sides(one: dict[float, dict[int, float]], two: dict[float, dict[int, float]]) -> str:
    """At which sparsities one penalty is surely above the other."""
    apart = {amount: figures.difference(one[amount], two[amount]) for amount in sorted(one.keys() & two.keys())}
    above = [f"{100 * amount:.0f}" for amount, one in apart.items() if one and one.low > 0]
    below = [f"{100 * amount:.0f}" for amount, one in apart.items() if one and one.high < 0]
    said = [f"{name} is surely above at {', '.join(at)} %" for name, at in (("L1", above), ("L2", below)) if at]
    return ", ".join(said) or "neither is surely above the other anywhere"

"""LeNet-300-100 on MNIST, Adam at 0.0012, batches of 60: each round takes a fifth of what is left (a tenth of the
output layer) and sets the rest back to its first values. Beside each ticket: its mask with new first values, and a
random mask of equal layer sizes.

Frankle & Carbin 2019 (arXiv 1803.03635, §2 and figures 3 and 4): tickets learn faster than the whole network down to 21
% left, are better by more than 0.3 points at 13.5 %, and fall below it at 2.9 %; new first values are worse from 21 %
on. Theirs are trainings of 50,000 steps, these of 5,000: the whole network does not come as far, and it is looked at
every hundred steps. «Early» is the step with the least loss on half of the test images, and the accuracy there on the
other half.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.reproduce import figures
from benchmarks.reproduce.asked import Asked, seeded
from benchmarks.reproduce.found import Found
from pruneviz.course import Course
from pruneviz.engine.training.labs.lottery import ROUND, TICKET
from pruneviz.recipe import Recipe

order, title = 3, "R3. Lottery tickets on MNIST"
SEEDS = range(4)
CONTROLS = {"reinit": "new values", "random": "random mask"}
BELOW = 0.22
"""Where so much or less is left, the ticket is expected to win."""
RECIPE = Recipe(
    subject="mnist",
    scope="layer",
    amount=0.2,
    course=Course(lab="lottery", steps=5000, batch=60, rate=1.2e-3, rounds=16, control=",".join(CONTROLS), every=100),
)


def asked() -> list[Asked]:
    return seeded("hunt", RECIPE, SEEDS)


def told(found: Found) -> Iterator[str]:
    lanes = {lane: column(found, lane) for lane in (TICKET, *CONTROLS)}
    whole, body, wins = lanes[TICKET].get(0, {}), [], {lane: [] for lane in CONTROLS}
    for at, rows in sorted(lanes[TICKET].items()):
        left = np.mean([row["remaining"] for row in rows.values()])
        cells = [figures.spread(_of(lanes[lane].get(at, {}), early).values()) for lane in lanes]
        steps = [figures.spread(_of(lanes[lane].get(at, {}), "early_step").values(), 0) for lane in lanes]
        apart = {lane: figures.difference(_of(rows, early), _of(lanes[lane].get(at, {}), early)) for lane in CONTROLS}
        gain = figures.difference(_of(rows, early), _of(whole, early)) if at else None
        told = [one.told() if one else figures.NOTHING for one in (gain, *apart.values())]
        body.append([f"{100 * left:.1f}", *cells, *told, *steps])
        for lane, one in apart.items():
            if one is not None and left <= BELOW:
                wins[lane].append((100 * left, one))
    names = ["ticket", *CONTROLS.values()]
    head = ["left, %", *(f"{one}, %" for one in names), "ticket − whole", *(f"ticket − {one}" for one in names[1:])]
    yield from figures.rows([*head, *(f"early step: {one}" for one in names)], body)
    if any(wins.values()):
        yield "**" + " ".join(_verdict(CONTROLS[lane], all_of) for lane, all_of in wins.items() if all_of) + "**"


def column(found: Found, lane: str) -> dict[int, dict[int, dict[str, float]]]:
    """By round, then by seed, the lane's row."""
    by: dict[int, dict[int, dict[str, float]]] = {}
    for seed, moment in found.last("hunt").items():
        for row in moment.arrays.get(f"rounds:{lane}", ()):
            one = dict(zip(ROUND, map(float, row), strict=True))
            by.setdefault(int(one["round"]), {})[seed] = one
    return by


def early(row: dict[str, float]) -> float:
    """Percent right where training should have stopped."""
    return 100 * row["early_correct"] / row["early_n"]


def _of(rows: dict[int, dict[str, float]], what) -> dict[int, float]:
    return {seed: row[what] if isinstance(what, str) else what(row) for seed, row in rows.items()}


def _verdict(words: str, found: list[tuple[float, figures.Difference]]) -> str:
    above, sure = sum(one.mean > 0 for _, one in found), sum(one.low > 0 for _, one in found)
    said = f"above the {words} in {above} of {len(found)} rounds with {found[0][0]:.0f} % or less left"
    return f"The ticket is {said}, surely (the interval is above 0) in {sure}."

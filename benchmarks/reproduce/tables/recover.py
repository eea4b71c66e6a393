"""ResNet-20 on CIFAR-10 loses weights in one cut, by magnitude on one scale. Then BatchNorm's statistics are counted
anew, or what is left is trained on 4,000 training images.

Dense: 91.73 % on all 10,000 test images by its makers (akamaster/pytorch_resnet_cifar10), 915 of the 1,000 here; with
far more training, 69.1 % of the weights gone leave 91.43 % (IntelLabs/distiller). The gain is against the cut network
as it was, with Newcombe's interval over the 1,000 images of each run, and Student's over the seeds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.reproduce import figures
from benchmarks.reproduce.asked import Asked, seeded
from benchmarks.reproduce.found import Found
from pruneviz.course import Course
from pruneviz.recipe import Recipe

order, title = 7, "Recover: ResNet-20 with 4,000 training images"
SEEDS = range(3)
AMOUNTS = (0.7, 0.9)
COURSE = Course(
    lab="recover", method="fine-tune", optimiser="sgd", rate=0.01, annealing="cosine", steps=186, batch=64, shift=4, flip=1,
    every=62,
)  # fmt: skip
WAYS = {
    "batchnorm": ("statistics", replace(COURSE, method="batchnorm", steps=62)),
    "fine-tune": ("three epochs", COURSE),
}


def asked() -> list[Asked]:
    found = []
    for amount in AMOUNTS:
        for method, (_, course) in WAYS.items():
            found += seeded(_lane(amount, method), Recipe("resnet20", amount=amount, course=course), SEEDS)
    return found


def told(found: Found) -> Iterator[str]:
    body, sure = [], []
    for amount in AMOUNTS:
        for method, (words, _) in WAYS.items():
            lane = _lane(amount, method)
            after, gain = (figures.percent(found.values(lane, name)) for name in ("accuracy", "gain"))
            low, high = (figures.percent(found.values(lane, name)) for name in ("gain_low", "gain_high"))
            dense, apart = figures.percent(found.values(lane, "dense")), figures.over(gain.values())
            if apart is None:
                continue
            before = [after[seed] - gain[seed] for seed in after]
            each = "; ".join(f"[{figures.signed(low[seed], 1)}, {figures.signed(high[seed], 1)}]" for seed in sorted(low))
            cells = [figures.spread(one, 1) for one in (dense.values(), before, after.values())]
            body.append([f"{100 * amount:.0f}", words, str(apart.n), *cells, apart.told(1), each])
            if method == "fine-tune":
                won = "gains" if min(low.values()) > 0 else "does not surely gain"
                sure.append(f"at {100 * amount:.0f} % it {won} in every seed")
    head = ["gone, %", "repair", "n", "dense, %", "after the cut, %", "repaired, %", "gain over seeds", "gain in each"]
    yield from figures.rows(head, body)
    if sure:
        yield f"**Fine-tuning: {'; '.join(sure)}.**"


def _lane(amount: float, method: str) -> str:
    return f"{method} at {100 * amount:g} %"

"""Prune, retrain, prune again: every round removes the same share of what is left.

Of 100 weights at a fifth per round 80 are left, then 64, then 51: the cuts become smaller as the network does.
"""

from pruneviz.course import Course
from pruneviz.engine.criterion import Paper

name = "by rounds (exponential)"
formula = r"1 - s_k = (1 - s_i) \left(\frac{1 - s_f}{1 - s_i}\right)^{k / n}"
paper = Paper("Frankle & Carbin 2019", "arXiv 1803.03635, §1", "https://arxiv.org/abs/1803.03635")
NEARLY = 1e-9
"""A round that is reached but for a rounding error is reached."""


def amount(at: float, low: float, high: float, course: Course) -> float:
    if low >= 1:
        return high
    done = int(at * course.times + NEARLY)
    return 1 - (1 - low) * ((1 - high) / (1 - low)) ** (done / course.times)

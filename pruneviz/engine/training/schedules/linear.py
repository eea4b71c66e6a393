"""Every cut removes the same number of weights, from the start to the stop.

The fewer weights are left, the larger is the share of them that each cut takes.
"""

from pruneviz.course import Course
from pruneviz.engine.criterion import Paper

name = "linear"
formula = r"s_t = s_i + (s_f - s_i)\, \frac{t - t_0}{n \Delta t}"
paper = Paper("Blalock, Gonzalez Ortiz, Frankle & Guttag 2020", "arXiv 2003.03033, §2.3", "https://arxiv.org/abs/2003.03033")


def amount(at: float, low: float, high: float, course: Course) -> float:
    return low + (high - low) * at

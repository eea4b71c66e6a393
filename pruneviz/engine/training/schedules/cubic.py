"""Cuts fast at first, while there is plenty to spare, and ever more slowly towards the end.

Only within the pruning steps: outside of them the cube would ask for less than nothing, or for more than was wanted.
"""

from pruneviz.course import Course
from pruneviz.engine.criterion import Paper

name = "cubic"
formula = r"s_t = s_f + (s_i - s_f) \left(1 - \frac{t - t_0}{n \Delta t}\right)^3, \quad t_0 \le t \le t_0 + n \Delta t"
paper = Paper("Zhu & Gupta 2017", "arXiv 1710.01878, eq. 1", "https://arxiv.org/abs/1710.01878")


def amount(at: float, low: float, high: float, course: Course) -> float:
    return high + (low - high) * (1 - at) ** 3

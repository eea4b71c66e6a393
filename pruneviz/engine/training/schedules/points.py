"""Your own curve: straight lines through the points that you set, each a share of the way and the sparsity there.

It starts at nothing and ends at the sparsity that is asked for; a point that would bring weights back is lifted to what is
already gone.
"""

import numpy as np

from pruneviz.course import Course
from pruneviz.engine.criterion import Paper

name = "your own points"
formula = r"s_t = \text{the line through } (a_1, s_1), (a_2, s_2), \dots"
paper = Paper("no paper", "the reader's own curve")


def amount(at: float, low: float, high: float, course: Course) -> float:
    shares, amounts = np.array([(0.0, low), *sorted(course.points), (1.0, high)]).T
    return float(np.interp(at, shares, np.maximum.accumulate(amounts)))

"""Everything goes at once, at the start, and what is left has the rest of the run to recover.

The baseline that every slower schedule has to beat at equal steps.
"""

from pruneviz.course import Course
from pruneviz.engine.criterion import Paper

name = "one-shot"
formula = r"s_t = s_f \;\text{ from } t_0 \text{ on}"
paper = Paper("Han, Pool, Tran & Dally 2015", "arXiv 1506.02626, §3", "https://arxiv.org/abs/1506.02626")


def amount(at: float, low: float, high: float, course: Course) -> float:
    return high

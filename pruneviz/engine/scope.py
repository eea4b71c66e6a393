"""Scope: who competes with whom, and how the budget is shared among layers.

Four kinds. A free competition on the raw score (`global`). A competition on a value made of the score and its layer
(`values`: std, lamp). A share for each layer, given by numbers alone (`quota`: layer, erk). A share for each output row of
each layer (`rows`: row, owl). All remove exactly what was asked for, and none revives a weight when more is asked for. Units
compete globally, per group, or among those built alike (`isomorphic`); what is made of single weights has no meaning there,
and the other way round.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from pruneviz.engine.criterion import DATALESS, Evidence, Need, Paper
from pruneviz.engine.outliers import by_outliers
from pruneviz.engine.quota import Quota, by_fans, equally


@dataclass(frozen=True, slots=True)
class Scope:
    """One rule of competition: its words, its formula, and at most one of `values`, `quota` and `rows`.

    `values(scores, weights)`: float64 scores of one layer in ascending order [n_l] → what they compete with, ascending.
    `quota(sizes, shapes, passes)` → a function of K. `rows`: all output rows of a layer give the same share; of layers, too,
    unless `later(evidence)` [L] says how much less of itself each gives, from evidence of its own `needs`. `weights` and
    `units` say what it is offered for.
    """

    key: str
    name: str
    text: str
    formula: str
    paper: Paper
    values: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    quota: Callable[[Sequence[int], Sequence[tuple[int, ...]], ModuleType], Quota] | None = None
    rows: bool = False
    later: Callable[[Sequence[Evidence]], np.ndarray] | None = None
    needs: tuple[Need, ...] = ()
    weights: bool = True
    units: bool = False

    @property
    def needs_data(self) -> bool:
        return any(need not in DATALESS for need in self.needs)


def by_deviation(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """One ruler for all layers: each layer's scores are measured in standard deviations of its weights.

    Removing what lies below q deviations, with q chosen so that the total is right. A layer whose weights are all equal
    has no deviation: it keeps everything until nothing else is left.
    """
    wide = weights.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    deviation = float(np.std(finite)) if finite.size and finite.min() < finite.max() else 0.0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(scores == 0, 0.0, scores / deviation)


def by_lamp(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Each weight is measured by its share of the energy that is still there when its turn comes.

    The largest of every layer counts exactly 1, so no layer dies while another has two weights left. Scores below zero
    count 0 and keep their order.
    """
    top = float(scores[-1]) if scores.size else 0.0
    if top <= 0:
        return np.zeros(scores.size)
    # A power of two scales without rounding, and keeps squares from overflowing or vanishing.
    energy = np.square(np.maximum(np.ldexp(scores, -math.frexp(top)[1]), 0))
    left = np.cumsum(energy[::-1])[::-1]
    return np.divide(energy, left, out=np.zeros(scores.size), where=left > 0)


def _scope(key: str, name: str, formula: str, paper: Paper, text: str, **rule: Callable | bool | tuple) -> Scope:
    return Scope(key, name, inspect.cleandoc(text), formula, paper, **rule)


def shelf(*, units: bool = False) -> dict[str, Scope]:
    """Every scope under which weights compete, or units, by key, in the order of the menu."""
    return {key: scope for key, scope in _every().items() if (scope.units if units else scope.weights)}


@cache
def _every() -> dict[str, Scope]:
    scopes = (
        _scope(
            "global",
            "globally",
            r"\begin{gathered}\text{remove the } K \text{ smallest of all } s_i \\ K = \mathrm{round}(a\,n)\end{gathered}",
            Paper("Frankle & Carbin 2019 (ResNet-18, VGG-19)", "arXiv 1803.03635, §4", "https://arxiv.org/abs/1803.03635"),
            """One competition: all weights, or all units, of all layers on one scale.

            A layer whose scores are small everywhere may lose nearly everything.""",
            units=True,
        ),
        _scope(
            "layer",
            "per layer",
            r"\begin{gathered}\text{remove } c_l \text{ of layer } l \\ |c_l - a\,n_l| < 1 \\"
            r"\textstyle\sum_l c_l = \mathrm{round}(a\,n)\end{gathered}",
            Paper("Baruah, Cohen, Plaxton & Varvel 1996", "Algorithmica 15, 600–625", "https://doi.org/10.1007/BF01940883"),
            equally.__doc__,
            quota=equally,
            units=True,
        ),
        _scope(
            "std",
            "by deviation (Han)",
            r"t_l = q\,\sigma_l",
            Paper("Han, Pool, Tran & Dally 2015", "arXiv 1506.02626, §3.1", "https://arxiv.org/abs/1506.02626"),
            by_deviation.__doc__,
            values=by_deviation,
        ),
        _scope(
            "erk",
            "by ERK budget",
            r"\mathrm{kept}_l \propto \frac{n_{in} + n_{out} + k_h + k_w}{n_{in}\,n_{out}\,k_h\,k_w}",
            Paper("Evci, Gale, Menick, Castro & Elsen 2020", "arXiv 1911.11134, §3", "https://arxiv.org/abs/1911.11134"),
            by_fans.__doc__,
            quota=by_fans,
        ),
        _scope(
            "lamp",
            "by LAMP score",
            r"\frac{w_u^2}{\sum_{v \ge u} w_v^2}",
            Paper("Lee, Park, Mo, Ahn & Shin 2021", "arXiv 2010.07611, eq. 4", "https://arxiv.org/abs/2010.07611"),
            by_lamp.__doc__,
            values=by_lamp,
        ),
        _scope(
            "row",
            "per output row",
            r"\begin{gathered}\text{remove } c_r \text{ of output row } r \\ |c_r - \tau\,n_r| < 1 \\"
            r"\textstyle\sum_r c_r = \mathrm{round}(a\,n)\end{gathered}",
            Paper("Sun, Liu, Bair & Kolter 2023", "arXiv 2306.11695, §3", "https://arxiv.org/abs/2306.11695"),
            """Every output gives the same share of its own weights, to within one.

            Only weights of one row compete, those that make one output, as Wanda is published. No output starves because
            its weights are small. Where the share is no whole number, the rows that give one more are spread evenly.""",
            rows=True,
        ),
        _scope(
            "owl",
            "by outliers (OWL)",
            r"\begin{gathered}s_b = \tau - 2\lambda \, \frac{D_b - \min D}{\max D - \min D}, \text{ in } [0, 1] \\"
            r"D_b = \text{share of } |W|\lVert X \rVert_2 > 5 \cdot \text{mean} \\ \lambda = 0.08\end{gathered}",
            Paper("Yin, Wu, Zhang et al. 2024", "arXiv 2310.05175, §3", "https://arxiv.org/abs/2310.05175"),
            by_outliers.__doc__,
            rows=True,
            later=by_outliers,
            needs=("weight", "input_norm"),
        ),
        _scope(
            "isomorphic",
            "among units built alike",
            r"\begin{gathered}\text{remove } c_k \text{ of the units built alike, } k \\ |c_k - a\,U_k| < 1 \\"
            r"\textstyle\sum_k c_k = \mathrm{round}(a\,U)\end{gathered}",
            Paper("Fang, Ma, Mi & Wang 2024", "arXiv 2407.04616, §3.2", "https://arxiv.org/abs/2407.04616"),
            """Only units that are built alike compete; each kind gives the same share of its own.

            A filter of a wide stage and one of a narrow stage have scores on different scales: comparing them compares
            the stages. Blocks of one stage are built alike and can be compared.""",
            weights=False,
            units=True,
        ),
    )
    return {scope.key: scope for scope in scopes}


def find(key: str, *, units: bool = False) -> Scope:
    """The scope of that name, for weights or for units."""
    offered, there = shelf(units=units), f"there are {', '.join(shelf(units=units))}"
    if key in offered:
        return offered[key]
    if key in _every():
        raise ValueError(f"scope {key!r} is about {'single weights' if units else 'units'}; here {there}")
    raise ValueError(f"unknown scope {key!r}; {there}")

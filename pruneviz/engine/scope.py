"""Scope: who competes with whom, and how the budget is shared among layers.

Four kinds. A free competition on the raw score (`global`). A competition on a value made of the score and its layer
(`values`: std, lamp). A share for each layer, given by numbers alone (`quota`: layer, erk). A share for each output row of
each layer (`rows`: row, owl). All remove exactly what was asked for, and none revives a weight when more is asked for. Units
compete globally, per group, or among those built alike (`isomorphic`); what is made of single weights has no meaning there,
and the other way round.
"""

from __future__ import annotations

import heapq
import inspect
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from types import ModuleType

import numpy as np

from pruneviz.engine.criterion import DATALESS, Evidence, Need, Paper
from pruneviz.engine.outliers import by_outliers

CHECKPOINTS = 1 << 20
"""Numbers kept of a sequence of turns (8 MiB), so that any count is a short way from one that is known."""

Quota = Callable[[int], np.ndarray]
"""How many [L] go of each layer when K go of all."""


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


def equally(sizes: Sequence[int], shapes: Sequence[tuple[int, ...]], passes: ModuleType) -> Quota:
    """Every layer gives the same share, to within one weight, of its own smallest scores."""
    return Turns(tuple(sizes), passes).counts


class Turns:
    """A fixed sequence of n turns in which layer l, of n_l weights, has its j-th turn within half a turn of its due time.

    The j-th turn of layer l falls into the window [⌊(j−1)n/n_l + ½⌋, ⌈jn/n_l − ½⌉), earliest deadline first (Tijdeman
    1980, the chairman assignment problem; Baruah et al. 1996, P-fairness; here with windows narrower by the half that
    rounding K = a·n may take). An interval [s, t) holds less than t − s + 1 windows, as not all (2t+1)n_l/2n can be whole,
    so a turn is never missing. Counts c_l then obey |c_l − a·n_l| < 1 for every amount a that rounds to K, and they never
    fall: the largest remainder gives up the second, divisor methods the first. All is integer arithmetic. The sequence
    repeats after n / gcd(n_1, …, n_L) turns, so few are ever played.
    """

    def __init__(self, sizes: tuple[int, ...], passes: ModuleType) -> None:
        self._where = np.flatnonzero(np.array(sizes, dtype=np.int64))
        self._layers = len(sizes)
        divisor = math.gcd(*sizes) or 1
        self._sizes = np.array(sizes, dtype=np.int64)[self._where] // divisor
        self._period = int(self._sizes.sum())
        self._stride = max(4096, -(-self._period * max(1, self._where.size) // CHECKPOINTS))
        self._known = [np.zeros(self._where.size, dtype=np.int64)]
        self._play = passes.turns
        self._lock = threading.Lock()

    def counts(self, k: int) -> np.ndarray:
        """How many [L] of the first k turns each layer has."""
        rounds, rest = divmod(k, self._period) if self._period else (0, 0)
        with self._lock:
            while len(self._known) <= rest // self._stride:
                done, step = self._known[-1].copy(), (len(self._known) - 1) * self._stride
                self._play(self._sizes, self._period, done, step, step + self._stride)
                self._known.append(done)
        done = self._known[rest // self._stride].copy()
        self._play(self._sizes, self._period, done, rest - rest % self._stride, rest)
        counts = np.zeros(self._layers, dtype=np.int64)
        counts[self._where] = rounds * self._sizes + done
        return counts


def sequence(sizes: Sequence[int]) -> np.ndarray:
    """Whose turn each of the n turns is, int64 [n]: the same turns that `Turns` counts, one by one. For units, not weights.

    `sequence(sizes)[:k]` names class c exactly `Turns(sizes).counts(k)[c]` times.
    """
    where = [at for at, size in enumerate(sizes) if size]
    divisor = math.gcd(*sizes) or 1
    period = list(_period([sizes[at] // divisor for at in where]))
    return np.tile(np.array(where, dtype=np.int64)[period], divisor) if period else np.zeros(0, dtype=np.int64)


def _period(sizes: list[int]) -> Iterator[int]:
    """One period of turns, earliest deadline first among those whose window is open."""
    total, done = sum(sizes), [0] * len(sizes)
    waiting, ready = [(0, at) for at in range(len(sizes))], []
    for now in range(total):
        while waiting and waiting[0][0] <= now:
            at = heapq.heappop(waiting)[1]
            heapq.heappush(ready, ((2 * (done[at] + 1) * total + sizes[at] - 1) // (2 * sizes[at]), at))
        at = heapq.heappop(ready)[1]
        done[at] += 1
        heapq.heappush(waiting, ((2 * done[at] * total + sizes[at]) // (2 * sizes[at]), at))
        yield at


def by_fans(sizes: Sequence[int], shapes: Sequence[tuple[int, ...]], passes: ModuleType) -> Quota:
    """A layer keeps in proportion to its fans, not to its weights: thin layers stay dense, wide ones give most.

    A layer keeps min(n_l, ε·s_l) weights, s_l = inputs + outputs + kernel extents, so one that would keep more than it has
    stays dense, and ε is such that the total is right. Whole numbers by Webster's method: one more for the layer with the
    smallest (2·kept_l + 1) / 2s_l, so the total is exact and nothing comes back.
    """
    fans = [max(1, sum(shape)) for shape in shapes]
    total = sum(sizes)

    def following(kept: list[int], layer: int) -> tuple[Fraction | float, int]:
        return (Fraction(2 * kept[layer] + 1, fans[layer]) if kept[layer] < sizes[layer] else math.inf, layer)

    def latest(kept: list[int], layer: int) -> tuple[Fraction | float, int]:
        return (Fraction(2 * kept[layer] - 1, fans[layer]) if kept[layer] else -math.inf, layer)

    def counts(k: int) -> np.ndarray:
        kept, layers = _water(sizes, fans, total - k), range(len(sizes))
        while sum(kept) < total - k:
            kept[min(following(kept, layer) for layer in layers)[1]] += 1
        while sum(kept) > total - k:
            kept[max(latest(kept, layer) for layer in layers)[1]] -= 1
        # The float start may be off by one on a tie: trade until nobody would.
        while layers and min(following(kept, i) for i in layers) < max(latest(kept, i) for i in layers):
            gains, gives = min(following(kept, i) for i in layers)[1], max(latest(kept, i) for i in layers)[1]
            kept[gains], kept[gives] = kept[gains] + 1, kept[gives] - 1
        return np.array(sizes, dtype=np.int64) - np.array(kept, dtype=np.int64)

    return counts


def _water(sizes: Sequence[int], fans: Sequence[int], budget: int) -> list[int]:
    """min(n_l, ε·s_l) rounded, with ε from filling the layers in the order in which they become dense."""
    left, weight = budget, sum(fans)
    level = 0.0
    for size, fan in sorted(zip(sizes, fans, strict=True), key=lambda pair: pair[0] / pair[1]):
        level = left / weight
        if size >= level * fan:
            break
        left, weight = left - size, weight - fan
        if not weight:
            break
    return [min(size, max(0, math.floor(level * fan + 0.5))) for size, fan in zip(sizes, fans, strict=True)]


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

"""One shot: what each way leaves of a whole network, beside the dense one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, amount, as_percent, float32
from pruneviz.traced import Traced, difference

METHODS = {
    "keep": "leave the survivors", "sparsegpt": "SparseGPT", "least_squares": "least squares", "swaps": "one-swaps",
    "swaps_refit": "one-swaps + least squares", "sparsegpt_refit": "SparseGPT + least squares",
}  # fmt: skip
"""The methods, in the order of the menu, and their words."""
CHOOSES = ("sparsegpt", "sparsegpt_refit")
"""Methods that pick what goes themselves: no criterion is asked."""
CRITERIA = {"random": "random", "magnitude": "magnitude", "wanda": "Wanda", "ria": "RIA"}
QUESTION = "Which weights can go in one pass, and can the survivors cover for them?"
FAR = 3.0
"""A perplexity of more than so many times the best stands at the edge with its number: in its place, it would leave the
others none."""
LONG = 20
"""A name of more letters is broken in two."""
Ways = Mapping[str, Sequence[Traced]]
"""Runs by the words of their way, seeds together."""


@dataclass(frozen=True, slots=True)
class End:
    """How a way ended: the mean over so many seeds of what was measured, and of its interval's ends."""

    name: str
    value: float
    low: float
    high: float
    seeds: int


def way(run: Traced) -> str:
    """How a run chose and what it did with the survivors, in a few words."""
    method = run.recipe.course.method
    if method in CHOOSES:
        return METHODS[method]
    chosen = CRITERIA.get(run.recipe.criterion, run.recipe.criterion)
    return chosen if method == "keep" else f"{chosen} + {METHODS.get(method, method)}"


def outcomes(ways: Ways) -> Chart:
    """A row per way, the best first: what the network measures when its walk is over, beside the dense one."""
    found, metric = ends(ways), _metric(ways)
    if not found:
        title = "No walk has come to its end yet."
        return Chart(title, theme.figure([], "", "", 120), title, (("way",), ()))
    edge = FAR * found[0].value if metric == "perplexity" else math.inf
    near = [one for one in found if one.value <= edge]
    beyond = [one for one in found if one.value > edge]
    dense = _dense(ways)
    chart = theme.figure([_dots(near, metric)], f"{metric}{_judged(ways)}", "", 130 + 42 * len(found))
    if beyond:
        chart.add_trace(_arrows(beyond, max(one.high for one in near), metric))
    order = [*map(_broken, (one.name for one in found))]
    chart.update_yaxes(categoryorder="array", categoryarray=order, autorange="reversed", gridcolor=theme.CLEAR)
    if metric == "accuracy":
        chart.update_xaxes(tickformat=".0%")
    theme.upright(chart, dense, f"dense: {_shown(dense, metric)}")
    title = verdict(ways)
    rows = tuple(
        (one.name, _shown(one.value, metric), _shown(one.low, metric), _shown(one.high, metric), one.seeds) for one in found
    )
    alt = f"{title} A dot per way with its interval, and a line where the dense model stands."
    return Chart(title, chart, alt, (("way", metric, "95% from", "to", "seeds"), rows))


def _judged(ways: Ways) -> str:
    """On how many held-out samples, where all runs say the same number."""
    counts = {run.last("n") for runs in ways.values() for run in runs if run.done}
    return f" on {counts.pop():,.0f} held-out samples" if len(counts) == 1 and None not in counts else ", held-out"


def headline(ways: Ways) -> str:
    """Which way ends best here, in a sentence with its number; or the question."""
    found, metric, bare = ends(ways), _metric(ways), _bare(ways)
    if len(found) < 2:
        return QUESTION
    first, dense = found[0], _shown(_dense(ways), metric)
    alone = next((one for one in found if one.name in bare), None)
    kind = "a perplexity" if metric == "perplexity" else "an accuracy"
    said = f"{_gone(ways)} in one pass: {first.name} ends at {kind} of {_shown(first.value, metric)}"
    if alone is not None and alone is not first:
        said += f", {alone.name} alone at {_shown(alone.value, metric)}"
    return f"{said}; dense it is {dense}."


def verdict(ways: Ways) -> str:
    """What the best way costs, beside the best that leaves the survivors alone; and whether it surely is the best."""
    found, metric, bare = ends(ways), _metric(ways), _bare(ways)
    first, dense = found[0], _dense(ways)
    alone = next((one for one in found if one.name in bare), None)
    unit, cost = " of perplexity" if metric == "perplexity" else " points of accuracy", _cost(first, dense, metric)
    said = f"{first.name} costs {f'{cost}{unit}' if cost else 'nothing'}"
    if alone is not None and alone is not first:
        more = _cost(alone, dense, metric)
        said += f", {alone.name} alone {f'{more}{unit * (not cost)}' if more else 'nothing'}"
    if len(found) < 2:
        return f"{_capital(said)}."
    name = "value" if metric == "perplexity" else "accuracy"
    gap = difference(ways[first.name], ways[found[1].name], name)
    if not gap.known:
        return f"{_capital(said)}: one seed, which proves nothing."
    if gap.low <= 0 <= gap.high:
        return (
            f"{_capital(said)}; over {gap.n} draws of calibration samples nobody can tell {first.name} from {found[1].name}."
        )
    draws = f"over {gap.n} draws of calibration samples, on the same held-out ones,"
    return f"{_capital(said)}; {draws} it does better than {found[1].name}."


def ends(ways: Ways) -> list[End]:
    """The ways that came to an end with a number, the best first."""
    found = [_end(name, [run for run in runs if run.done]) for name, runs in ways.items()]
    sign = 1 if _metric(ways) == "perplexity" else -1
    return sorted((one for one in found if math.isfinite(one.value)), key=lambda one: sign * one.value)


def _end(name: str, runs: Sequence[Traced]) -> End:
    if not runs:
        return End(name, math.nan, math.nan, math.nan, 0)
    sides = zip(*map(_interval, runs), strict=True)
    return End(name, *(math.fsum(side) / len(runs) for side in sides), len(runs))


def _interval(run: Traced) -> tuple[float, float, float]:
    """What a run measured, with the interval of its change against the dense network on the same samples."""
    dense, low, high = (run.last(name) for name in ("dense", "gain_low", "gain_high"))
    right, value = run.last("accuracy"), run.last("value")
    found = right if right is not None else value if value is not None else math.nan
    if dense is None or low is None or high is None or not math.isfinite(low + high):
        return found, math.nan, math.nan
    if right is not None:
        return found, dense + low, dense + high
    return found, dense * math.exp(min(700.0, -high)), dense * math.exp(min(700.0, -low))


def _dots(found: Sequence[End], metric: str) -> go.Scatter:
    to, since = ([max(0.0, side(one)) for one in found] for side in (lambda one: one.high - one.value,
                                                                    lambda one: one.value - one.low))  # fmt: skip
    return go.Scatter(
        x=float32([one.value for one in found]), y=[_broken(one.name) for one in found], mode="markers",
        name="after one shot", showlegend=False, marker={"size": 12, "color": theme.INKS[0]},
        error_x={"type": "data", "symmetric": False, "array": float32(to), "arrayminus": float32(since), "thickness": 1.6,
                 "width": 5},
        customdata=[[one.name, _shown(one.value, metric)] for one in found],
        hovertemplate=f"%{{customdata[0]}}: {metric} %{{customdata[1]}}<extra></extra>",
    )  # fmt: skip


def _arrows(found: Sequence[End], edge: float, metric: str) -> go.Scatter:
    """Those that ended beyond the chart: an arrow at its edge, and the number."""
    shown = [_shown(one.value, metric) for one in found]
    return go.Scatter(
        x=float32([edge] * len(found)), y=[_broken(one.name) for one in found], mode="markers+text", name="beyond the chart",
        showlegend=False, marker={"size": 13, "symbol": "triangle-right", "color": theme.INKS[0]},
        text=[f"{one}  " for one in shown], textposition="middle left",
        customdata=[[one.name, said] for one, said in zip(found, shown, strict=True)],
        hovertemplate=f"%{{customdata[0]}}: {metric} %{{customdata[1]}}, beyond the chart<extra></extra>",
    )  # fmt: skip


def _broken(name: str) -> str:
    return name.replace(" + ", "<br>+ ", 1) if len(name) > LONG else name


def _bare(ways: Ways) -> set[str]:
    """The ways that leave the survivors as they are."""
    return {name for name, runs in ways.items() if all(run.recipe.course.method == "keep" for run in runs)}


def _metric(ways: Ways) -> str:
    return "perplexity" if all(run.last("accuracy") is None for runs in ways.values() for run in runs) else "accuracy"


def _dense(ways: Ways) -> float:
    return next((dense for runs in ways.values() for run in runs if (dense := run.last("dense")) is not None), math.nan)


def _gone(ways: Ways) -> str:
    recipe = next(run.recipe for runs in ways.values() for run in runs)
    if ":" in recipe.granularity:
        n, _, m = recipe.granularity.partition(":")
        return f"{int(m) - int(n)} of every {m} weights gone"
    return f"{as_percent(recipe.amount)} of the weights gone"


def _cost(one: End, dense: float, metric: str) -> str:
    """How much worse than dense: «5.50» of perplexity, «1.2» points of accuracy; empty where it is no worse."""
    worse = one.value - dense if metric == "perplexity" else 100 * (dense - one.value)
    digits = 2 if metric == "perplexity" else 1
    return f"{worse:,.{digits}f}" if round(worse, digits) > 0 else ""


def _shown(value: float, metric: str) -> str:
    if not math.isfinite(value):
        return "–"
    return amount(value) if metric == "perplexity" else as_percent(value)


def _capital(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}"

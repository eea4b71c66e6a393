"""One shot: what each way leaves of a whole network, beside the dense one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from pruneviz import came_of
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32
from pruneviz.charts.labs.ended import End, Ways, best_bare, cost, dense, ends, metric, seeds, shown
from pruneviz.recipe import Recipe
from pruneviz.traced import Traced, difference

METHODS = {
    "keep": "leave the survivors", "sparsegpt": "SparseGPT", "least_squares": "least squares", "swaps": "one-swaps",
    "swaps_refit": "one-swaps + least squares", "sparsegpt_refit": "SparseGPT + least squares",
}  # fmt: skip
"""The methods, in the order of the menu, and their words."""
CHOOSES = ("sparsegpt", "sparsegpt_refit")
"""Methods that pick what goes themselves: a criterion is asked, at most, how much each matrix gives."""
CRITERIA = {"random": "random", "magnitude": "magnitude", "wanda": "Wanda", "ria": "RIA"}
SCOPES = {
    "row": "compared row by row", "layer": "compared matrix by matrix", "global": "compared over all matrices",
    "std": "compared by deviation", "lamp": "compared by LAMP score", "erk": "shared by ERK", "owl": "shared by OWL",
}  # fmt: skip
"""Who competes with whom, or what says how much each matrix gives."""
ALIKE = "as much of every matrix"
"""What a scope of equal shares comes to where the methods choose for themselves."""
QUESTION = "Which weights can go in one pass, and can the survivors cover for them?"
FAR = 3.0
"""A perplexity of more than so many times the best stands at the edge with its number: in its place, it would leave the
others none."""
LONG = 20
"""A name of more letters is broken in two."""


def way(run: Traced) -> str:
    """How a run chose and what it did with the survivors, in a few words."""
    return named(run.recipe)


def named(recipe: Recipe) -> str:
    """The way that a Recipe goes, in the same words."""
    method, asked = recipe.course.method, came_of.opinion(recipe)
    chosen = CRITERIA.get(asked, asked)
    if method in CHOOSES:
        return f"{METHODS[method]}, shares by {chosen}" if chosen else METHODS[method]
    return chosen if method == "keep" else f"{chosen} + {METHODS.get(method, method)}"


def compared(ways: Ways) -> str:
    """Who competed with whom, in a few words; empty of a pattern, which leaves no choice, and where the runs differ."""
    recipes = [run.recipe for runs in ways.values() for run in runs]
    scopes = {one.scope for one in recipes}
    if len(scopes) != 1 or any(":" in one.granularity for one in recipes):
        return ""
    (scope,) = scopes
    if _alike(recipes) and all(one.course.method in CHOOSES for one in recipes):
        return ALIKE
    return SCOPES.get(scope, scope)


def blocks(ways: Ways) -> str:
    """A sentence for those of which the title does not hold: methods that choose compete in blocks; empty where there are
    none."""
    recipes = [run.recipe for runs in ways.values() for run in runs]
    some = any(one.course.method in CHOOSES for one in recipes) and any(one.course.method not in CHOOSES for one in recipes)
    others = f"the others are {compared(ways)}" if compared(ways) else "the others are not"
    said = f" SparseGPT takes {ALIKE}, and compares blocks of columns over all rows; {others}."
    return said if some and _alike(recipes) else ""


def outcomes(ways: Ways, chosen: str = "") -> Chart:
    """A row per way, the best first: what the network measures when its run is over, beside the dense one. The name of the
    way that is `chosen` is bold."""
    found = ends(ways)
    if not found:
        title = "No run has come to its end yet."
        return Chart(title, theme.figure([], "", "", 120), title, (("way",), ()))
    measured, title = metric(ways), verdict(ways)
    bold = f" {chosen} is what is chosen." if any(one.name == chosen for one in found) else ""
    alt = f"{title} A dot per way with its interval, and a line where the dense model stands.{bold}"
    rows = tuple((one.name, *(shown(end, measured) for end in (one.value, one.low, one.high)), one.seeds) for one in found)
    return Chart(title, _figure(ways, found, measured, chosen), alt, (("way", measured, "95% from", "to", "seeds"), rows))


def headline(ways: Ways) -> str:
    """Which way ends best here, in a sentence with its number; or the question."""
    found, measured = ends(ways), metric(ways)
    if len(found) < 2:
        return QUESTION
    first, (by, only) = found[0], _by(ways, found)
    alone = best_bare(ways, found)
    kind = "a perplexity" if measured == "perplexity" else "an accuracy"
    said = f"{_gone(ways)} in one pass{f', {by}' if by else ''}: "
    said += f"{first.name} ends at {kind} of {shown(first.value, measured)}"
    if alone is not None:
        said += f", {alone.name} alone{only} at {shown(alone.value, measured)}"
    return f"{said}; dense it is {shown(dense(ways), measured)}."


def verdict(ways: Ways) -> str:
    """What the best way costs, beside the best that leaves the survivors alone; and whether it surely is the best."""
    found, measured = ends(ways), metric(ways)
    by, only = _by(ways, found)
    said = _costs(ways, found, measured, only)
    said = _capital(f"{by}, {said}" if by else said)
    if len(found) < 2:
        return f"{said}."
    first, second = found[0].name, found[1].name
    gap = difference(ways[first], ways[second], "value" if measured == "perplexity" else "accuracy")
    if not gap.known:
        return f"{said}: {seeds(ways, first, second)}, which proves nothing."
    if gap.low <= 0 <= gap.high:
        return f"{said}; over {gap.n} draws of calibration samples nobody can tell {first} from {second}."
    return f"{said}; over {gap.n} draws of calibration samples, on the same held-out ones, it does better than {second}."


def _alike(recipes: Sequence[Recipe]) -> bool:
    """Whether all of them take equal shares of single weights."""
    return all(one.granularity == "weight" and one.scope in ("row", "layer") for one in recipes)


def _by(ways: Ways, found: Sequence[End]) -> tuple[str, str]:
    """Who competed with whom: of all ways, or, where the best chooses for itself in its own way, of those that do not."""
    by = compared(ways)
    recipes = [run.recipe for run in ways[found[0].name]]
    mixed = by and by != ALIKE and _alike(recipes) and any(one.course.method in CHOOSES for one in recipes)
    return ("", f", {by},") if mixed else (by, "")


def _costs(ways: Ways, found: Sequence[End], measured: str, only: str = "") -> str:
    """What the best costs, and the best that leaves the survivors alone, with what holds of that one `only`."""
    unit = " of perplexity" if measured == "perplexity" else " points of accuracy"
    first, alone, before = found[0], best_bare(ways, found), dense(ways)
    costs = cost(first, before, measured)
    said = f"{first.name} costs {f'{costs}{unit}' if costs else 'nothing'}"
    if alone is None:
        return said
    more = cost(alone, before, measured)
    return f"{said}, {alone.name} alone{only} {f'{more}{unit * (not costs)}' if more else 'nothing'}"


def _figure(ways: Ways, found: Sequence[End], measured: str, chosen: str) -> go.Figure:
    """The dots and the line of the dense network; what is far beyond the best stands at the edge."""
    before = dense(ways)
    edge = FAR * found[0].value if measured == "perplexity" else math.inf
    near, beyond = [one for one in found if one.value <= edge], [one for one in found if one.value > edge]
    chart = theme.figure([_dots(near, measured)], f"{measured}{_judged(ways)}", "", 130 + 42 * len(found))
    if beyond:
        chart.add_trace(_arrows(beyond, max(one.high for one in near), measured))
    order = [_broken(one.name) for one in found]
    chart.update_yaxes(categoryorder="array", categoryarray=order, autorange="reversed", gridcolor=theme.CLEAR)
    chart.update_yaxes(tickvals=order, ticktext=[_bold(_broken(one.name)) if one.name == chosen else _broken(one.name)
                                                 for one in found])  # fmt: skip
    if measured == "accuracy":
        chart.update_xaxes(tickformat=".0%")
    theme.upright(chart, before, f"dense: {shown(before, measured)}")
    return chart


def _judged(ways: Ways) -> str:
    """On how many held-out samples, where all runs say the same number; on a line of its own, for narrow screens."""
    counts = {run.last("n") for runs in ways.values() for run in runs if run.done}
    noun = "windows" if metric(ways) == "perplexity" else "samples"
    return f"<br>on {counts.pop():,.0f} held-out {noun}" if len(counts) == 1 and None not in counts else ", held-out"


def _dots(found: Sequence[End], measured: str) -> go.Scatter:
    to, since = [max(0.0, one.high - one.value) for one in found], [max(0.0, one.value - one.low) for one in found]
    return go.Scatter(
        x=float32([one.value for one in found]), y=[_broken(one.name) for one in found], mode="markers",
        name="after one shot", showlegend=False, marker={"size": 12, "color": theme.INKS[0]},
        error_x={"type": "data", "symmetric": False, "array": float32(to), "arrayminus": float32(since), "thickness": 1.6,
                 "width": 5},
        customdata=[[one.name, shown(one.value, measured)] for one in found],
        hovertemplate=f"%{{customdata[0]}}: {measured} %{{customdata[1]}}<extra></extra>",
    )  # fmt: skip


def _arrows(found: Sequence[End], edge: float, measured: str) -> go.Scatter:
    """Those that ended beyond the chart: an arrow at its edge, and the number."""
    numbers = [shown(one.value, measured) for one in found]
    return go.Scatter(
        x=float32([edge] * len(found)), y=[_broken(one.name) for one in found], mode="markers+text", name="beyond the chart",
        showlegend=False, marker={"size": 13, "symbol": "triangle-right", "color": theme.INKS[0]},
        text=[f"{one}  " for one in numbers], textposition="middle left",
        customdata=[[one.name, said] for one, said in zip(found, numbers, strict=True)],
        hovertemplate=f"%{{customdata[0]}}: {measured} %{{customdata[1]}}, beyond the chart<extra></extra>",
    )  # fmt: skip


def _broken(name: str) -> str:
    """A long name on two lines."""
    if len(name) <= LONG:
        return name
    return name.replace(" + ", "<br>+ ", 1) if " + " in name else name.replace(", ", ",<br>", 1)


def _bold(name: str) -> str:
    """A name, each of its lines in bold."""
    return "<br>".join(f"<b>{line}</b>" for line in name.split("<br>"))


def _gone(ways: Ways) -> str:
    recipe = next(run.recipe for runs in ways.values() for run in runs)
    if ":" in recipe.granularity:
        n, _, m = recipe.granularity.partition(":")
        return f"{int(m) - int(n)} of every {m} weights gone"
    return f"{as_percent(recipe.amount)} of the weights gone"


def _capital(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}"

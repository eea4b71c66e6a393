"""Movement: what pruning by movement costs beside pruning by size, and which weights each of them takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, whole
from pruneviz.charts.labs import lanes as drawn
from pruneviz.charts.labs.gaps import based, going, listed, settled, thin, told
from pruneviz.traced import Traced, difference, ends, seeds

MAGNITUDE, MOVEMENT, SOFT = "magnitude", "movement", "soft-movement"
METHODS = {MAGNITUDE: "magnitude", MOVEMENT: "movement", SOFT: "soft movement"}
"""The methods, in the order in which they are drawn, and their words."""
ALIKE = 0.02
"""Two methods are compared only where what they remove differs by less than this share of all weights."""
Groups = Mapping[str, Sequence[Traced]]


def accuracy(groups: Groups) -> Chart:
    """Accuracy of the masked network while it is tuned for the second task, a line per method with the band of its seeds."""
    groups = {method: [_tuning(run) for run in runs] for method, runs in groups.items()}
    found = drawn.lanes({method: settled(runs) for method, runs in groups.items()}, tuple(METHODS), METHODS)
    chart = theme.figure([], "training step, of the second task", "held-out accuracy (%)", 400)
    for lane in found:
        chart.add_traces(drawn.band(lane, "accuracy"))
    for lane in drawn.lanes({method: going(runs) for method, runs in groups.items()}, tuple(METHODS), METHODS):
        for run in lane.runs:
            chart.add_traces([thin(one, run) for one in drawn.band(drawn.Lane(lane.name, [run], lane.index), "accuracy")])
    means = [value for lane in found for value in seeds(lane.runs, "accuracy").mean]
    if means:
        # The interval of the first steps is wide as the whole chart: it is cut off, the table has it.
        chart.update_yaxes(range=[100 * min(means) - 3, 100.5])
    title = headline(groups)
    alt = f"{title} A line per method against the training steps of the second task."
    header = ("method", "step", "accuracy", "95% from", "to", "sparsity", "seeds")
    return Chart(title, chart, alt, (header, tuple(row for lane in found for row in _rows(lane))))


def verdict(groups: Groups) -> str:
    """Whether movement ends better than magnitude, in a sentence."""
    gap = difference(groups.get(MOVEMENT, ()), groups.get(MAGNITUDE, ()), "accuracy")
    if not gap.n:
        return "Small weights, or weights that become small?"
    gone = f"With {as_percent(ends(groups[MOVEMENT], 'sparsity').mean)} of the weights gone"
    if not gap.known:
        return f"{gone}, one seed of movement and magnitude proves nothing."
    if gap.low > 0:
        return f"{gone}, movement does better than magnitude here."
    if gap.high < 0:
        return f"{gone}, magnitude does better than movement here."
    return f"{gone}, nobody can tell movement from magnitude here."


def headline(groups: Groups) -> str:
    """How the methods end beside magnitude, in one sentence; soft movement only where as much is gone."""
    base = groups.get(MAGNITUDE, ())
    gone = {method: ends(runs, "sparsity") for method, runs in groups.items()}
    others = [method for method in (MOVEMENT, SOFT) if gone.get(method) and gone[method].n]
    if not others or not gone.get(MAGNITUDE) or not gone[MAGNITUDE].n:
        return "Small weights, or weights that become small? Two methods have to come to their end first."
    said, apart = [], []
    for method in others:
        if abs(gone[method].mean - gone[MAGNITUDE].mean) > ALIKE:
            apart.append(f"{METHODS[method]} removed {as_percent(gone[method].mean)}, which is another sparsity")
            continue
        gap = difference(groups[method], base, "accuracy")
        said.append((f"{METHODS[method]} ends {told(gap, 'magnitude')}", gap.n))
    if not said:
        return f"{listed(apart)[:1].upper()}{listed(apart)[1:]}: no fair comparison with magnitude."
    tail = f"; {listed(apart)}" if apart else ""
    return f"With {as_percent(gone[MAGNITUDE].mean)} of the weights gone, {based(said)}{tail}."


def mosaic(run: Traced) -> Chart:
    """What one run keeps and removes, beside what magnitude would keep and remove of the very same weights: four areas."""
    table = run.array("mosaic")
    if table is None:
        title = "Nothing has been removed yet, so there is nothing to compare."
        return Chart(title, theme.figure([], "", "", 120), title, (("",), ()))
    name, total = METHODS.get(run.recipe.course.method, run.recipe.course.method), int(table.sum())
    widths = 100 * table.sum(axis=1) / max(1, total)
    lefts = (0.0, float(widths[0]))
    chart = theme.figure([], f"what {name} does (% of the weights)", "what magnitude would do (%)", 340)
    bottoms = [0.0, 0.0]
    for across in (0, 1):
        for down in (0, 1):
            share = float(100 * table[down, across] / max(1, table[down].sum()))
            place = (lefts[down], float(widths[down]), bottoms[down], share)
            chart.add_trace(_area(place, (down, across), name, int(table[down, across])))
            bottoms[down] += share
    chart.update_layout(bargap=0, barmode="overlay")
    chart.update_xaxes(range=[0, 100])
    chart.update_yaxes(range=[0, 100])
    swapped = int(table[0, 1])
    kept = int(table[0].sum())
    share = as_percent(swapped / kept) if kept else "none"
    title = f"{name.capitalize()} keeps {whole(kept)} weights; {share} of them magnitude would have removed."
    if run.recipe.course.method == MAGNITUDE:
        title = "Magnitude beside itself: it would keep and remove the very same weights."
    rows = tuple(
        (f"{name} {mine}", *(whole(int(table[down, across])) for across in (0, 1)))
        for down, mine in enumerate(("keeps", "removes"))
    )
    header = ("", "magnitude would keep", "magnitude would remove")
    return Chart(title, chart, f"{title} Four areas, one for each pair of verdicts.", (header, rows))


def _tuning(run: Traced) -> Traced:
    """The second task of a run alone: the first is the same for all methods."""
    return replace(run, moments=tuple(one for one in run.moments if one.stage != "pre-train"))


def _rows(lane: drawn.Lane) -> list[tuple[object, ...]]:
    found, gone = seeds(lane.runs, "accuracy"), seeds(lane.runs, "sparsity")
    shares = dict(zip(gone.steps.tolist(), gone.mean, strict=True))
    return [
        (lane.name, int(step), *map(drawn.percent, values), drawn.percent(shares.get(int(step), float("nan"))), found.n)
        for step, *values in zip(found.steps, found.mean, found.low, found.high, strict=True)
    ]


def _area(place: tuple[float, float, float, float], at: tuple[int, int], name: str, count: int) -> go.Bar:
    """One of the four areas: blue where this method keeps, orange and hatched where it removes; pale where they disagree."""
    (left, width, bottom, height), (down, across) = place, at
    colour, hatch = (theme.KEPT, theme.REMOVED)[down], theme.REMOVED_PATTERN if down else ""
    said = f"{name} {('keeps', 'removes')[down]}, magnitude would {('keep', 'remove')[across]}"
    return go.Bar(
        x=[left + width / 2], y=[height], base=[bottom], width=[width], name=f"{said} ({whole(count)})",
        marker={
            "color": colour if down == across else theme.faded(colour, 0.4), "line": {"width": 1.5, "color": theme.QUIET},
            "pattern": {"shape": hatch, "fillmode": "overlay", "solidity": 0.2},
        },
        hovertemplate=f"{said}: {whole(count)} weights<extra></extra>",
    )  # fmt: skip

"""Alike: how alike the filters of one layer look, in the large network and in each that is judged, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart
from pruneviz.charts.labs.gaps import listed
from pruneviz.charts.labs.size import LARGE, METHODS, PRUNED, SCRATCH, SMALL, judged, large
from pruneviz.traced import Spread, Traced, spread

ARRAY = "similarity:"
FULL = 255
"""A map says |cos| in steps of 1/255."""
WORDS = {LARGE: "large, trained", **METHODS}
SHORT = {LARGE: "large", PRUNED: "pruned", SMALL: "small", SCRATCH: "trained afresh"}
NAMES = {LARGE: "the large network", PRUNED: "the pruned one", SMALL: "the small one", SCRATCH: "the one trained afresh"}
ACROSS = 2
"""So many maps stand side by side: four would be too small on a telephone."""
Groups = Mapping[str, Sequence[Traced]]


def layers(groups: Groups) -> list[str]:
    """The layers of which any run has a map, in the network's order."""
    names = (name for runs in groups.values() for run in runs for one in run.moments for name in one.arrays)
    return list(dict.fromkeys(name.removeprefix(ARRAY) for name in names if name.startswith(ARRAY)))


def maps(groups: Groups, layer: str, label: str, seed: int) -> Chart:
    """A map per network, of the run with this seed: a square per pair of filters, similar ones side by side."""
    known = _known(groups)
    shown = {name: picture for name, runs in known.items() if (picture := _of(runs, layer, seed)) is not None}
    if not shown:
        title = "No network has come so far yet that its filters could be compared."
        return Chart(title, theme.figure([], "", "", 120), title, (("",), ()))
    title, rows = _told(known, shown, layer, label)
    header = ("network", "filters", "|cos| to the most alike other one, mean", "95% from", "to", "seeds")
    alt = f"{title} A map per network, seed {seed} where it is known."
    return Chart(title, _drawn(shown), alt, (header, rows))


def nearest(alike: np.ndarray) -> float:
    """|cos| of a filter and the one that looks most like it, as a mean over the filters of a map."""
    others = alike.astype(np.float64) / FULL
    np.fill_diagonal(others, 0.0)
    return float(others.max(axis=1).mean())


def _known(groups: Groups) -> dict[str, list[Traced]]:
    """The runs of each network: the large one's are the first part of those that prune it."""
    found = {LARGE: [large(run) for run in groups.get(PRUNED, ())]}
    return found | {method: [judged(run) for run in groups[method]] for method in METHODS if method in groups}


def _of(runs: Sequence[Traced], layer: str, seed: int) -> np.ndarray | None:
    ordered = sorted(runs, key=lambda run: run.recipe.seed != seed)
    return next((one for run in ordered if (one := run.array(ARRAY + layer)) is not None), None)


def _heat(name: str, alike: np.ndarray, scale: bool) -> go.Heatmap:
    bar = {
        "title": {"text": "|cos|", "side": "top"},
        "thickness": 12,
        "tickvals": [0, 50, 100],
        "ticktext": ["0", "0.5", "1"],
    }
    return go.Heatmap(
        z=np.rint(100 * (alike / FULL)).astype(np.uint8), zmin=0, zmax=100, colorscale=theme.MAGNITUDE, showscale=scale,
        colorbar=bar, hovertemplate=f"{name}<br>|cos| of these two filters: %{{z}}%<extra></extra>",
    )  # fmt: skip


def _told(
    known: Groups, shown: Mapping[str, np.ndarray], layer: str, label: str
) -> tuple[str, tuple[tuple[object, ...], ...]]:
    """The title and the table's rows: of all seeds, not of those alone that are drawn."""
    found = {}
    for name, runs in known.items():
        pictures = [run.array(ARRAY + layer) for run in runs]
        one = spread([nearest(picture) for picture in pictures if picture is not None and len(picture) > 1])
        if one.n:
            found[name] = one
    rows = tuple(
        (WORDS[name], len(shown[name]), *map(_number, (one.mean, one.low, one.high)), one.n) for name, one in found.items()
    )
    return _title(label, found), rows


def _drawn(shown: Mapping[str, np.ndarray]) -> go.Figure:
    down = -(-len(shown) // ACROSS)
    titles = [f"{SHORT[name]}, {len(one)} filters" for name, one in shown.items()]
    chart = make_subplots(down, ACROSS, subplot_titles=titles, horizontal_spacing=0.04, vertical_spacing=0.1)
    for at, (name, one) in enumerate(shown.items()):
        place = {"row": at // ACROSS + 1, "col": at % ACROSS + 1}
        chart.add_trace(_heat(WORDS[name], one, scale=not at), **place)
        axis = f"x{at + 1}" if at else "x"
        chart.update_yaxes(scaleanchor=axis, constrain="domain", autorange="reversed", **place)
        chart.update_xaxes(constrain="domain", **place)
    theme.dress(chart, 40 + 260 * down)
    chart.update_layout(margin={"t": 30})
    chart.update_annotations(font_size=12)
    chart.update_xaxes(showticklabels=False, showgrid=False)
    chart.update_yaxes(showticklabels=False, showgrid=False)
    return chart


def _title(label: str, found: Mapping[str, Spread]) -> str:
    if not found:
        return f"{label} has a single filter: there is nothing to compare it with."
    said = listed([f"{_number(one.mean)} in {NAMES[name]}" for name, one in found.items()])
    n = min(one.n for one in found.values())
    end = "one seed" if n == 1 else f"mean of {n} seeds"
    return f"{label}: to the filter that looks most like it, a filter has |cos| {said} ({end})."


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"

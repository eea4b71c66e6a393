"""Masks: what is left of the first layer after some of the rounds, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent
from pruneviz.charts.holes import shrunk
from pruneviz.traced import Traced

PANELS = 4
"""So many rounds are drawn, evenly spread; the table has all."""


def rounds(run: Traced) -> dict[int, float]:
    """The rounds of which the ticket's weights are known, and the share of weights that was left in each."""
    found = {int(moment.values["round"]): 1 - moment.values["sparsity"] for moment, _ in run.arrays("end")}
    return dict(sorted(found.items()))


def matrices(run: Traced) -> Chart:
    """The first layer's mask after some of the rounds: a cell is as blue as the share of its weights that stays."""
    found = [(int(moment.values["round"]), _mask(moment.arrays)) for moment, _ in run.arrays("mask")]
    if not found:
        title = "No round has ended yet, so there is no mask to see."
        return Chart(title, theme.figure([], "", "", 120), title, (("round",), ()))
    shown = [found[at] for at in sorted({round(x) for x in np.linspace(0, len(found) - 1, PANELS)})]
    names = [f"round {at}<br>{as_percent(float(mask.mean()))} left" for at, mask in shown]
    chart = make_subplots(1, len(shown), subplot_titles=names, horizontal_spacing=0.03, shared_yaxes=True)
    for panel, (at, mask) in enumerate(shown, 1):
        chart.add_trace(_matrix(at, mask), 1, panel)
    theme.dress(chart, 320)
    chart.update_layout(margin={"t": 52})
    chart.update_annotations(font={"size": 12})
    chart.update_xaxes(showgrid=False, showticklabels=False, title="inputs")
    chart.update_yaxes(autorange="reversed", showgrid=False, showticklabels=False)
    chart.update_yaxes(title="outputs", col=1)
    last, mask = found[-1]
    title = f"After round {last}, {_empty(mask)} of the first layer have no weight left."
    rows = tuple((at, as_percent(float(one.mean())), *_alive(one)) for at, one in found)
    header = ("round", "weights left in the first layer", "outputs with any", "inputs with any")
    return Chart(title, chart, f"{title} A picture of the mask for {len(shown)} rounds.", (header, rows))


def _mask(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """The first layer's mask as a matrix [outputs, all else], bool."""
    shape = [int(one) for one in arrays["mask_shape"]]
    return np.unpackbits(arrays["mask"], count=int(np.prod(shape))).astype(bool).reshape(shape[0], -1)


def _matrix(at: int, mask: np.ndarray) -> go.Heatmap:
    shares = shrunk(mask)
    return go.Heatmap(
        z=np.round(100 * shares).astype(np.uint8), zmin=0, zmax=100, showscale=False,
        colorscale=[[0, theme.faded(theme.KEPT, 0.0)], [1, theme.KEPT]],
        hovertemplate=f"round {at}<br>%{{z}}% of this cell's weights stay<extra></extra>",
    )  # fmt: skip


def _alive(mask: np.ndarray) -> tuple[str, str]:
    return tuple(f"{int(mask.any(axis=axis).sum())} of {mask.shape[1 - axis]}" for axis in (1, 0))


def _empty(mask: np.ndarray) -> str:
    outputs, inputs = (int((~mask.any(axis=axis)).sum()) for axis in (1, 0))
    return f"{outputs} of {mask.shape[0]} outputs and {inputs} of {mask.shape[1]} inputs"

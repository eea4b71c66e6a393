"""Lanes: groups of runs that differ by their seed alone, each a line with a band; the same look on every chart of a lab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import float32
from pruneviz.traced import Spread, Traced, seeds


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One group of runs: its name on screen, its runs, and which of the quiet inks it has."""

    name: str
    runs: Sequence[Traced]
    index: int

    @property
    def style(self) -> dict[str, str]:
        """Colour, dash and marker."""
        return theme.ink(self.index)


@dataclass(frozen=True, slots=True)
class Point:
    """What several seeds say at one place of an axis."""

    x: float
    spread: Spread


def lanes(groups: Mapping[str, Sequence[Traced]], order: Sequence[str], names: Mapping[str, str]) -> list[Lane]:
    """The groups that have a run, in a fixed order: a group has one look, whichever others are there."""
    known = [*order, *sorted(groups.keys() - set(order))]
    return [Lane(names.get(key, key), groups[key], at) for at, key in enumerate(known) if groups.get(key)]


def band(lane: Lane, value: str, unit: float = 100) -> list[go.Scatter]:
    """A value over the training steps: the mean of the seeds, and where there are several the 95 % band around it."""
    found = seeds(lane.runs, value)
    points = [
        Point(float(step), Spread(*map(float, one), found.n))
        for step, *one in zip(found.steps, found.mean, found.low, found.high, strict=True)
    ]
    return line(lane, points, "step %{x:,}", unit, markers=False)


def line(lane: Lane, points: Sequence[Point], at: str, unit: float = 100, *, markers: bool = True) -> list[go.Scatter]:
    """A line through such points, shares, with its band; `at` says where a point is, as a hover template."""
    style, x = lane.style, float32([one.x for one in points])
    sides = [float32([unit * getattr(one.spread, side) for one in points]) for side in ("mean", "low", "high")]
    said = np.stack([*sides[1:], float32([one.spread.n for one in points])], axis=-1) if points else None
    known = bool(points) and all(one.spread.known for one in points)
    between = " (%{customdata[0]:.1f} to %{customdata[1]:.1f}, %{customdata[2]:.0f} seeds)" if known else " (one seed)"
    drawn = go.Scatter(
        x=x, y=sides[0], customdata=said, mode="lines+markers" if markers else "lines", name=lane.name,
        legendgroup=lane.name, line={"color": style["color"], "dash": style["dash"], "width": 2.5},
        marker={"symbol": style["marker"], "size": 7, "color": style["color"]},
        hovertemplate=f"{lane.name}<br>{at}: %{{y:.1f}}{between}<extra></extra>",
    )  # fmt: skip
    # Student's interval knows nothing of the ends of a share: there it is cut off.
    low, high = (np.clip(side, 0, unit) for side in sides[1:])
    return [*([ribbon(lane, x, low, high)] if known else []), drawn]


def ribbon(lane: Lane, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> go.Scatter:
    """The band of a line."""
    return go.Scatter(
        x=np.concatenate((x, x[::-1])), y=np.concatenate((high, low[::-1])), fill="toself", mode="lines", line={"width": 0},
        fillcolor=theme.faded(lane.style["color"], 0.16), hoverinfo="skip", showlegend=False, legendgroup=lane.name,
    )  # fmt: skip


def percent(value: float) -> str:
    """A share in a table, one decimal; a dash where nobody knows it."""
    return "–" if value != value else f"{100 * value:.1f}%".replace("-", "−")


def measured_on(runs: Sequence[Traced]) -> str:
    """On how many seeds and held-out samples a chart stands."""
    n = next((int(run.last("n")) for run in runs if run.last("n") is not None), 0)
    counts = {run.recipe.seed for run in runs}
    many = "one seed" if len(counts) == 1 else f"{len(counts)} seeds"
    return f"{many}, {n:,} held-out samples"

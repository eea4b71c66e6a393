"""Holes: one weight matrix after several ways of pruning as much of it, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32

CELLS = 128
"""A matrix is drawn with at most so many cells along each side."""


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """A matrix [rows, columns] after one way of pruning: `kept` says which of its numbers stay, `words` how it was done."""

    name: str
    words: str
    kept: np.ndarray

    @property
    def zeros(self) -> float:
        return 1 - float(self.kept.mean()) if self.kept.size else 0.0

    @property
    def smaller(self) -> tuple[int, int]:
        """The rows and columns that hold anything: the dense matrix that is left."""
        return int(self.kept.any(axis=1).sum()), int(self.kept.any(axis=0).sum())


def headline(label: str, holes: Sequence[Hole]) -> str:
    """What differs between ways of removing as many weights of one matrix."""
    rows, columns = holes[0].kept.shape
    share = as_percent(float(np.mean([hole.zeros for hole in holes])))
    smaller = [hole for hole in holes if hole.smaller != (rows, columns)]
    if not smaller:
        return f"About {share} of {label} gone in {len(holes)} ways: each leaves a matrix of {rows} × {columns}."
    best = min(smaller, key=lambda hole: hole.smaller[0] * hole.smaller[1])
    left = " × ".join(map(str, best.smaller))
    said = f"About {share} of {label} gone in {len(holes)} ways"
    return f"{said}; {best.name} alone leave a smaller matrix, {left} instead of {rows} × {columns}."


def hole(one: Hole) -> Chart:
    """One matrix as a picture: blue where weights stay, empty where they went; a cell shows the share that stays."""
    shares = shrunk(one.kept)
    rows, columns = one.kept.shape
    heat = go.Heatmap(
        z=float32(100 * shares),
        x0=0.5 * columns / shares.shape[1],
        dx=columns / shares.shape[1],
        y0=0.5 * rows / shares.shape[0],
        dy=rows / shares.shape[0],
        zmin=0,
        zmax=100,
        colorscale=[[0, theme.faded(theme.KEPT, 0.0)], [1, theme.KEPT]],
        showscale=False,
        hovertemplate="row %{y:.0f}, column %{x:.0f}: %{z:.0f}% kept<extra></extra>",
    )
    chart = theme.figure([heat], "the weights of each output", "outputs", 260)
    chart.update_yaxes(autorange="reversed", showgrid=False, nticks=5)
    chart.update_xaxes(showgrid=False, nticks=5)
    alive = one.smaller
    empty = f"{rows - alive[0]} of {rows} rows and {columns - alive[1]} of {columns} columns are empty"
    title = f"{one.name[:1].upper()}{one.name[1:]}: {as_percent(one.zeros)} zeros"
    said = f"{one.words}; {empty}."
    table = (
        ("", "value"),
        (("zeros", as_percent(one.zeros)), ("empty rows", rows - alive[0]), ("empty columns", columns - alive[1])),
    )
    return Chart(title, chart, f"{title}. {said}", table)


def shrunk(kept: np.ndarray) -> np.ndarray:
    """A mask [rows, columns] as at most 128 × 128 cells, each the share of its numbers that stay."""
    shares = kept.astype(np.float64)
    for axis in (0, 1):
        size = shares.shape[axis]
        step = _step(size)
        starts = np.arange(0, size, step)
        counts = np.minimum(step, size - starts)
        shares = np.add.reduceat(shares, starts, axis=axis) / (counts[:, None] if axis == 0 else counts)
    return shares


def _step(size: int) -> int:
    """How many rows or columns make a cell: the same for all of them, where that is possible."""
    least = max(1, -(-size // CELLS))
    return next((step for step in range(least, 2 * least) if size % step == 0), least)

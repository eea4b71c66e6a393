"""Attribution: where the dense and the pruned network look in one image, and where they differ.

A map is drawn as shares of its own total, because a pruned network's scores are often smaller: what is compared is where it
looks, not how loudly it answers. On both kinds of map purple is more and green is less.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz.attribution import METHODS, Attribution
from pruneviz.charts import picture, theme
from pruneviz.charts.chart import Chart, as_percent, float32
from pruneviz.plain import one_line

SAME, MOSTLY = 0.9, 0.7
"""Rank agreements from which on we say «the same pixels» and «mostly the same»: conventions, said where they are used."""
CHANCE = 0.1
"""By so much the two networks must agree more than two images do, or the words say that they look elsewhere."""
CELLS = 64
"""A map is drawn with at most so many cells along each side."""
SIGNED = f"{theme.SIGNED}_r"
_ZONES = ("top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right")


def finding(found: Attribution) -> str:
    """Whether both networks look at the same pixels, in one sentence with its number."""
    agreement = found.agreement
    if agreement is None:
        which = "pruned" if np.ptp(found.pruned) == 0 else "dense"
        return f"The {which} network's map is the same everywhere: no pixel counts more than another."
    number = _signed(agreement)
    beside = "" if found.elsewhere is None else f" (two different images: {_signed(found.elsewhere)})"
    return f"The pruned network {_verdict(agreement, found.elsewhere)}: rank agreement {number}{beside}."


def maps(found: Attribution, pixels: np.ndarray | None) -> tuple[Chart, ...]:
    """The image, uint8 [H, W, 3], where there is one; the dense network's map, the pruned one's on the same scale, and the
    second minus the first."""
    before, after = shares(found.dense), shares(found.pruned)
    signed = METHODS[found.method].signed
    most = float(max(np.abs(shrunk(one)).max(initial=0) for one in (before, after))) or 1.0
    drawn = [_map(name, one, most, signed, found) for name, one in (("Dense", before), ("Pruned", after))]
    return (*([_image(found, pixels)] if pixels is not None else []), *drawn, _difference(before, after, found))


def shares(values: np.ndarray) -> np.ndarray:
    """A map [H, W] as shares of the sum of its sizes, signs kept; zeros where it is zero everywhere."""
    exact = np.asarray(values, dtype=np.float64)
    total = float(np.abs(exact).sum())
    return exact / total if total > 0 else exact


def shrunk(values: np.ndarray) -> np.ndarray:
    """A map [H, W] with at most 64 cells a side: each the sum of the pixels in it, so that shares stay shares."""
    found = np.asarray(values, dtype=np.float64)
    for axis in (0, 1):
        starts = np.arange(0, found.shape[axis], -(-found.shape[axis] // CELLS))
        found = np.add.reduceat(found, starts, axis=axis)
    return found


def zones(values: np.ndarray) -> list[float]:
    """The sum of a map [H, W] in each of nine parts of the image, row by row from the top left."""
    rows = np.array_split(values, 3, axis=0)
    return [float(part.sum()) for row in rows for part in np.array_split(row, 3, axis=1)]


def _verdict(agreement: float, elsewhere: float | None) -> str:
    if agreement >= SAME:
        return "still looks at the same pixels"
    if agreement >= MOSTLY:
        return "looks at mostly the same pixels"
    if agreement > max(0.0, elsewhere or 0.0) + CHANCE:
        return "looks only partly at the same pixels"
    return "looks at other pixels"


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _image(found: Attribution, pixels: np.ndarray) -> Chart:
    trace = go.Image(source=picture.data_uri(pixels), hoverinfo="skip")
    chart = _square([trace], pixels.shape[:2])
    title = f"The image: «{one_line(found.label, 40)}»"
    said = f"The dense network says {found.target}, the pruned one {found.said}."
    rows = (("right answer", found.label), ("dense network says", found.target), ("pruned network says", found.said))
    return Chart(title, chart, f"{title}. {said}", (("", "class"), rows))


def _map(name: str, values: np.ndarray, most: float, signed: bool, found: Attribution) -> Chart:
    title = f"{name}: {_gathered(values)}"
    scale = (SIGNED, -100 * most) if signed else (theme.MAGNITUDE, 0.0)
    chart = _square([_heat(values, *scale, 100 * most)], shrunk(values).shape)
    rows = tuple((zone, as_percent(part)) for zone, part in zip(_ZONES, zones(values), strict=True))
    alt = f"{title}. {METHODS[found.method].name} of the {name.lower()} network for the class {found.target}."
    return Chart(title, chart, alt, (("part of the image", "share"), rows))


def _gathered(values: np.ndarray) -> str:
    """On how few pixels half of a map lies."""
    sizes = np.sort(np.abs(values).reshape(-1))[::-1]
    if not sizes.any():
        return "no pixel counts"
    half = int(np.searchsorted(np.cumsum(sizes), 0.5 * sizes.sum())) + 1
    return f"half on {half:,} of {sizes.size:,} pixels"


def _difference(before: np.ndarray, after: np.ndarray, found: Attribution) -> Chart:
    change = after - before
    moved = as_percent(0.5 * float(np.abs(change).sum()))
    title = f"Difference: {moved} lies elsewhere"
    most = float(np.abs(shrunk(change)).max(initial=0)) or 1e-3
    chart = _square([_heat(change, SIGNED, -100 * most, 100 * most)], shrunk(change).shape)
    parts = zip(_ZONES, zones(before), zones(after), strict=True)
    rows = tuple((zone, as_percent(one), as_percent(two), as_percent(two - one)) for zone, one, two in parts)
    alt = f"{title}. Purple: the pruned network weighs the pixel more; green: less. {finding(found)}"
    return Chart(title, chart, alt, (("part of the image", "dense", "pruned", "difference"), rows))


def _heat(values: np.ndarray, colours: str, low: float, high: float) -> go.Heatmap:
    cells, ticks = shrunk(values), [low, 0.5 * (low + high), high]
    bar = {"orientation": "h", "thickness": 8, "len": 0.86, "y": -0.03, "yanchor": "top", "tickvals": ticks}
    return go.Heatmap(
        z=float32(100 * cells),
        zmin=low,
        zmax=high,
        colorscale=colours,
        colorbar=bar | {"ticktext": [as_percent(tick / 100) for tick in ticks]},
        hovertemplate="row %{y}, column %{x}: %{z:.2f}%<extra></extra>",
    )


def _square(traces: Sequence[go.Heatmap | go.Image], shape: tuple[int, int]) -> go.Figure:
    """Pixels as squares, the first row on top, without axes."""
    chart = theme.figure(traces, "", "", 300)
    chart.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 44})
    chart.update_xaxes(visible=False, constrain="domain", range=[-0.5, shape[1] - 0.5])
    chart.update_yaxes(visible=False, scaleanchor="x", constrain="domain", range=[shape[0] - 0.5, -0.5])
    return chart

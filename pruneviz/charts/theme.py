"""Theme: every colour of the app, and what all figures share. A colour means one thing on every page, light and dark.

Blue and orange mean kept and removed and nothing else; removed is hatched too. What has no such meaning takes one of
the quiet inks below: each keeps a contrast of at least 3 : 1 against white and against the dark page (WCAG 1.4.11),
they differ in lightness and hue for deuteranopes, and none is the only sign: dash and marker say the same.
"""

from __future__ import annotations

from collections.abc import Iterable

import plotly.graph_objects as go

KEPT = "#0072B2"
REMOVED = "#D55E00"
REMOVED_PATTERN = "/"
PIN, PIN_ON_DARK = "#000000", "#FFFFFF"
MAGNITUDE = "cividis"
SIGNED = "PRGn"
RISE, FALL = "#9A6FB0", "#4C9A5A"
"""The two ends of purple-white-green, dark enough for a marker on white: a rise is purple, a fall is green."""
SIGNED_ZERO = "#F7F7F7"
"""The white between them, where nothing changed."""
SIGNED_ZERO_ON_DARK = "#1C2027"
"""What stands for that white on a dark page: a quiet sheet."""

REMOVED_SOFT = "#F4D3BE"
"""What lies under the hatching of a large area."""

QUIET = "#808080"
GROUND, ON_GROUND = "#5A6270", "#FFFFFF"
"""An area that only holds others, and its words."""
ON_PALE = "#000000"
"""Words on a pale ground."""
ON_DEEP = "#FFFFFF"
"""Words on a deep ground."""
BAR = "rgba(128, 128, 128, 0.45)"
GRID = "rgba(128, 128, 128, 0.25)"
CLEAR = "rgba(0, 0, 0, 0)"
INKS = ("#8A6FD1", "#009E73", "#C2609A", "#8F7F1E", "#5F8F96", "#A0705C")
DASHES = ("solid", "dashdot", "dot", "longdash", "longdashdot", "dash")
MARKERS = ("circle", "diamond", "square", "triangle-up", "cross", "star-triangle-down")
LAWS = {"laplace": "Laplace", "gauss": "Gauss", "generalised": "generalised Gauss"}


def ink(index: int) -> dict[str, str]:
    """The colour, dash and marker of the index-th line that means neither kept nor removed."""
    turn = index // len(INKS)
    return {
        "color": INKS[index % len(INKS)],
        "dash": DASHES[(index + turn) % len(DASHES)],
        "marker": MARKERS[(index + turn) % len(MARKERS)],
    }


def law_line(law: str) -> dict[str, object]:
    """The line of a law: the same on every chart of the weights."""
    style = ink(tuple(LAWS).index(law))
    return {"color": style["color"], "dash": style["dash"], "width": 2.5}


def faded(colour: str, opacity: float) -> str:
    """The same colour, seen through: for the ribbon of an interval."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def on_magnitude(share: float) -> str:
    """Black or white, whichever reads better on that share of the magnitude scale: both reach 4.2 : 1 where they meet."""
    return "#000000" if share >= 0.47 else "#FFFFFF"


def figure(traces: Iterable[go.Bar | go.Scatter | go.Heatmap], x: str, y: str, height: int = 360) -> go.Figure:
    """A figure without ground and without title (the page prints the title, where it wraps), its legend below."""
    chart = go.Figure(list(traces))
    dress(chart, height)
    chart.update_xaxes(title=x)
    chart.update_yaxes(title=y)
    return chart


def dress(chart: go.Figure, height: int) -> None:
    """What every figure shares: clear grounds, quiet grid, legend below, room for a thumb on a telephone."""
    chart.update_layout(
        height=height,
        margin={"l": 8, "r": 12, "t": 12, "b": 8},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        hovermode="closest",
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
    )
    chart.update_xaxes(gridcolor=GRID, zeroline=False, automargin=True)
    chart.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True)


def on_dark(chart: go.Figure) -> go.Figure:
    """The same figure for a dark page: the black outline of what is pinned is white. What is shared is not changed."""
    if not any(_pinned(trace) for trace in chart.data):
        return chart
    other = go.Figure(chart)
    other.for_each_trace(lambda trace: trace.marker.line.update(color=PIN_ON_DARK), selector=_pinned)
    return other


def _pinned(trace: object) -> bool:
    marker = trace.marker if "marker" in trace else None
    return marker is not None and "line" in marker and marker.line.color == PIN


def pale(colour: str, share: float) -> str:
    """That share of a colour on white, opaque: a ground for black words on any page."""
    mixed = (round(255 + share * (int(colour[i : i + 2], 16) - 255)) for i in (1, 3, 5))
    return "#" + "".join(f"{one:02X}" for one in mixed)


def deep(colour: str, share: float) -> str:
    """That share of a colour on the dark page's sheet, opaque: a ground for white words. A colour is taken by three
    quarters at most: so white is read on it by 4.5 : 1 (WCAG 1.4.3)."""
    pairs = ((int(SIGNED_ZERO_ON_DARK[i : i + 2], 16), int(colour[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(low + 0.75 * share * (high - low)):02X}" for low, high in pairs)


def upright(
    chart: go.Figure, x: float, name: str = "", *, color: str = QUIET, dash: str = "dash", width: float = 2, **where
) -> None:
    """A line across the chart at x. Its name stands in the legend, where it collides with nothing on a narrow screen."""
    line = {"color": color, "dash": dash, "width": width}
    chart.add_vline(x, line=line, name=name, showlegend=bool(name), **where)

"""Film: what a figure that moves has below it: Play, Pause, and a slider with a stop for each frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from pruneviz.charts import theme

Stop = Mapping[str, object]


def now(redraw: bool = False) -> dict[str, object]:
    """How a film goes to one of its frames, at once. What is no scatter has to be drawn anew."""
    return {"mode": "immediate", "frame": {"duration": 0, "redraw": redraw}, "transition": {"duration": 0}}


def stop(name: str, label: str, redraw: bool = False) -> Stop:
    """The stop of the slider that shows the frame of this name."""
    return {"args": [[name], now(redraw)], "label": label, "method": "animate"}


def controls(
    chart: go.Figure, stops: Sequence[Stop], prefix: str, *, active: int, pace: int = 350, redraw: bool = False
) -> None:
    """Buttons and slider; whoever calls leaves them room below. `pace`: milliseconds of a frame."""
    play = {"frame": {"duration": pace, "redraw": redraw}, "transition": {"duration": 0}, "fromcurrent": redraw}
    buttons = [
        {"label": "Play", "method": "animate", "args": [None, play]},
        {"label": "Pause", "method": "animate", "args": [[None], now()]},
    ]
    below = {"y": -0.2, "yanchor": "top", "xanchor": "left", "pad": {"t": 0}}
    menu = {**below, "x": 0, "direction": "left", "showactive": False, "type": "buttons", "buttons": buttons}
    slider = {**below, "x": 0, "len": 1.0, "active": active, "steps": stops, "pad": {"t": 40}, "ticklen": 0}
    slider |= {"currentvalue": {"prefix": prefix, "xanchor": "left"}, "minorticklen": 0}
    slider |= {
        "bgcolor": theme.BAR,
        "bordercolor": theme.QUIET,
        "font": {"color": theme.CLEAR},
        "transition": {"duration": 0},
    }
    chart.update_layout(updatemenus=[menu], sliders=[slider])
    chart.layout.sliders[0].currentvalue.font = {"color": theme.QUIET}
    # A button under the pointer turns pale on any page, so its words are no white ones; they are large and bold instead.
    chart.layout.updatemenus[0].font = {"color": theme.QUIET, "size": 15, "weight": "bold"}
    chart.layout.updatemenus[0].bordercolor = theme.QUIET

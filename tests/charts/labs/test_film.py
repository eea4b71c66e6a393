"""A film's controls: a stop for each frame, and buttons that go through them at the pace that was asked for."""

from __future__ import annotations

import plotly.graph_objects as go

from pruneviz.charts.labs import film


def test_every_stop_goes_to_its_frame_and_play_to_all_of_them():
    chart = go.Figure(go.Scatter(x=[0], y=[0]), frames=[go.Frame(name=name) for name in ("a", "b")])
    stops = [film.stop("a", "first"), film.stop("b", "second")]
    film.controls(chart, stops, "at ", active=1, pace=200)
    (slider,), (menu,) = chart.layout.sliders, chart.layout.updatemenus
    assert [(one.label, [*one.args[0]]) for one in slider.steps] == [("first", ["a"]), ("second", ["b"])]
    assert slider.active == 1 and slider.currentvalue.prefix == "at "
    play, pause = menu.buttons
    assert (play.label, pause.label) == ("Play", "Pause") and play.args[1]["frame"]["duration"] == 200
    assert menu.font.weight == "bold" and menu.font.size >= 14, (
        "quiet words on a dark page are read only where they are large"
    )
    assert pause.args[1] == film.now(), "it stays at the frame that is shown"


def test_what_is_no_scatter_is_drawn_anew():
    chart = go.Figure(go.Heatmap(z=[[1]]))
    stops = [film.stop("0", "0", redraw=True)]
    film.controls(chart, stops, "", active=0, redraw=True)
    (slider,), (menu,) = chart.layout.sliders, chart.layout.updatemenus
    assert slider.steps[0].args[1]["frame"]["redraw"] and menu.buttons[0].args[1]["frame"]["redraw"]
    assert menu.buttons[0].args[1]["fromcurrent"], "Play goes on from the column that is looked at"

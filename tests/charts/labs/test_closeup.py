"""The closeup's charts: errors over sparsity, the film of the sweep, and what inputs are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pruneviz.charts import theme
from pruneviz.charts.labs import closeup
from pruneviz.closeup import Closeup, ErrorLine, Sweep


def found(group: int = 0) -> Closeup:
    """Four columns, two rows. Row 0 loses column 1, and its last column moves by a half."""
    start = np.array([[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 1.0]], dtype=np.float32)
    after = np.array([[1.0, 0.0, 3.0, 4.5], [1.0, 1.0, 1.0, 1.0]], dtype=np.float32)
    kept = np.array([[True, False, True, True], [True, True, True, True]])
    pictures = np.stack([start, start, after, after, after])
    sweep = Sweep(pictures, kept, np.array([[0, 0], [2, 0], [0, 0], [0, 0]], np.float32), 4, 2, group)
    lines = tuple(
        ErrorLine(key, name, (0.3, 0.5), (0.01 * size, 0.1 * size), (("2:4", 0.2 * size),))
        for key, name, size in (
            ("magnitude/keep", "magnitude", 2.0),
            ("wanda/keep", "Wanda", 1.0),
            ("wanda/least_squares", "Wanda + least squares", 0.25),
        )
    )
    return Closeup("w", (2, 4), 8, lines, sweep, np.array([1.0, 1, 1, 0.1]), np.array([1.0, 1, 1, 3]), 0.1)


def test_errors_say_what_choosing_and_what_fitting_save():
    chart = closeup.errors(found(), "up")
    assert "saves 50% of the error" in chart.title and "saves 75% of what is left" in chart.title
    assert len(chart.figure.data) == 3 and len(closeup.errors(found(), "up", "2:4").figure.data) == 6
    assert chart.table[1][1] == ("Wanda", "1%", "10%", "20%")
    assert "2 of every 4" in closeup.errors(found(), "up", "2:4").title


def test_errors_speak_of_the_share_that_was_chosen_or_of_the_nearest():
    assert closeup.errors(found(), "up", amount=0.3).title.startswith("30% of up gone: ")
    assert closeup.errors(found(), "up", amount=0.7).title.startswith("50% of up gone: ")
    assert closeup.errors(found(), "up", "2:4", 0.3).title.startswith("2 of every 4 weights of up gone: ")


def test_the_film_begins_before_anything_went_and_no_line_between_groups_passes_for_its_cursor():
    """The cursor has arrows at its ends, beyond the squares, and is wider; a line between groups is broken and quiet."""
    chart = closeup.sweep(found(2), "up").figure
    (slider,), cursor, (between,) = chart.layout.sliders, chart.data[2], chart.layout.shapes
    assert slider.active == 0 and not chart.data[0].z.any() and not len(chart.data[1].x)
    assert list(cursor.x) == [-0.5, -0.5] and cursor.mode == "lines+markers"
    low, high = sorted(chart.layout.yaxis.range)
    assert low < cursor.y[0] < -0.5 and 1.5 < cursor.y[1] < high
    assert between.line.dash == "dash" and between.line.color != cursor.line.color
    assert (between.y0, between.y1) == (-0.5, 1.5) and chart.data[1].showlegend, "a legend before there is a cross, too"
    assert between.line.width < cursor.line.width and "weight before" in chart.data[0].colorbar.title.text


def test_the_film_has_a_frame_for_each_column_and_crosses_behind_the_cursor_only():
    chart = closeup.sweep(found(), "up")
    assert len(chart.figure.frames) == 5 and len(chart.figure.layout.sliders[0].steps) == 5
    assert [len(frame.data[1].x) for frame in chart.figure.frames] == [0, 0, 1, 1, 1]
    assert all(frame.data[1].marker.line.color == theme.REMOVED for frame in chart.figure.frames)
    last = chart.figure.frames[-1].data[0].z
    assert last[0][3] > 0 and last[0][1] == 0 and not last[1].any()
    assert "in this excerpt 1 of 8 weights go" in chart.title and len(chart.table[1]) == 4
    assert len([one for one in closeup.sweep(found(2), "up").figure.layout.shapes if one.type == "line"]) == 1


def test_a_pattern_that_does_not_fit_is_said_in_a_sentence_of_the_lines_and_of_the_film():
    few, heads = "has 10 inputs, no whole groups of 4", "reads attention heads of 12 channels, no whole groups of 8"
    one = replace(found(), unfit=(("2:4", few), ("4:8", heads)))
    assert closeup.unfit(one, "up", "4:8") == f"There is no 4:8 of up: it {heads}."
    assert closeup.unfit(one, "up") == f"There is no 2:4 or 4:8 of up: it {few}."
    said = "1:4 does not fit this matrix, so the film removes single weights, 75% of them."
    assert closeup.instead(replace(one, unfit=(("1:4", few),)), "1:4") == said
    assert closeup.sweep(replace(one, unfit=(("1:4", few),)), "up", "1:4").alt.endswith(said)
    assert closeup.unfit(found(), "up") == closeup.unfit(one, "up", "1:4") == closeup.instead(one, "") == ""


def test_the_worth_of_an_input_is_one_over_the_inverse_hessian():
    """1, 1, 1 and 10: the last has ten of thirteen."""
    chart = closeup.diagonal(found(), "up")
    assert "has 76.9% of the worth of all: a few count far more" in chart.title
    assert chart.table[1][0] == (3, "76.9%", "3")

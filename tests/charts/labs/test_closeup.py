"""The closeup's charts: errors over sparsity, the film of the sweep, and what inputs are worth."""

from __future__ import annotations

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


def test_the_film_has_a_frame_for_each_column_and_crosses_behind_the_cursor_only():
    chart = closeup.sweep(found(), "up")
    assert len(chart.figure.frames) == 5 and len(chart.figure.layout.sliders[0].steps) == 5
    assert [len(frame.data[1].x) for frame in chart.figure.frames] == [0, 0, 1, 1, 1]
    assert all(frame.data[1].marker.line.color == theme.REMOVED for frame in chart.figure.frames)
    last = chart.figure.frames[-1].data[0].z
    assert last[0][3] > 0 and last[0][1] == 0 and not last[1].any()
    assert "in this excerpt 1 of 8 weights go" in chart.title and len(chart.table[1]) == 4
    assert len([one for one in closeup.sweep(found(2), "up").figure.layout.shapes if one.type == "line"]) == 1


def test_the_worth_of_an_input_is_one_over_the_inverse_hessian():
    """1, 1, 1 and 10: the last has ten of thirteen."""
    chart = closeup.diagonal(found(), "up")
    assert "has 76.9% of the worth of all: a few count far more" in chart.title
    assert chart.table[1][0] == (3, "76.9%", "3")

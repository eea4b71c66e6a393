"""The chart of tokens per second: rates by hand, a title that says no more than was measured, and a table of all ways."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pruneviz.charts import theme
from pruneviz.charts.throughput import per_second, rounded, throughput, throughput_title
from pruneviz.truths import DENSE, SMALLER, ZEROS, Spread
from tests.charts.test_reality import STAGES, WHOLE, timed

READ = replace(WHOLE, tokens=100)


def test_a_bar_is_batch_times_tokens_over_time():
    """32 windows of 100 tokens in 2 ms are 1,600,000 tokens a second; in 0.7 of that time 2,285,714. At batch 1 the dense
    network reads 100 tokens in 2 ms."""
    chart = throughput(READ)
    (bars,) = (one for one in chart.figure.data if one.type == "bar")
    labels = dict(zip(chart.figure.layout.yaxis.ticktext, bars.x, strict=True))
    assert labels["dense, batch 32 "] == pytest.approx(1_600_000) and labels["dense, batch 1 "] == pytest.approx(50_000)
    assert labels["smaller, batch 32 "] == pytest.approx(1_600_000 / 0.7)
    assert chart.title == "The really smaller network reads 2,290,000 tokens per second, the dense one 1,600,000 (batch 32)."
    ends = np.array(bars.x) + np.array(bars.error_x.array), np.array(bars.x) - np.array(bars.error_x.arrayminus)
    assert ends[0][0] == pytest.approx(50_000 / 0.98) and ends[1][0] == pytest.approx(50_000 / 1.02)
    assert bars.marker.color[0] == theme.BAR and set(bars.marker.color[1:4]) == {theme.KEPT}


def test_the_table_has_every_way_and_the_gpu_too():
    header, rows = throughput(READ).table
    assert len(rows) == len(READ.times) and all(len(row) == len(header) for row in rows)
    assert ("dense", 1, "cpu", "50,000", "49,000 to 51,000", "") in rows
    assert any(row[:3] == ("2:4 on the GPU", 32, "cuda") and row[3] == "2,000,000" for row in rows)


@pytest.mark.parametrize("stage", [*STAGES])
def test_it_stands_at_every_stage(stage):
    chart = throughput(replace(STAGES[stage], tokens=7))
    assert len(chart.title) > 10 and chart.title in chart.alt and "NaN" not in chart.figure.to_json()


def test_the_title_claims_no_difference_that_is_not_there():
    same = replace(READ, times=(timed(DENSE, 1.0), timed(SMALLER, 1.01)))
    assert "reads no more tokens per second than the dense one: 1,580,000 and 1,600,000" in throughput_title(same)
    noisy = replace(READ, times=(timed(DENSE, 1.0, width=0.3), timed(SMALLER, 0.8, width=0.3)))
    assert "too noisy to say" in throughput_title(noisy)
    zeros = replace(READ, times=(timed(DENSE, 1.0), timed(ZEROS, 1.3)))
    assert throughput_title(zeros).startswith("The network with zeros reads 1,230,000 tokens per second")
    assert throughput_title(replace(READ, times=())) == "How many tokens per second a forward pass reads."


def test_rates_have_three_digits():
    assert [rounded(one) for one in (12_345.6, 123.4, 72.66, 1.0)] == ["12,300", "123", "72.7", "1"]
    assert per_second(Spread(12_345.6, 12_000.0, 13_000.0, 9)) == "12,300 tokens per second (12,000 to 13,000)"

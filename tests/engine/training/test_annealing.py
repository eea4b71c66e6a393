"""How the learning rate goes over a run."""

from __future__ import annotations

import pytest

from pruneviz.engine.training import annealing


def test_the_cosine_rises_then_falls():
    heights = [annealing.cosine(step / 100) for step in range(101)]
    top = heights.index(max(heights))
    assert heights[:top] == sorted(heights[:top]) and heights[top:] == sorted(heights[top:], reverse=True)
    assert 0 < heights[0] < 0.1 and max(heights) == pytest.approx(1) and heights[-1] == pytest.approx(0)
    assert annealing.cosine(-1) == heights[0] and annealing.cosine(2) == pytest.approx(0)


@pytest.mark.parametrize("name", annealing.NAMES)
def test_a_rate_is_a_share_of_its_height(name):
    assert all(0 <= annealing.find(name)(step / 50) <= 1 for step in range(51))

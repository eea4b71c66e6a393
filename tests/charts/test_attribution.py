"""Pictures of where two networks look: titles that are computed, scales that are shared, tables that say the same."""

from __future__ import annotations

import numpy as np
import pytest

from pruneviz.attribution import Attribution
from pruneviz.charts import attribution as charts

PIXELS = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def attribution(dense, pruned, **other):
    maps = [np.asarray(one, dtype=np.float32) for one in (dense, pruned)]
    given = {"method": "saliency", "index": 7, "target": "cat", "said": "dog", "label": "cat", "score": (2.0, 1.0)}
    return Attribution(dense=maps[0], pruned=maps[1], **given | other)


RISING = np.arange(16.0).reshape(4, 4)


@pytest.mark.parametrize(
    ("pruned", "elsewhere", "words"),
    [
        (RISING * 0.01, 0.2, "still looks at the same pixels: rank agreement 1.00 (two different images: 0.20)."),
        (RISING, None, "still looks at the same pixels: rank agreement 1.00."),
        (-RISING, 0.5, "looks at other pixels: rank agreement −1.00 (two different images: 0.50)."),
        (np.zeros((4, 4)), 0.5, "The pruned network's map is the same everywhere: no pixel counts more than another."),
    ],
)
def test_the_finding_is_the_rank_agreement_in_words(pruned, elsewhere, words):
    assert charts.finding(attribution(RISING, pruned, elsewhere=elsewhere)).endswith(words)


@pytest.mark.parametrize(
    ("pruned", "elsewhere", "words"),
    [
        ([[0, 1], [3, 2]], 0.9, "looks at mostly the same pixels: rank agreement 0.80"),
        ([[1, 0], [3, 2]], 0.4, "looks only partly at the same pixels: rank agreement 0.60"),
        ([[1, 0], [3, 2]], 0.55, "looks at other pixels: rank agreement 0.60"),
        ([[1, 0], [3, 2]], None, "looks only partly at the same pixels: rank agreement 0.60"),
    ],
)
def test_partly_the_same_means_more_alike_than_two_images_are(pruned, elsewhere, words):
    """Four ranks: one pair of neighbours changed places is 1 − 6·2/60 = 0.8, two pairs are 0.6."""
    assert words in charts.finding(attribution([[0, 1], [2, 3]], pruned, elsewhere=elsewhere))


def test_maps_share_one_scale_and_the_difference_lies_around_zero():
    dense, pruned = np.zeros((4, 4)), np.zeros((4, 4))
    dense[0, 0], dense[3, 3], pruned[0, 0] = 30.0, 10.0, 0.5
    image, before, after, difference = charts.maps(attribution(dense, pruned), PIXELS)
    one, two, three = (chart.figure.data[0] for chart in (before, after, difference))
    assert (one.zmin, one.zmax) == (two.zmin, two.zmax) == (0, 100), "shares of each map's own total, on one scale"
    assert one.z[0][0] == 75 and one.z[3][3] == 25 and two.z[0][0] == 100
    assert -three.zmin == three.zmax == 25 and three.z[0][0] == 25 and three.z[3][3] == -25
    assert before.title == "Dense: half on 1 of 16 pixels" and difference.title == "Difference: 25% lies elsewhere"
    header, rows = difference.table
    assert header == ("part of the image", "dense", "pruned", "difference")
    assert rows[0] == ("top left", "75%", "100%", "25%") and rows[-1] == ("bottom right", "25%", "0%", "−25%")
    assert image.title == "The image: «cat»" and image.table[1][-1] == ("pruned network says", "dog")
    assert image.figure.data[0].source.startswith("data:image/png;base64,")


def test_what_speaks_against_keeps_its_sign():
    dense = np.array([[3.0, -1.0], [0.0, 0.0]])
    _, before, after, _ = charts.maps(attribution(dense, dense, method="occlusion"), np.zeros((2, 2, 3), np.uint8))
    assert before.figure.data[0].zmin == -75 and before.figure.data[0].z[0][1] == -25
    assert after.figure.data[0].colorscale == before.figure.data[0].colorscale


def test_large_maps_are_drawn_small_and_lose_nothing():
    large = np.random.default_rng(0).random((224, 150))
    cells = charts.shrunk(large)
    assert cells.shape == (56, 50) and cells.sum() == pytest.approx(large.sum())
    assert cells[0, 0] == pytest.approx(large[:4, :3].sum())
    assert sum(charts.zones(large)) == pytest.approx(large.sum())
    assert np.array_equal(charts.shrunk(RISING), RISING)


def test_a_map_of_nothing_and_no_picture():
    charted = charts.maps(attribution(np.zeros((3, 3)), np.zeros((3, 3))), None)
    assert [chart.title for chart in charted] == [
        "Dense: no pixel counts", "Pruned: no pixel counts", "Difference: 0% lies elsewhere"
    ]  # fmt: skip
    assert all(chart.alt and chart.table[1] for chart in charted)

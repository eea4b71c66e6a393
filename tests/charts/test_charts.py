"""Every chart: a finding for a title, an alt text, a table twin, few bars, no NaN; and each title says what its data say."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pruneviz.charts import criteria, layers, theme, truth, weights
from pruneviz.charts.chart import as_percent, number, whole
from pruneviz.report import Agreement, Curve, CurvePoint, Deletions, Fit, LayerDamage, LayerShape, WeightStory, wilson

CHARTS = Path(weights.__file__).parent
NAMES = {"random": "random", "magnitude": "magnitude", "obd": "OBD"}


def shape(label="fc1", ks=(0.02, 0.08), n=10_000, deviation=0.1, scale=0.1, seed=0) -> LayerShape:
    """A Report made by hand: Laplace weights with whatever distances the test wants to hear about."""
    drawn = np.random.default_rng(seed).laplace(0, scale, n) if deviation else np.full(n, 0.5)
    edges = np.linspace(-1, 1, 41) * np.abs(drawn).max()
    sizes = np.sort(np.abs(drawn))
    gone = [round(p / 100 * n) for p in range(101)]
    energy = np.concatenate(([0.0], np.cumsum(sizes**2) / np.sum(sizes**2)))[gone]
    scale = scale if deviation else 0.0
    fits = (
        Fit("laplace", 0.0, scale, 1.0, ks[0], 0.0),
        Fit("gauss", 0.0, scale * 1.4, 2.0, ks[1], 0.0),
        Fit("generalised", 0.0, scale, 1.02, 0.01, 0.0),
    )
    quantiles = np.concatenate(([0.0], sizes))[gone]
    counts = np.histogram(drawn, edges)[0]
    return LayerShape(f"{label}.weight", label, n, 0, 0, 0.0, deviation, edges, counts, quantiles, energy, fits)


def curve(criterion: str, cliff: float, n: int = 200) -> Curve:
    """90% accuracy up to the cliff, 10% from there on."""
    points = []
    for percent in range(0, 101, 10):
        correct = round((0.9 if percent / 100 < cliff else 0.1) * n)
        interval = wilson(correct, n)
        points.append(CurvePoint(percent / 100, percent / 100, correct / n, correct, n, interval, (correct // 2, n // 2)))
    return Curve("digits", criterion, "global", 0, "training", 512, tuple(points), 0.9, 0.1)


def deletions(rho: float = 0.8) -> Deletions:
    true = np.array([1e-4, -2e-3, 0.0, 5e-2])
    predicted = {"obd": np.array([2e-4, 1e-3, 1e-5, 4e-2])}
    return Deletions(("a", "a", "b", "b"), np.arange(4), true, predicted, {"obd": rho}, 512, 1.0)


def story(true: float = 0.08) -> WeightStory:
    """ℓ(w) = 0.2 + (w − 0.4)² · ½: g = 0, h = 1, so the parabola is exact and deleting costs 0.08."""
    values = np.linspace(-0.2, 0.6, 41)
    losses = 0.2 + 0.5 * (values - 0.4) ** 2
    return WeightStory("c.weight", 3, (1, 1), 0.4, 0.0, 1.0, "exact", {}, 10, {}, true, 0.2, values, losses, losses, 512)


RANKS = (np.array([0, 10, 60, 90]), np.array([5, 80, 20, 95]))
AGREEMENT = Agreement(("random", "magnitude", "obd"), np.array([[1, 0.3, 0.2], [0.3, 1, 0.8], [0.2, 0.8, 1]]), (5, 5, 5))
ALL = {
    "histogram": lambda: weights.histogram(shape(), percent=50),
    "histogram of sizes": lambda: weights.histogram(shape(), absolute=True, log=True, percent=100),
    "histogram of a constant": lambda: weights.histogram(shape(deviation=0), percent=50),
    "survival": lambda: weights.survival(shape()),
    "survival, linear": lambda: weights.survival(shape(deviation=0), log=False),
    "lorenz": lambda: weights.lorenz(shape(), 70),
    "layers": lambda: layers.layers([shape("a"), shape("b", (0.1, 0.05)), shape("c", deviation=0)]),
    "no layers": lambda: layers.layers([]),
    "damage": lambda: layers.damage([LayerDamage("a", "a", 0.1, 0.3), LayerDamage("b", "b", 0.2, 1.4)]),
    "no damage": lambda: layers.damage([]),
    "curves": lambda: criteria.curves([curve("random", 0.2), curve("obd", 0.8)], NAMES, {"obd": 0.72}),
    "no curves": lambda: criteria.curves([], NAMES, {}),
    "agreement": lambda: criteria.agreement(AGREEMENT, NAMES),
    "disagreement": lambda: criteria.disagreement(RANKS, 100, ("magnitude", "OBD"), (0.5, 0.5)),
    "truth": lambda: truth.predicted_against_true(deletions(), "obd", NAMES, in_loss=True),
    "along": lambda: truth.along_weight(story()),
}


@pytest.mark.parametrize("name", ALL)
def test_every_chart_speaks(name):
    """A title outside of the figure, alt text that holds it, a rectangular table, at most 150 bars, figures that travel."""
    chart = ALL[name]()
    header, rows = chart.table
    assert chart.title.endswith((".", ")")) and chart.title in chart.alt or chart.alt.startswith("Histogram")
    assert chart.figure.layout.title.text is None
    assert all(len(row) == len(header) for row in rows)
    assert "energy" not in chart.title.lower() + chart.alt.lower() + " ".join(header).lower()
    for trace in chart.figure.data:
        assert trace.type != "bar" or len(trace.x) <= 150
        assert getattr(trace, "x", None) is None or len(trace.x) <= 2_000
    json.loads(chart.figure.to_json())
    assert not re.search(r"\bnan\b|\binf\b", chart.title + chart.alt)


def test_only_the_theme_names_colours():
    for path in CHARTS.glob("*.py"):
        if path.name != "theme.py":
            assert not re.search(r"#[0-9a-fA-F]{6}\b|rgba?\(", path.read_text("utf-8")), f"{path.name} names a colour"


def luminance(colour: str) -> float:
    """WCAG 2's relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", [theme.QUIET, theme.KEPT, theme.REMOVED, theme.RISE, theme.FALL, *theme.INKS])
@pytest.mark.parametrize("ground", ["#FFFFFF", "#0E1117", "#181715"])
def test_every_mark_stands_out_on_light_and_dark(colour, ground):
    """WCAG 1.4.11: 3 : 1 for what is needed to understand a picture, on white and on both dark pages of Streamlit."""
    light, dark = sorted((luminance(colour), luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_lines_differ_without_colour():
    """Up to thirty lines: dash and marker and colour are never all three the same, and never blue or orange."""
    looks = [tuple(theme.ink(index).values()) for index in range(30)]
    assert len(set(looks)) == 30
    assert len({(dash, marker) for _, dash, marker in looks[:6]}) == 6
    assert not {theme.KEPT, theme.REMOVED} & {colour for colour, _, _ in looks}


@pytest.mark.parametrize(
    ("distances", "n", "words"),
    [
        ((0.02, 0.08), 10_000, "fc1 is closer to Laplace than to Gauss (KS 0.02 against 0.08)."),
        ((0.11, 0.05), 10_000, "fc1 is closer to Gauss than to Laplace (KS 0.05 against 0.11)."),
        ((0.21, 0.25), 10_000, "fc1 is neither Laplace nor Gauss; Laplace is the less wrong (KS 0.21 against 0.25)."),
        ((0.07, 0.08), 100, "fc1: 100 weights cannot tell Laplace from Gauss (KS 0.070 against 0.080)."),
    ],
)
def test_the_verdict_is_honest(distances, n, words):
    assert weights.verdict(shape(ks=distances, n=n)) == words


def test_a_constant_layer_has_no_shape():
    assert "constant" in weights.verdict(shape(deviation=0))
    assert layers.layers([shape(deviation=0)]).table[1][0][-1] == "constant"


def test_the_peak_is_not_cut_off():
    """The frame is higher than the Laplace's own peak n · width / 2b, and that peak is drawn."""
    made = shape()
    chart = weights.histogram(made).figure
    peak = made.weights * np.diff(made.edges)[5] / (2 * 0.1)
    drawn = next(trace for trace in chart.data if trace.name == "Laplace")
    assert max(drawn.y) == pytest.approx(peak, rel=1e-5)
    assert chart.layout.yaxis.range[1] > peak
    log = weights.histogram(made, log=True).figure.layout.yaxis
    assert log.type == "log" and 10 ** log.range[1] > peak


def test_folding_loses_no_weight():
    """Under |w| a Laplace is an exponential: the same weights on half the axis, twice as dense."""
    made = shape()
    signed, sizes = weights.histogram(made), weights.histogram(made, absolute=True)
    assert sum(row[2] for row in signed.table[1]) == sum(row[2] for row in sizes.table[1]) == made.weights
    peaks = [max(next(t for t in c.figure.data if t.name == "Laplace").y) for c in (signed, sizes)]
    assert peaks[1] == pytest.approx(2 * peaks[0], rel=1e-5)


def test_thresholds_stand_where_they_lie():
    made = shape()
    names = [line.name for line in weights.histogram(made, percent=50).figure.layout.shapes if line.showlegend]
    assert names == [f"true t = {number(made.quantiles[50])}", f"Laplace predicts t = {number(0.1 * np.log(2))}"]


def test_laplace_survives_in_a_straight_line():
    """log P(|w| > x) = −x / b: equal steps down."""
    chart = weights.survival(shape()).figure
    line = next(trace for trace in chart.data if trace.name == "Laplace")
    steps = np.diff(np.log(np.asarray(line.y, dtype=float)))
    np.testing.assert_allclose(steps, steps[0], rtol=1e-2)
    assert chart.layout.yaxis.type == "log"


def test_survival_counts_the_weights():
    """The drawn share above x is the true share, along the quantiles and out in the tail."""
    made = shape(n=1_000)
    drawn = np.abs(np.random.default_rng(0).laplace(0, 0.1, 1_000))
    dots = weights.survival(made).figure.data[0]
    for x, share in zip(dots.x[1:], dots.y[1:], strict=True):
        assert share == pytest.approx(np.mean(drawn > x), abs=0.0021)


def test_lorenz_title_holds_the_three_numbers():
    made = shape(n=200_000)
    title = weights.lorenz(made, 50).title
    assert as_percent(made.energy[50]) in title and "Laplace 3.3" in title and "Gauss 7.1" in title


def test_layers_name_the_exceptions():
    title = layers.layers([shape("a"), shape("conv1", (0.11, 0.05)), shape("c")]).title
    assert title.startswith("2 of 3 layers are closer to Laplace, 1 to Gauss: conv1;")


def test_layers_say_where_no_law_fits():
    assert "though 1 fit neither well" in layers.layers([shape("a"), shape("b", (0.3, 0.2))]).title


def test_a_pruned_layer_is_called_a_spike():
    """A third of exact zeros: the verdict names them, because no bell can have them."""
    pruned = replace(shape(ks=(0.3, 0.2)), zeros=3_000)
    assert weights.verdict(pruned).endswith("30% of it are exact zeros.")


def test_damage_names_the_layer_that_moves_most():
    chart = layers.damage([LayerDamage("a", "a", 0.1, 0.3), LayerDamage("b", "b", 0.2, 1.4)])
    assert chart.title.startswith("b moves most") and "140" in chart.title


def test_lasts_stops_at_the_first_loss():
    """A point that recovers beyond the cliff does not count."""
    assert criteria.lasts(curve("obd", 0.75)) == 0.7
    points = (*curve("obd", 0.35).points[:5], curve("obd", 2).points[9])
    assert criteria.lasts(Curve("d", "obd", "global", 0, "t", 1, points, 0.9, 0.1)) == 0.3


def test_curves_name_the_winner_and_the_control():
    title = criteria.curves([curve("random", 0.15), curve("magnitude", 0.5), curve("obd", 0.8)], NAMES, {}).title
    assert title.startswith("OBD lasts longest") and "70%" in title and "random pruning only to 10%" in title
    assert "one shot, no fine-tuning" in title
    beaten = criteria.curves([curve("random", 0.8), curve("obd", 0.5)], NAMES, {}).title
    assert "random pruning lasts as far" in beaten or "random pruning lasts longer" in beaten


def test_curves_mark_a_measured_point():
    """The slider at 72%: the ring sits on the measured 70%, not on a made-up point between."""
    chart = criteria.curves([curve("random", 0.2), curve("obd", 0.8)], NAMES, {"obd": 0.72}).figure
    rings = [trace for trace in chart.data if trace.marker.symbol == "circle-open"]
    assert [(list(ring.x), list(ring.y)) for ring in rings] == [([70.0], [90.0])]
    assert any("chance" in (line.name or "") for line in chart.layout.shapes)
    baseline = next(trace for trace in chart.data if trace.name == "random pruning (baseline)")
    assert (baseline.line.color, baseline.line.dash) == (theme.QUIET, "dash")


def perplexities(*values: float) -> Curve:
    """A language model's curve: points at 0 %, 10 % …"""
    points = [
        CurvePoint(at / 10, at / 10, value, None, 8, (0.9 * value, 1.1 * value), (None, None))
        for at, value in enumerate(values)
    ]
    return Curve("stories", "magnitude", "global", 0, "training", 128, tuple(points), values[0], 512.0, metric="perplexity")


@pytest.mark.parametrize(("values", "tick"), [((7.0, 9.0, 600.0), "D2"), ((7.0, 9.0, 3.6e10), 1)])
def test_perplexities_are_drawn_on_a_log_axis_beside_guessing(values, tick):
    chart = criteria.curves([perplexities(*values)], NAMES, {}).figure
    assert chart.layout.yaxis.type == "log" and chart.layout.yaxis.dtick == tick
    assert [(shape.y0, shape.name) for shape in chart.layout.shapes] == [(512.0, "chance, 512.00")]


def test_agreement_names_the_closest_and_the_farthest():
    assert "magnitude and OBD agree most" in criteria.agreement(AGREEMENT, NAMES).title
    assert "80%" in criteria.agreement(AGREEMENT, NAMES).title
    assert criteria.agreement(AGREEMENT, NAMES).figure.layout.xaxis.tickangle is None, "a narrow screen turns the words"


def test_corners_hold_the_right_weights():
    """Cut at rank 50 of 100: weight 0 goes under both, 1 only under the first, 2 only under the second, 3 stays."""
    chart = criteria.disagreement(RANKS, 100, ("magnitude", "OBD"), (0.5, 0.5))
    counts = dict(chart.table[1])
    assert counts == {"both keep": 1, "both remove": 1, "only magnitude removes": 1, "only OBD removes": 1}
    lone = next(trace for trace in chart.figure.data if trace.name.startswith("only magnitude"))
    assert (lone.x[0], lone.y[0]) == pytest.approx((10.5, 80.5))
    assert "50% of 4 sampled" in chart.title


def test_truth_draws_what_a_log_axis_can_hold():
    """One of four changes is exactly 0: three dots are drawn, one in words, all four in the table."""
    chart = truth.predicted_against_true(deletions(), "obd", NAMES, in_loss=True)
    dots = [trace for trace in chart.figure.data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in dots) == 3 and "1 with a size of exactly 0" in chart.alt
    assert len(chart.table[1]) == 4
    assert [trace.name for trace in dots] == ["loss rises (2)", "loss falls (1)"]


@pytest.mark.parametrize(
    ("rho", "words"), [(0.95, "truth"), (0.8, "well"), (0.0, "no better than chance"), (-0.5, "backwards")]
)
def test_truth_says_how_well(rho, words):
    title = truth.predicted_against_true(deletions(rho), "obd", NAMES).title
    assert words in title and f"{rho:.2f}".replace("-", "−") in title


def test_along_weight_marks_both_ends():
    """The parabola is exact here: −g·w + ½h·w² = 0.08, and the title has nothing to complain about."""
    chart = truth.along_weight(story())
    assert chart.title == "Deleting this weight changes the loss by +0.08; the parabola says +0.08."
    marks = {trace.name: (trace.x[0], trace.y[0]) for trace in chart.figure.data if trace.mode == "markers"}
    assert marks["as trained"] == pytest.approx((0.4, 0.2)) and marks["deleted, w = 0"] == pytest.approx((0.0, 0.28))
    assert "50% too little" in truth.along_weight(story(0.16)).title
    assert "the wrong way" in truth.along_weight(story(-0.02)).title


def test_numbers_read_aloud():
    assert [number(v) for v in (0.00123, -2.5e-7, 0)] == ["0.00123", "−2.5 × 10⁻⁷", "0"]
    assert [as_percent(v) for v in (0.0333, 0.7, 0.0004, 0)] == ["3.3%", "70%", "0.04%", "0%"]
    assert whole(1234567) == "1,234,567"

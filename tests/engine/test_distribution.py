"""The laws against their closed forms and scipy, the fits against draws whose parameters are known, and broken layers."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from pruneviz.engine import distribution
from pruneviz.engine.distribution import LAWS, cumulative, density, lorenz, pooled, predicted_threshold, shape_of, survival
from pruneviz.report import Fit

LAPLACE = Fit("laplace", 0.0, 0.05, 1.0, 0.0, 0.0)
GAUSS = Fit("gauss", 0.0, 0.05, 2.0, 0.0, 0.0)
GENERAL = Fit("generalised", 0.02, 0.05, 1.4, 0.0, 0.0)
PEERS = {
    LAPLACE: stats.laplace(0, 0.05),
    GAUSS: stats.norm(0, 0.05),
    GENERAL: stats.gennorm(1.4, 0.02, 0.05),
}
EVERY_LAW = pytest.mark.parametrize("fit", PEERS, ids=LAWS)


@EVERY_LAW
def test_laws_equal_scipy(fit):
    """Density, distribution and both tails, far out too, where 1 − F has no digits left."""
    x = np.linspace(-0.8, 0.8, 401)
    peer = PEERS[fit]
    np.testing.assert_allclose(density(fit, x), peer.pdf(x), rtol=1e-9)
    np.testing.assert_allclose(cumulative(fit, x), peer.cdf(x), rtol=1e-9, atol=1e-300)
    size = np.linspace(0, 0.8, 201)
    np.testing.assert_allclose(survival(fit, size), peer.sf(size) + peer.cdf(-size), rtol=1e-9)


@EVERY_LAW
def test_density_encloses_one(fit):
    x = np.linspace(-3, 3, 600_001)
    assert np.trapezoid(density(fit, x), x) == pytest.approx(1, abs=1e-6)


def test_laplace_threshold_is_the_formula():
    """t = −b·ln(1−s): half of the weights lie below b·ln 2, all of them below infinity."""
    assert predicted_threshold(LAPLACE, 0.5) == pytest.approx(0.05 * math.log(2), rel=1e-12)
    assert predicted_threshold(LAPLACE, 0.0) == 0
    assert predicted_threshold(LAPLACE, 1.0) == math.inf


@given(st.floats(0, 0.999))
def test_threshold_undoes_survival(s):
    """As many weights lie below the predicted threshold as were asked to; here every law stands at 0."""
    for fit in (LAPLACE, GAUSS, Fit("generalised", 0.0, 0.05, 0.6, 0.0, 0.0)):
        assert 1 - survival(fit, predicted_threshold(fit, s)) == pytest.approx(s, abs=1e-9)
    assert predicted_threshold(GAUSS, s) == pytest.approx(0.05 * stats.norm.ppf((1 + s) / 2), rel=1e-9, abs=1e-12)


def test_energy_of_half_the_weights():
    """Laplace: 1 − ½(1 + ln 2 + ½ln²2) = 0.0333. Gauss: ½ − 2zφ(z) at the third quartile z, 0.0713."""
    half = math.log(2)
    assert lorenz(LAPLACE, 0.5) == pytest.approx(1 - 0.5 * (1 + half + half**2 / 2), rel=1e-12)
    assert lorenz(LAPLACE, 0.5) == pytest.approx(0.0333, abs=5e-5)
    z = stats.norm.ppf(0.75)
    assert lorenz(GAUSS, 0.5) == pytest.approx(0.5 - 2 * z * stats.norm.pdf(z), rel=1e-9)
    assert lorenz(GAUSS, 0.5) == pytest.approx(0.0713, abs=5e-5)


@given(st.floats(0.3, 6))
def test_energy_curve_is_a_lorenz_curve(beta):
    """From 0 to 1, rising ever faster, and below the diagonal."""
    s = np.linspace(0, 1, 101)
    curve = lorenz(Fit("generalised", 0.0, 3.0, beta, 0.0, 0.0), s)
    assert curve[0] == 0 and curve[-1] == pytest.approx(1)
    assert np.all(np.diff(curve) >= 0) and np.all(np.diff(curve, 2) >= -1e-9) and np.all(curve <= s + 1e-12)


@pytest.mark.parametrize("beta", [0.6, 1.0, 1.5, 2.0, 4.0])
def test_generalised_gauss_recovers_its_parameters(beta):
    """40,000 draws: β within 5 %, α within 5 %; the standard error of β is about 1 % here."""
    draws = stats.gennorm(beta, 0.01, 0.2).rvs(40_000, random_state=np.random.default_rng(5))
    fit = shape_of("w", "w", draws).fit("generalised")
    assert fit.shape == pytest.approx(beta, rel=0.05)
    assert fit.scale == pytest.approx(0.2, rel=0.05)
    assert fit.location == pytest.approx(0.01, abs=0.01)


def test_laplace_and_gauss_are_their_closed_forms():
    """1, 2, 3, 10: median 2.5, b = (1.5 + 0.5 + 0.5 + 7.5) / 4 = 2.5; mean 4, σ² = (9 + 4 + 1 + 36) / 4 = 12.5."""
    shape = shape_of("w", "w", torch.tensor([[10.0, 1.0], [3.0, 2.0]]))
    laplace, gauss = shape.fit("laplace"), shape.fit("gauss")
    assert (laplace.location, laplace.scale) == pytest.approx((2.5, 2.5))
    assert (gauss.location, gauss.scale) == pytest.approx((4, math.sqrt(12.5)))
    assert (shape.mean, shape.deviation) == pytest.approx((4, math.sqrt(12.5)))
    assert laplace.log_likelihood == pytest.approx(stats.laplace(2.5, 2.5).logpdf([1, 2, 3, 10]).sum())
    assert gauss.log_likelihood == pytest.approx(stats.norm(4, math.sqrt(12.5)).logpdf([1, 2, 3, 10]).sum())


@pytest.mark.parametrize("drawn", ["laplace", "normal"])
def test_the_true_law_is_found(drawn):
    shape = shape_of("w", "w", getattr(np.random.default_rng(2), drawn)(0, 0.1, 20_000))
    assert shape.best.law == {"laplace": "laplace", "normal": "gauss"}[drawn]
    assert shape.best.ks < 0.015 < 0.04 < max(shape.fit("laplace").ks, shape.fit("gauss").ks)


@pytest.mark.parametrize("values", [np.random.default_rng(3).laplace(0, 1, 501), [0.0, 0, 0, 1, 1, -2, 5], [1.0, 2.0]])
def test_distance_equals_scipy(values):
    """Ties included: scipy's two-sided statistic is the same supremum."""
    peers = {"laplace": lambda f: stats.laplace(f.location, f.scale), "gauss": lambda f: stats.norm(f.location, f.scale)}
    peers["generalised"] = lambda f: stats.gennorm(f.shape, f.location, f.scale)
    for fit in shape_of("w", "w", np.array(values)).fits:
        assert fit.ks == pytest.approx(stats.kstest(values, peers[fit.law](fit).cdf).statistic, abs=1e-9)


def test_distance_of_many_weights_is_nearly_exact(monkeypatch):
    """Looking at a tenth of the sorted order, with true ranks, misses at most a rank step of ten."""
    draws = np.random.default_rng(4).laplace(0, 1, 20_000)
    exact = [fit.ks for fit in shape_of("w", "w", draws).fits]
    monkeypatch.setattr(distribution, "EXACT", 2_000)
    part = [fit.ks for fit in shape_of("w", "w", draws).fits]
    for whole, seen in zip(exact, part, strict=True):
        assert whole - 2 / 2_000 <= seen <= whole


FINITE = st.floats(-(2.0**100), 2.0**100, width=32)
ANY = st.floats(width=32)


@settings(max_examples=150)
@given(arrays.arrays(np.float32, st.integers(0, 60), elements=ANY))
def test_any_layer_gives_finite_numbers(values):
    """Constant, single, empty, all zero, NaN, infinite, subnormal: numbers, no NaN, no warning, nothing lost."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shape = shape_of("w", "w", torch.from_numpy(values))
        for fit in shape.fits:
            numbers = (fit.location, fit.scale, fit.shape, fit.ks, fit.log_likelihood)
            assert np.all(np.isfinite(numbers)) and 0 <= fit.ks <= 1 and fit.scale >= 0
            x = np.array([0.0, 1e-6, 1.0])
            for drawn in (density(fit, x), survival(fit, x), lorenz(fit, x), predicted_threshold(fit, x[:2])):
                assert np.all(np.isfinite(drawn))
    assert shape.weights == values.size
    assert shape.nonfinite == np.count_nonzero(~np.isfinite(values))
    assert shape.counts.sum() == shape.weights - shape.nonfinite
    assert shape.counts.size <= 121 and np.all(np.diff(shape.edges) > 0)
    np.testing.assert_array_equal(shape.edges, -shape.edges[::-1])
    assert np.all(np.isfinite([shape.mean, shape.deviation])) and shape.zeros == np.count_nonzero(values == 0)


@settings(max_examples=150)
@given(arrays.arrays(np.float32, st.integers(1, 80), elements=FINITE))
def test_quantiles_are_true_thresholds(values):
    """quantiles[s] is the largest |w| among the round(s·n) smallest, energy[s] their share of Σw²: against a plain loop."""
    shape = shape_of("w", "w", values)
    sizes = sorted(abs(float(v)) for v in values)
    total = math.fsum(v * v for v in sizes)
    for percent in range(101):
        gone = sizes[: round(percent / 100 * len(sizes))]
        assert shape.quantiles[percent] == (gone[-1] if gone else 0.0)
        expected = math.fsum(v * v for v in gone) / total if total else 0.0
        assert shape.energy[percent] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(max_examples=60)
@given(arrays.arrays(np.float64, st.integers(2, 60), elements=st.floats(-100, 100).map(lambda v: round(v, 3))))
def test_the_wider_family_never_fits_worse(values):
    """Laplace and Gauss are members of the generalised family, so its likelihood is at least theirs."""
    shape = shape_of("w", "w", values)
    best = max(shape.fit("laplace").log_likelihood, shape.fit("gauss").log_likelihood)
    assert shape.fit("generalised").log_likelihood >= best - 1e-9 * max(1, abs(best))


@pytest.mark.parametrize("factor", [1e-12, 3.0, 1e12])
def test_fits_scale_with_the_weights(factor):
    """Weights measured in another unit have the same shape and distance, and a scale in that unit."""
    draws = np.random.default_rng(6).laplace(0.1, 1, 500)
    for one, other in zip(shape_of("w", "w", draws).fits, shape_of("w", "w", factor * draws).fits, strict=True):
        assert (other.scale, other.location) == pytest.approx((factor * one.scale, factor * one.location))
        assert (other.shape, other.ks) == pytest.approx((one.shape, one.ks))


def test_outliers_stretch_the_last_bin_only():
    """One weight of 50 among thousands below 1: the fine bins stay fine and the far weight is still counted."""
    draws = np.append(np.random.default_rng(7).normal(0, 0.1, 5_000), 50.0)
    shape = shape_of("w", "w", draws)
    low, high = np.quantile(draws, [0.001, 0.999])
    widths = np.diff(shape.edges)
    assert shape.edges[-1] == 50 and shape.counts.sum() == 5_001
    np.testing.assert_allclose(widths[1:-1], widths[1])
    assert widths[1] < 0.02 and shape.edges[1] - widths[1] <= low + 1e-9 and high <= shape.edges[-2] + widths[1] + 1e-9


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_tensors_come_in_as_they_are(dtype):
    """Any number type, any shape, with a gradient; the tensor is read and left alone."""
    weight = torch.nn.Parameter(torch.tensor([[0.5, -0.25], [0.0, 2.0]], dtype=dtype))
    shape = shape_of("w", "w", weight)
    assert (shape.weights, shape.zeros, shape.quantiles[100]) == (4, 1, 2.0)
    assert weight.detach().tolist() == [[0.5, -0.25], [0.0, 2.0]]


def test_pooled_is_all_weights_at_once():
    parts = [np.array([[1.0, -2.0]]), np.array([3.0])]
    whole = pooled([torch.from_numpy(part) for part in parts])
    assert whole.fits == shape_of("", "all layers", np.array([1.0, -2.0, 3.0])).fits
    assert pooled([]).weights == 0

"""Products with a triangle are the products, in any number of parts; and the factor made of them is torch's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.reconstruct import triangular
from pruneviz.engine.reconstruct.triangular import add_square, times_lower, times_upper, upper_factor, upper_times
from tests.engine.reconstruct.problems import drawn, generator

SIZES = {"n": st.integers(1, 30), "p": st.integers(1, 9), "part": st.integers(1, 12), "seed": st.integers(0, 1000)}


@pytest.fixture(autouse=True)
def _parts_as_they_were(monkeypatch):
    """What a test below sets is set for it alone."""
    monkeypatch.setattr(triangular, "PART", triangular.PART)
    monkeypatch.setattr(triangular, "SMALL", triangular.SMALL)


@given(**SIZES)
def test_products_with_a_triangle(n, p, part, seed):
    triangular.PART = part
    source = generator(seed)
    triangle, other = (torch.randn(shape, generator=source, dtype=torch.float64) for shape in ((n, n), (p, n)))
    for product, mine in ((times_upper, triangle.triu()), (times_lower, triangle.tril())):
        found = other.clone()
        product(found, mine)
        assert torch.allclose(found, other @ mine)
    found = other.T.clone()
    upper_times(triangle.triu(), found)
    assert torch.allclose(found, triangle.triu() @ other.T)


@given(alpha=st.sampled_from([1, -1, 0.5]), **SIZES)
def test_squares_are_added_on_and_above_the_diagonal(n, p, part, seed, alpha):
    triangular.PART = part
    rows = torch.randn(n, p, generator=generator(seed), dtype=torch.float64)
    matrix = torch.ones(n, n, dtype=torch.float64)
    add_square(matrix, rows, alpha)
    assert torch.allclose(matrix.triu(), (1 + alpha * rows @ rows.T).triu())


@given(width=st.integers(1, 40), small=st.integers(1, 9), part=st.integers(1, 9), seed=st.integers(0, 1000))
def test_the_factor_is_the_upper_cholesky_of_the_inverse(width, small, part, seed):
    """Whatever stands below the diagonal."""
    triangular.SMALL, triangular.PART = small, part
    damped = drawn(1, width, seed)[1].damped()
    factor = upper_factor(damped.triu() - 7 * torch.ones_like(damped).tril(-1))
    assert torch.equal(factor, factor.triu()) and (factor.diagonal() > 0).all()
    wanted = torch.linalg.cholesky(torch.linalg.inv(damped), upper=True)
    assert torch.allclose(factor, wanted, rtol=1e-6, atol=1e-9 * float(wanted.abs().max()))


@pytest.mark.parametrize("size", [1, 7, 200, 500])
def test_of_a_diagonal_it_is_one_over_the_root(size):
    values = torch.arange(1.0, size + 1, dtype=torch.float64)
    assert torch.allclose(upper_factor(values.diag()), values.rsqrt().diag())

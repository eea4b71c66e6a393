"""What a matrix's inputs say about it: by hand, batch by batch, and against torch's own inverse and Cholesky."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine.reconstruct import gram as grams
from pruneviz.engine.reconstruct import triangular
from pruneviz.engine.reconstruct.gram import Gram, Norms
from pruneviz.engine.reconstruct.triangular import upper_factor
from tests.engine.reconstruct.problems import drawn, generator, gram_of


def test_two_inputs_by_hand():
    """x = (1, 2) and (3, 4) of one sample: H = 2 Σ x xᵀ = 2 (10 14; 14 20), λ = 0.01 · (20 + 40) / 2 = 0.3."""
    gram = Gram(2)
    gram.add(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
    assert gram.seen.tolist() == [[20, 28], [28, 40]]
    assert gram.norms.tolist() == pytest.approx([10**0.5, 20**0.5])
    assert gram.damping == pytest.approx(0.3) and not gram.dead.any()
    assert gram.damped().diagonal().tolist() == pytest.approx([20.3, 40.3])
    assert gram.seen.tolist() == [[20, 28], [28, 40]]


@given(
    width=st.integers(1, 12),
    cuts=st.lists(st.integers(0, 12), max_size=3),
    seed=st.integers(0, 1000),
    band=st.integers(1, 5),
    part=st.integers(1, 5),
)
def test_batches_make_no_difference(width, cuts, seed, band, part):
    """H = 2/N Σ x xᵀ over all inputs, exactly symmetric, however they were cut, in bands and parts of any height."""
    inputs = torch.randn(12, width, generator=generator(seed), dtype=torch.float64)
    gram, norms = Gram(width, dtype=torch.float64), Norms(width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grams, "BAND", band)
        patch.setattr(triangular, "PART", part)
        for some in torch.tensor_split(inputs, sorted(cuts)):
            gram.add(some, 1)
            norms.add(some, 1)
        assert torch.allclose(gram.seen, 2 / (len(cuts) + 1) * inputs.T @ inputs)
    assert torch.equal(gram.seen, gram.seen.T)
    assert torch.allclose(gram.norms, inputs.square().sum(0).sqrt())
    assert torch.allclose(norms.norms, gram.norms.float(), rtol=1e-5)


def test_a_factor_wider_than_its_smallest_part():
    """In float32, as matrices are: UᵀU is the inverse to the digits that float32 has."""
    _, gram = drawn(1, 300, 0, tokens=900, dtype=torch.float32)
    inverse = torch.linalg.inv(gram.damped(torch.float64))
    assert float((gram.factor.T.double() @ gram.factor.double() - inverse).norm() / inverse.norm()) < 1e-4


def test_inputs_that_were_always_zero():
    """Inputs (0, 1), (0, 3) of two samples: H = (0 0; 0 10), and λ counts the dead one as 1: 0.01 · (1 + 10) / 2."""
    gram = Gram(2, dtype=torch.float64)
    gram.add(torch.tensor([[0.0, 1.0], [0.0, 3.0]], dtype=torch.float64), 2)
    assert gram.dead.tolist() == [True, False] and gram.damping == pytest.approx(0.055)
    assert gram.factor.diagonal().tolist() == pytest.approx([1.055**-0.5, 10.055**-0.5])


def test_what_float32_cannot_factor_is_factored_with_twice_the_digits(monkeypatch):
    """H = 2 v vᵀ of v = (1, …, 40), hardly damped: in float32 λ is lost beside H, which then has no inverse."""
    monkeypatch.setattr(grams, "DAMPING", 1e-11)
    gram = Gram(40)
    gram.add(torch.arange(1.0, 41)[None], 1)
    with pytest.raises(torch.linalg.LinAlgError):
        upper_factor(gram.damped())
    assert gram.factor.dtype == torch.float32 and torch.isfinite(gram.factor).all() and (gram.factor.diagonal() > 0).all()


def test_what_is_settled_keeps_its_factor():
    """And nothing as large beside it; to settle it again does nothing."""
    (_, gram), (_, other) = drawn(1, 6, 0, dead=1), drawn(1, 6, 0, dead=1)
    gram.settle()
    gram.settle()
    assert torch.equal(gram.factor, other.factor) and torch.equal(gram.norms, other.norms)
    assert torch.equal(gram.dead, other.dead) and gram.width == 6
    assert [one.numel() for one in vars(gram).values() if isinstance(one, torch.Tensor)].count(36) == 1


def test_nothing_seen_and_nothing_finite_are_refused():
    with pytest.raises(ValueError, match="no calibration data came by"):
        _ = Gram(3).seen
    broken = Gram(2)
    broken.add(torch.tensor([[1.0, float("inf")]]), 1)
    with pytest.raises(ValueError, match="not all finite"):
        _ = broken.seen


def test_the_gram_of_a_matrix_is_that_matrix():
    """The tests' own tool: `gram_of` gives back what it was given."""
    seen = torch.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=torch.float64)
    assert torch.allclose(gram_of(seen).seen, seen)

"""A visited block: by hand, and compiled as it is in plain torch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pruneviz.engine import kernels
from pruneviz.engine.reconstruct import pushing
from tests.engine.reconstruct.problems import generator

COMPILED = pytest.mark.skipif(not kernels.available(), reason="numba is not installed")
WAYS = [True, pytest.param(False, marks=COMPILED)]
PATTERNS = [None, (1, 2), (2, 4), (3, 4), (4, 8), (3, 6), (12, 24), (5, 40)]


@pytest.mark.parametrize("plain", WAYS)
def test_two_columns_by_hand(plain):
    """U = (2 6; 0 1), rows (4, 1) and (2, 3): the first weight of the first row goes, 4/2 is its error, and 2 · 6 leaves the
    second, which goes in the second row for nothing else."""
    moving, factor = torch.tensor([[4.0, 2.0], [1.0, 3.0]]), torch.tensor([[2.0, 6.0], [0.0, 1.0]])
    kept = torch.tensor([[False, True], [True, False]])
    errors = pushing.visit(moving, factor, kept, torch.zeros(2, dtype=torch.bool), None, plain)
    assert moving.tolist() == [[0, 2], [-11, 0]] and errors.tolist() == [[2, 0], [0, 3]]


@pytest.mark.parametrize("plain", WAYS)
def test_of_equals_the_first_goes_and_inputs_that_were_always_zero_before_them(plain):
    moving, factor, kept = torch.ones(4, 2), torch.eye(4), torch.ones(4, 2, dtype=torch.bool)
    moving[3] = 9.0
    pushing.visit(moving, factor, kept, torch.tensor([False, False, False, True]), (2, 4), plain)
    assert kept.T.tolist() == [[False, True, True, False]] * 2


@pytest.mark.parametrize("plain", WAYS)
def test_what_cannot_be_done_where_it_lies_is_refused(plain):
    whole, dead = torch.ones(6, 2), torch.zeros(6, dtype=torch.bool)
    kept = torch.ones(6, 2, dtype=torch.bool)
    for moving, stays in ((torch.ones(2, 6).T, kept), (whole, torch.ones(2, 6, dtype=torch.bool).T)):
        with pytest.raises(ValueError, match="contiguous"):
            pushing.visit(moving, torch.eye(6), stays, dead, (1, 2), plain)
    with pytest.raises(ValueError, match="6 columns are no whole groups of 4"):
        pushing.visit(whole, torch.eye(6), kept, dead, (2, 4), plain)
    assert bool((whole == 1).all()) and bool(kept.all())


@COMPILED
@given(
    groups=st.integers(1, 12),
    rows=st.integers(1, 9),
    pattern=st.sampled_from(PATTERNS),
    seed=st.integers(0, 1000),
    threads=st.integers(1, 4),
    wide=st.booleans(),
)
def test_compiled_it_is_the_same(groups, rows, pattern, seed, threads, wide):
    """What goes to the last weight, and numbers to the digits of their kind; a few rows at a time as well."""
    source, dtype = generator(seed), torch.float64 if wide else torch.float32
    columns = groups * (pattern[1] if pattern else 3)
    weight = torch.randn(columns, rows, generator=source, dtype=dtype)
    factor = torch.randn(columns, columns, generator=source, dtype=dtype).triu_() / columns
    factor.diagonal().fill_(1)
    given_kept, dead = torch.rand(columns, rows, generator=source) < 0.5, torch.rand(columns, generator=source) < 0.1
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pushing, "ROWS", threads)
        for plain in (True, False):
            moving, kept = weight.clone(), given_kept.clone()
            errors = pushing.visit(moving, factor, kept, dead, pattern, plain)
            found.append((kept, moving, errors))
    (kept, moving, errors), (also_kept, also_moving, also_errors) = found
    assert torch.equal(kept, also_kept)
    for one in (moving, also_moving):
        assert not torch.signbit(one[~kept]).any() and not one[~kept].any()
    digits = {"rtol": 1e-9, "atol": 1e-9} if wide else {"rtol": 1e-3, "atol": 1e-4}
    assert torch.allclose(moving, also_moving, **digits) and torch.allclose(errors, also_errors, **digits)

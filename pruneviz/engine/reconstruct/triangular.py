"""Triangular: products with a triangle, in their place, and the factor made of them.

By halves, down to parts that one product does as fast as it does large ones: nearly all of the work is plain products, and
the half of it that would be spent on zeros, or on what is the same mirrored, is left out.
"""

from __future__ import annotations

import torch
from torch import Tensor

PART = 192
"""Up to so many columns a triangle is multiplied as if it were full: small products cost more than what they leave out."""
SMALL = 128
"""Up to this width LAPACK factors."""


def upper_factor(matrix: Tensor) -> Tensor:
    """The upper U [n, n] with matrix⁻¹ = UᵀU, of a positive definite matrix, in its place; what is below the diagonal is
    not read.

    (A B; Bᵀ C) = RRᵀ has R₂₂ from C, R₁₂ = B R₂₂⁻ᵀ, and R₁₁ from A − R₁₂R₁₂ᵀ; of its inverse U the corner is
    −R₁₁⁻¹ R₁₂ R₂₂⁻¹. LinAlgError where it is not positive definite.
    """
    n, half = len(matrix), len(matrix) // 2
    if n <= SMALL:
        # Cholesky's lower of the reversed matrix is our upper, reversed.
        upper = torch.linalg.cholesky(matrix.flip(0, 1)).flip(0, 1)
        identity = torch.eye(n, dtype=matrix.dtype, device=matrix.device)
        return matrix.copy_(torch.linalg.solve_triangular(upper, identity, upper=True))
    first, corner, below, last = matrix[:half, :half], matrix[:half, half:], matrix[half:, :half], matrix[half:, half:]
    upper_factor(last)
    times_lower(corner, last.T)
    add_square(first, corner, -1)
    upper_factor(first)
    times_upper(corner, last)
    upper_times(first, corner)
    corner.neg_()
    below.zero_()
    return matrix


def add_square(matrix: Tensor, rows: Tensor, alpha: float = 1) -> None:
    """matrix [n, n] += α · rows rowsᵀ, of rows [n, k], on and above the diagonal; what is below is left as it is, or not."""
    half = len(matrix) // 2
    if len(matrix) <= PART:
        matrix.addmm_(rows, rows.T, alpha=alpha)
        return
    add_square(matrix[:half, :half], rows[:half], alpha)
    matrix[:half, half:].addmm_(rows[:half], rows[half:].T, alpha=alpha)
    add_square(matrix[half:, half:], rows[half:], alpha)


def times_lower(left: Tensor, lower: Tensor) -> None:
    """left [p, n] ← left · lower [n, n], of which only the triangle is read but for the smallest parts."""
    half = len(lower) // 2
    if len(lower) <= PART:
        left.copy_(left @ lower)
        return
    first, last = left[:, :half], left[:, half:]
    times_lower(first, lower[:half, :half])
    first.addmm_(last, lower[half:, :half])
    times_lower(last, lower[half:, half:])


def times_upper(left: Tensor, upper: Tensor) -> None:
    """left [p, n] ← left · upper [n, n]."""
    half = len(upper) // 2
    if len(upper) <= PART:
        left.copy_(left @ upper)
        return
    first, last = left[:, :half], left[:, half:]
    times_upper(last, upper[half:, half:])
    last.addmm_(first, upper[:half, half:])
    times_upper(first, upper[:half, :half])


def upper_times(upper: Tensor, right: Tensor) -> None:
    """right [n, p] ← upper [n, n] · right."""
    half = len(upper) // 2
    if len(upper) <= PART:
        right.copy_(upper @ right)
        return
    first, last = right[:half], right[half:]
    upper_times(upper[:half, :half], first)
    first.addmm_(upper[:half, half:], last)
    upper_times(upper[half:, half:], last)

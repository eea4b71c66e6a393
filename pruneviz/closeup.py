"""Closeup: one matrix under one shot, as plain data: what each method loses, and the sweep from column to column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """One method's errors over `amounts`, as shares of what the matrix gives: 1 is as if all of it were zero. `pattern` are
    the same for N:M patterns, by name, where the matrix has whole groups."""

    key: str
    name: str
    amounts: tuple[float, ...]
    errors: tuple[float, ...]
    pattern: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """SparseGPT on an excerpt: rows × columns of the matrix, a picture after each column.

    weights [F, R, C] float32, the first before anything went; kept bool [R, C]; moved [F − 1, R] is the size of what each
    row lost at that column; columns, rows: how many of each the excerpt has.
    """

    weights: np.ndarray
    kept: np.ndarray
    moved: np.ndarray
    columns: int
    rows: int
    group: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Closeup:
    """One matrix [O, I] on so many calibration samples. `diagonal` [I] is that of (H + λI)⁻¹: what it costs, with the best
    answer of all others, to take out a weight of that column is w² over twice of it. `norms` [I] are ‖X_j‖₂. `unfit` are the
    patterns that this matrix cannot have, each with what it does instead: «has 10 inputs, no whole groups of 4»."""

    name: str
    shape: tuple[int, int]
    samples: int
    lines: tuple[ErrorLine, ...]
    sweep: Sweep
    diagonal: np.ndarray
    norms: np.ndarray
    seconds: float
    unfit: tuple[tuple[str, str], ...] = ()

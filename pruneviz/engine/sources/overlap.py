"""Overlap: whether a text holds windows of another one, wherever they begin in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pruneviz.engine.subject import Windows
from pruneviz.engine.tasks.language_modelling import NOTHING

RUN = 16
"""So many tokens in a row are compared: two texts of one kind share shorter phrases by chance."""
COVERED = 0.5
"""A window is taken for part of the other text where at least this share of its runs stand there: a stock phrase, or a
heading that many texts have, is less."""
_ODD = np.uint64(0x9E3779B97F4A7C15)


def covered(judged: Windows, tokens: Sequence[int]) -> int:
    """How many of the windows stand in a text of these tokens, at whatever offset, by what they predict.

    Runs of sixteen tokens are compared, or of as many as the longest window has; a window that is shorter says nothing, and
    no token is what stands for padding.
    """
    lengths = (judged.labels != NOTHING).sum(1).numpy()
    run = min(RUN, int(lengths.max(initial=0)))
    if not 0 < run <= len(tokens):
        return 0
    there = np.unique(_hashes(np.asarray(tokens, dtype=np.uint64), run))
    found = np.isin(_hashes(judged.labels.numpy().astype(np.uint64), run), there)
    many = np.maximum(lengths - run + 1, 0)
    return int(((found.sum(1) >= COVERED * many) & (many > 0)).sum())


def _hashes(tokens: np.ndarray, run: int) -> np.ndarray:
    """A number for each run of tokens along the last axis: uint64 [..., T] → [..., T − run + 1], modulo 2^64."""
    many = tokens.shape[-1] - run + 1
    found = np.zeros((*tokens.shape[:-1], many), dtype=np.uint64)
    for at in range(run):
        found = found * _ODD + tokens[..., at : at + many] + np.uint64(1)
    return found

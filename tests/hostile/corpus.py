"""All hostile files, by name."""

from __future__ import annotations

from tests.hostile import cards, foreign, pickles, state_dicts, tables, tars, tensor_files, zips
from tests.hostile.case import CASES, INERT, Hostile

__all__ = ["CASES", "INERT", "Hostile"]

_MAKERS = (cards, foreign, pickles, state_dicts, tables, tars, tensor_files, zips)

"""The text on which the figures of `reference_lm` were measured: the language reference of its author's Python."""

from __future__ import annotations

import pytest

from pruneviz import language_reference, shipped

HERE = shipped.made("reference_lm").text_sha256 == language_reference.sha256()
"""Whether the running Python carries that very text."""

needed = pytest.mark.skipif(not HERE, reason="this Python carries another text than the one of reference_lm's figures")
"""For a test of those figures. What the app does under another text is tested everywhere."""

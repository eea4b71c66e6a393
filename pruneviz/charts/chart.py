"""Chart: a figure that says what it found, to those who look, to those who listen and to those who want the numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

Table = tuple[tuple[str, ...], tuple[tuple[object, ...], ...]]
"""Header and rows: the numbers behind a figure."""


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """One picture. `title` is the finding in plain words, computed from the data; the page prints it above the figure.

    `alt` says what a listener would miss; `table` is (header, rows), the figure's twin.
    """

    title: str
    figure: go.Figure
    alt: str
    table: Table


def number(value: float) -> str:
    """A number for a sentence: three significant digits, a true minus, never more zeros than a reader can count."""
    text = f"{value:.3g}"
    mantissa, e, exponent = text.partition("e")
    if e:
        raised = str(int(exponent)).translate(str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"))
        text = f"{mantissa} × 10{raised}"
    return text.replace("-", "−")


def amount(value: float) -> str:
    """A perplexity for a sentence: «87.49», «5,245», and «2.56 × 10¹⁰» where nobody would count the digits."""
    return f"{value:,.2f}" if value < 1000 else f"{value:,.0f}" if value < 1e6 else number(value)


def as_percent(share: float) -> str:
    """A share for a sentence: «3.3%», «72%», and «0.041%» where one decimal would say nothing."""
    value = 100 * share
    text = f"{value:.1f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"
    return f"{text.removesuffix('.0')}%".replace("-", "−")


def whole(value: int) -> str:
    """A count with commas between its thousands."""
    return f"{value:,}"


def float32(values: object) -> np.ndarray:
    """What a figure holds: half the bytes on the way to the browser, and more digits than any screen."""
    return np.asarray(values, dtype=np.float32)

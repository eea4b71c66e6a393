"""The live scrubber: drag, and the browser redraws what goes and what it costs; release, and Python is told once.

A controlled component: the caller owns the state and passes the committed amount on each run. The browser keeps its
own position only while a hand is on the slider or a commit is on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from pruneviz.studio.scrubber import delivery
from pruneviz.studio.scrubber.panel import (
    Cliff,
    Exact,
    FitLine,
    Ghost,
    Halves,
    Histogram,
    Layer,
    Line,
    Panel,
    Pinned,
    payload,
)

__all__ = [
    "Cliff",
    "Commit",
    "Exact",
    "FitLine",
    "Ghost",
    "Halves",
    "Histogram",
    "Layer",
    "Line",
    "Panel",
    "Pinned",
    "scrubber",
]

Kind = Literal["amount", "layer", "lock", "guess", "linked", "pin"]
KINDS = ("amount", "layer", "lock", "guess", "linked", "pin")

# One ES module made of several files: later pieces use the functions of earlier ones, the last has the default export.
PIECES = ("drawing.js", "labels.js", "curve.js", "histogram.js", "layers.js", "challenges.js", "scrubber.js")
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Commit:
    """What the visitor settled on.

    amount: the panel's percent removed · layer: that layer's own percent, None = follow the slider again ·
    lock: 0 = nothing may go from that layer, None = unlocked · guess: the percent guessed · linked: 1 or 0 ·
    pin: back to the pinned setting at this place, 0 for the baseline.
    """

    kind: Kind
    panel: str
    layer: str
    percent: float | None


def _read(names: Sequence[str]) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


_COMPONENT = st.components.v2.component(
    "pruneviz_scrubber",
    html='<div class="pv-scrubber">\n</div>',
    css=_read(["scrubber.css"]),
    js=_read(PIECES),
    isolate_styles=False,
)


def scrubber(
    panels: Sequence[Panel],
    *,
    key: str,
    linked: bool = False,
    challenges: bool = False,
    tolerance: float = 5.0,
    guess: int = -1,
    others: Sequence[int] = (),
    on_commit: Callable[[Commit], None],
) -> None:
    """Shows the panels. `on_commit` runs once for each thing the visitor settles on, before the script's body. `others` are
    the percents that others guessed, shown beside one's own guess."""
    data = {
        "panels": [payload(panel) for panel in panels],
        "linked": bool(linked),
        "challenges": bool(challenges),
        "tolerance": float(tolerance),
        "guess": int(guess),
        "others": [int(percent) for percent in others],
        "seen": delivery.seen(key),
    }
    _COMPONENT(key=key, data=data, on_events_change=lambda: delivery.deliver(key, lambda event: on_commit(commit_of(event))))


def commit_of(event: dict[str, object]) -> Commit:
    """The event of the browser as a Commit; what is not one of ours is refused, since a browser can send anything."""
    kind, percent = event.get("kind"), event.get("percent")
    if kind not in KINDS:
        raise ValueError(f"unknown kind of commit {kind!r}; there are {', '.join(KINDS)}")
    if percent is not None and not 0 <= float(percent) <= 100:
        raise ValueError(f"{percent!r} is not a percent: give a number from 0 to 100")
    if percent is None and kind not in ("layer", "lock"):
        raise ValueError(f"a commit of kind {kind!r} needs a percent from 0 to 100")
    panel, layer = str(event.get("panel", "")), str(event.get("layer", ""))
    return Commit(kind, panel, layer, None if percent is None else float(percent))

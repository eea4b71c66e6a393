"""The anatomy: every unit of a network as a picture that can be pointed at, followed during a drag, and switched by hand.

A controlled component, as the scrubber is: the caller owns the state and passes it on each run. While the scrubber of the
same page is dragged, the units follow in the browser; only what a hand does to a unit is told to Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pruneviz.studio.anatomy.panel import Alone, Anatomy, Hang, Picture, Units, payload
from pruneviz.studio.scrubber import delivery

__all__ = ["Alone", "Anatomy", "Hang", "Picture", "Toggle", "Units", "anatomy", "toggle_of"]

# One ES module made of several files, as the scrubber's; the small words for building elements are the scrubber's own.
PIECES = ("../scrubber/drawing.js", "units.js", "tiles.js", "groups.js", "card.js", "anatomy.js")
LONGEST = 512
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Toggle:
    """What a hand did to one unit («conv1:17»): removed it (True), restored it (False), or let its rank decide (None)."""

    unit: str
    gone: bool | None


def _read(names: Sequence[str]) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


_COMPONENT = st.components.v2.component(
    "pruneviz_anatomy",
    html='<div class="pv-anatomy">\n</div>',
    css=_read(["anatomy.css"]),
    js=_read(PIECES),
    isolate_styles=False,
)


def anatomy(shown: Anatomy, *, key: str, on_toggle: Callable[[Toggle], None]) -> None:
    """Shows the units. `on_toggle` runs once for each unit that a hand switched, before the script's body."""
    data = {**payload(shown), "seen": delivery.seen(key)}
    _COMPONENT(key=key, data=data, on_events_change=lambda: delivery.deliver(key, lambda event: on_toggle(toggle_of(event))))


def toggle_of(event: dict[str, object]) -> Toggle:
    """The event of the browser as a Toggle; what is not one of ours is refused, since a browser can send anything."""
    unit, gone = event.get("unit"), event.get("gone")
    group, colon, index = str(unit).rpartition(":")
    if not isinstance(unit, str) or not (group and colon and index.isdecimal()) or len(unit) > LONGEST:
        raise ValueError(f"{str(unit)[:80]!r} is not a unit: give a group and a number, such as 'conv1:17'")
    if gone is not None and not isinstance(gone, bool):
        raise ValueError(f"{gone!r} does not say what to do with {unit}: give true, false or null")
    return Toggle(unit, gone)

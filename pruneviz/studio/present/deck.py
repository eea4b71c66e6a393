"""Deck: the bar under the slides. Its keys turn them, also those of a presenter in the hand, and it says where one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pruneviz.headlines import TOPICS
from pruneviz.studio.scrubber import delivery

_HERE = Path(__file__).resolve().parent
_DECK = st.components.v2.component(
    "pruneviz_deck",
    html='<nav class="pv-deck" aria-label="Slides">\n</nav>',
    css=(_HERE / "deck.css").read_text("utf-8"),
    js=(_HERE / "deck.js").read_text("utf-8"),
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What was asked for: a slide, 1 to 5, or 0 to leave them; and whether the live slider is to be open."""

    slide: int
    live: bool


def deck(slide: int, live: bool, *, on_turn: Callable[[Turn], None]) -> None:
    """The bar at the bottom. `on_turn` runs once for each turn, before the script's body."""
    data = {"slide": slide, "live": live, "topics": list(TOPICS), "seen": delivery.seen("deck")}
    _DECK(
        key="deck",
        data=data,
        on_events_change=lambda: delivery.deliver("deck", lambda event: on_turn(turn_of(event))),
        height="content",
    )


def turn_of(event: dict[str, object]) -> Turn:
    """The event of the browser as a Turn; what is not one of ours is refused, since a browser can send anything."""
    slide, live = event.get("slide"), event.get("live")
    if isinstance(slide, bool) or not isinstance(slide, int) or not 0 <= slide <= len(TOPICS):
        raise ValueError(f"{slide!r} is not a slide: give a whole number from 0 to {len(TOPICS)}")
    if not isinstance(live, bool):
        raise ValueError(f"{live!r} does not say whether the live slider is open: give true or false")
    return Turn(slide, live)

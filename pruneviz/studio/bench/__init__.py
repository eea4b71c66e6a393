"""The visitor's bench: one Recipe, its history, and nothing else. Only this room says session_state or query_params.

Widgets show the Recipe and change it; they own nothing. A link is an experiment: what differs from the defaults stands in
the address, always.
"""

from pruneviz.studio.bench.fields import choose, is_hidden, limit, number, picked, select, tick, write
from pruneviz.studio.bench.pins import as_pin, make_baseline, mark, marked, pin, pinned, pins, return_to, unpin
from pruneviz.studio.bench.session import (
    ask,
    asked,
    can_redo,
    can_undo,
    change,
    check_with,
    commit,
    cover,
    covered,
    entered,
    give_up_wanted,
    keep_link,
    note,
    noted,
    open_bench,
    open_wanted,
    recipe_now,
    redo,
    retreat,
    say,
    trail,
    undo,
    wanted,
    why_not,
    words,
)
from pruneviz.studio.bench.shown import choose_of, number_of, select_of, slide_of
from pruneviz.studio.bench.taking import fit_with, link_all, linked, take_commit, take_subject, take_unit

__all__ = [
    "as_pin", "ask", "asked", "can_redo", "can_undo", "change", "check_with", "choose", "choose_of", "commit", "cover",
    "covered", "entered", "fit_with", "give_up_wanted", "is_hidden", "keep_link", "limit", "link_all", "linked",
    "make_baseline", "mark", "marked", "note", "noted", "number", "number_of", "open_bench", "open_wanted", "picked",
    "pin", "pinned", "pins", "recipe_now", "redo", "retreat", "return_to", "say", "select", "select_of", "slide_of",
    "take_commit", "take_subject", "take_unit", "tick", "trail", "undo", "unpin", "wanted", "why_not", "words", "write",
]  # fmt: skip

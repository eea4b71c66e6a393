"""Markup: pieces of HTML. Titles, names of classes and authors come from strangers: whatever enters a piece is escaped here.

A number that the engine measured stands in a `data` element: its attribute `value` has all digits, its text as many as a
reader wants, and `data-name` says what the command line calls it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from typing import Any

from pruneviz import plain

LONGEST = 4096


def words(text: object, most: int = LONGEST) -> str:
    """The words themselves, in one line: no sign in them means anything."""
    return html.escape(plain.one_line(text, most), quote=True)


def lines(text: str) -> str:
    """Several lines as they are, for a `pre` element."""
    seen = ("".join(one if one.isprintable() else "·" for one in line) for line in text.split("\n"))
    return html.escape("\n".join(seen), quote=True)


def figure(name: str, value: Any, shown: str) -> str:
    """A measured number under the name that the command line gives it."""
    exact = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return f'<data data-name="{words(name)}" value="{words(exact)}">{words(shown)}</data>'


def paragraph(*pieces: str) -> str:
    """A paragraph of pieces that are markup already."""
    return f"<p>{' '.join(pieces)}</p>"


def listed(terms: Sequence[tuple[str, str]]) -> str:
    """Terms, and pieces that say what each is."""
    return "<dl>" + "".join(f"<div><dt>{words(term)}</dt><dd>{said}</dd></div>" for term, said in terms if said) + "</dl>"


def table(header: Sequence[object], rows: Sequence[Sequence[object]], caption: str) -> str:
    """A table of words. It scrolls by itself where it is wider than the page, by keyboard too."""
    return pieces(header, [[words(cell, 1024) for cell in row] for row in rows], caption)


def pieces(header: Sequence[object], rows: Sequence[Sequence[str]], caption: str) -> str:
    """The same of cells that are markup already."""
    head = "".join(f'<th scope="col">{words(one)}</th>' for one in header)
    body = "".join(f"<tr>{_row(row)}</tr>" for row in rows)
    inside = f"<table><caption>{words(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide" tabindex="0" role="region" aria-label="{words(caption)}">{inside}</div>'


def _row(cells: Sequence[str]) -> str:
    first, *rest = cells
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest)


def folded(summary: str, inside: str, *, printed: bool = True) -> str:
    """What is a click away; on paper it stands open, unless it is too long to be read there."""
    return f"<details{'' if printed else ' data-screen'}><summary>{words(summary)}</summary>{inside}</details>"


def embedded(name: str, value: Any) -> str:
    """Data that a script, or a reader's own, may read: JSON in which no letter can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    text = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return f'<script type="application/json" id="{words(name)}">{text}</script>'

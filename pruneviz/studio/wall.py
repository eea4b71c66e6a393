"""Wall: held-out examples as they are, beside what the network said before and says now. Choosing one looks closer."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from pruneviz import plain
from pruneviz.breakage import Breakage, Example
from pruneviz.charts import theme
from pruneviz.charts.picture import data_uri
from pruneviz.first_flips import FirstFlips
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, breakage, show

SIDE = 96
"""Pixels of a small picture's longer side that travel to the browser."""
WRONG, RIGHT = 8, 4
"""So many of each kind are shown; where there are fewer of one, more of the other."""
EARLIEST = 6
LETTERS = 240

_STYLE = (
    "<style>"
    ".pv-tile{margin:0;font-size:.85rem;line-height:1.35}"
    ".pv-tile img{display:block;width:6rem;height:6rem;object-fit:contain;background:#808080}"
    ".pv-tile img.pv-few{image-rendering:pixelated}"
    ".pv-tile blockquote{margin:0;padding:0 0 0 .5rem;border-left:2px solid #808080;overflow-wrap:anywhere}"
    ".pv-tile p{margin:.35rem 0 .1rem;font-size:.9rem}"
    ".pv-bars{display:grid;grid-template-columns:fit-content(4.5rem) 1fr 2.9rem;gap:.1rem .35rem;align-items:center}"
    ".pv-bars span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}"
    ".pv-bars span:nth-child(3n){text-align:right}"
    ".pv-bars u{text-underline-offset:2px}"
    ".pv-bars i{display:block;height:.6rem;min-width:1px;box-sizing:border-box;border:1.5px solid currentColor}"
    f".pv-bars i.pv-after{{background:{theme.INKS[0]};border-color:{theme.INKS[0]}}}"
    "</style>"
)


def wall(recipe: Recipe, found: Breakage) -> None:
    """The examples that changed sides, of the class that was chosen or of all; where none can be shown, a table."""
    group = recipe.group if any(row.index == recipe.group for row in found.classes) else -1
    chosen = _chosen(found, group)
    if not chosen:
        return
    if not any(can_show(recipe.subject, one.index) for one in chosen[:1]):
        _table(found, chosen)
        return
    st.html(_STYLE)
    firsts = breakage.first_flips_known(recipe) if ":" not in recipe.granularity else None
    with st.container(horizontal=True, gap="medium", vertical_alignment="top", key="wall"):
        for one in chosen:
            with st.container(width=_width(recipe.subject, one.index), gap=None, key=f"tile-{one.index}"):
                _button(recipe, found.noun, one.index)
                st.html(_tile(recipe.subject, one, firsts))


def earliest(recipe: Recipe, found: FirstFlips) -> None:
    """The examples that change sides first, from left to right, each with the amount at which it does."""
    chosen = [int(at) for at in found.order[:EARLIEST]]
    if not chosen or not can_show(recipe.subject, int(found.places[chosen[0]])):
        return
    st.html(_STYLE)
    st.markdown(f"The first {len(chosen)} to change sides:")
    with st.container(horizontal=True, gap="medium", vertical_alignment="top", key="earliest"):
        for at in chosen:
            index, label = int(found.places[at]), plain.one_line(found.names[int(found.labels[at])], 40)
            how = "turns wrong" if found.right[at] else "turns right"
            said = f"<p>{escape(label)}, {how} at {100 * found.amounts[int(found.first[at])]:g}%</p>"
            with st.container(width=_width(recipe.subject, index), gap=None, key=f"first-{index}"):
                st.html(f'<figure class="pv-tile">{_seen(recipe.subject, index, label)}{said}</figure>')


def _chosen(found: Breakage, group: int) -> tuple[Example, ...]:
    wrong, right = (found.examples(group, wrong=way, most=WRONG + RIGHT) for way in (True, False))
    others = min(len(right), max(RIGHT, WRONG + RIGHT - len(wrong)))
    return (*wrong[: WRONG + RIGHT - others], *right[:others])


def can_show(name: str, index: int) -> bool:
    return breakage.picture(name, index) is not None or bool(breakage.text(name, index))


def _width(name: str, index: int) -> int:
    return 300 if breakage.text(name, index) else 168


def _button(recipe: Recipe, noun: str, index: int) -> None:
    """The name of an example; choosing it asks what each network looks at."""
    one, here = noun.removesuffix("s").capitalize(), index == recipe.example
    how = {"type": "tertiary", "icon": ":material/search:", "help": None if here else "Look closer"}
    chosen = {"example": -1 if here else index}
    label = f"{one} {index:,}{' · chosen' if here else ''}"
    st.button(label, key=f"look-{index}", on_click=bench.change, kwargs=chosen, **how)


def _tile(name: str, one: Example, firsts: FirstFlips | None) -> str:
    """A figure of one example: what it is, what was said before, and what is said now."""
    label = plain.one_line(one.label, 40)
    before, after = (
        f"<p>{when}: <b>{escape(plain.one_line(word, 40))}</b> {'✓' if word == one.label else '✗'}</p>"
        for when, word in (("before", one.before), ("after", one.after))
    )
    said = f"{before}{_bars(one.top_before, one.label, 'pv-before')}{after}{_bars(one.top_after, one.label, 'pv-after')}"
    amount = firsts.of_sample(one.index) if firsts else None
    first = "" if amount is None else f"<p>changes sides first at {100 * amount:g}%</p>"
    return f'<figure class="pv-tile">{_seen(name, one.index, label)}<figcaption>{said}{first}</figcaption></figure>'


def _bars(top: Sequence[tuple[str, float]], label: str, way: str) -> str:
    """The likeliest classes as bars. What is drawn is also written."""
    rows = []
    for word, chance in top:
        share = float(np.nan_to_num(chance))
        shown = escape(plain.one_line(word, 40))
        name = f"<u>{shown}</u>" if word == label else shown
        bar = f'<span aria-hidden="true"><i class="{way}" style="width:{100 * share:.1f}%"></i></span>'
        rows.append(f"<span>{name}</span>{bar}<span>{_percent(chance)}</span>")
    return f'<div class="pv-bars">{"".join(rows)}</div>'


def _percent(chance: float) -> str:
    if not np.isfinite(chance):
        return "none"
    return "&lt;1%" if 0 < chance < 0.005 else "&gt;99%" if 0.995 <= chance < 1 else f"{100 * chance:.0f}%"


def _seen(name: str, index: int, label: str) -> str:
    """The sample itself: its pixels, or its words."""
    pixels = breakage.picture(name, index)
    if pixels is None:
        return f"<blockquote>{escape(plain.one_line(breakage.text(name, index), LETTERS))}</blockquote>"
    few = ' class="pv-few"' if max(pixels.shape[:2]) <= SIDE else ""
    return f'<img{few} src="{data_uri(smaller(pixels))}" alt="held out, {escape(label, quote=True)}">'


def smaller(pixels: np.ndarray, most: int = SIDE) -> np.ndarray:
    """An image, uint8 [H, W, 3], with at most so many pixels a side: each is the mean of a square. Small ones stay as they
    are."""
    step = -(-max(pixels.shape[:2]) // most)
    high, wide = (max(1, side // step) for side in pixels.shape[:2])
    if step == 1:
        return pixels
    cut = pixels[: high * step, : wide * step]
    squares = cut.reshape(high, cut.shape[0] // high, wide, cut.shape[1] // wide, 3)
    return squares.mean(axis=(1, 3)).round().astype(np.uint8)


def _table(found: Breakage, chosen: Sequence[Example]) -> None:
    rows = [
        (f"{one.index:,}", plain.markdown(one.label), plain.markdown(one.before), plain.markdown(one.after))
        for one in chosen
    ]
    header = (found.noun.removesuffix("s"), "what it is", "said before", "says now")
    show.table([header, *rows], f"Some of the {found.noun} that change sides.")

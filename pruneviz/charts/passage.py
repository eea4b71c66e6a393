"""Passage: a held-out text whose ground says which tokens became harder to predict, and how both networks carry it on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

import numpy as np

from pruneviz.breakage import Passage
from pruneviz.charts import theme
from pruneviz.charts.chart import Table, as_percent, number
from pruneviz.charts.tokens import shown
from pruneviz.continuation import Continuation

STEEP = math.log(10)
"""Nats by which a loss rises where the probability falls to a tenth: from there on the ground has its full colour."""
# Blanks break as words do («break-spaces»): under «pre-wrap» those at a line's end hang out of the box with their ground.
_STYLE = (
    "<style>"
    ".pv-passage{{background:{ground};color:{ink};padding:.75rem 1rem;line-height:1.75;"
    "white-space:break-spaces;overflow-wrap:anywhere;font-family:'Source Code Pro',monospace;font-size:.9rem}}"
    ".pv-passage span{{padding:.1rem 0}}.pv-passage .pv-harder{{border-bottom:2px solid}}"
    ".pv-passage .pv-easier{{border-bottom:2px dotted}}.pv-passage i{{opacity:.6}}"
    ".pv-scale{{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin:.5rem 0 0!important;padding:0!important}}"
    ".pv-scale{{font-size:.85rem;list-style:none}}"
    ".pv-scale li{{display:flex;gap:.4rem;align-items:center;margin:0}}"
    ".pv-scale b{{color:{ink};padding:0 .5rem;font-weight:400}}"
    ".pv-scale .pv-harder{{border-bottom:2px solid}}.pv-scale .pv-easier{{border-bottom:2px dotted}}"
    ".pv-goes-on{{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));gap:1rem}}"
    ".pv-goes-on figure{{margin:0}}.pv-goes-on figcaption{{margin:0 0 .25rem}}.pv-goes-on b{{font-weight:600}}"
    "</style>"
)


@dataclass(frozen=True, slots=True)
class Text:
    """A text that is its own picture: its finding, its HTML, what a listener would miss, and its table twin."""

    title: str
    html: str
    alt: str
    table: Table


def passage(found: Passage, dark: bool = False) -> Text:
    """Every token of a window on the colour of its rise: purple became harder, green easier, plain is as it was.

    On a `dark` page the grounds are dark and the words white; a pale sheet there would outshine all else.
    """
    rises = found.rises
    body = "".join(_span(*one, dark) for one in zip(found.texts, found.dense_losses, found.losses, rises, strict=True))
    title = _title(found, rises)
    alt = f"{title} A passage of {len(rises)} tokens, each on the colour of the change of its loss."
    lead = f"<i>{escape(found.lead)}</i>"
    html = f'{_style(dark)}<div class="pv-passage" role="group" aria-label="{escape(alt)}">{lead}{body}</div>'
    header = ("token", "probability before", "after", "loss before", "after", "rise")
    rows = tuple(_row(*one) for one in zip(found.texts, found.dense_losses, found.losses, rises, strict=True))
    return Text(title, html + _scale(dark), alt, (header, rows))


def continuation(found: Continuation, dark: bool = False) -> Text:
    """What the text itself says next, and what either network writes: the ground marks where they part."""
    many, same = len(found.dense), found.same
    apart = "never part" if same == many else "part at once" if not same else f"part after {same} of {many} tokens"
    title = f"The dense and the pruned network {apart}."
    parts = [
        ("the text itself", found.truth, len(found.truth)),
        ("dense", found.dense, same),
        ("pruned", found.pruned, same),
    ]
    rows = "".join(_writing(name, found.prompt, (written, till), dark) for name, written, till in parts)
    alt = f"{title} The same prompt three times: as the text goes on, and as either network does."
    table = tuple((name, "".join(written)) for name, written, _ in parts)
    return Text(title, f'{_style(dark)}<div class="pv-goes-on">{rows}</div>', alt, (("goes on", "with"), table))


def _style(dark: bool) -> str:
    return _STYLE.format(ground=ground(0.0, dark), ink=theme.ON_DEEP if dark else theme.ON_PALE)


def _writing(name: str, prompt: str, writing: tuple[tuple[str, ...], int], dark: bool) -> str:
    """A prompt in quiet letters, and what follows it; from where it is another than the other network's, on a ground."""
    written, same = writing
    apart = ground(0.45 * STEEP, dark)
    first, rest = escape("".join(written[:same])), escape("".join(written[same:]))
    rest = f'<span style="background:{apart}">{rest}</span>' if rest else ""
    words = f'<div class="pv-passage"><i>{escape(prompt)}</i><b>{first}{rest}</b></div>'
    return f"<figure><figcaption>{name}</figcaption>{words}</figure>"


def _span(text: str, before: float, after: float, rise: float, dark: bool) -> str:
    """One token. A line end is seen as a sign and stays a line end."""
    words = escape(text).replace("\n", "↵\n")
    said = escape(f"loss {number(float(before))} → {number(float(after))} nats", quote=True)
    steep = ' class="pv-harder"' if rise >= STEEP else ' class="pv-easier"' if rise <= -STEEP else ""
    return f'<span{steep} style="background:{ground(rise, dark)}" title="{said}">{words}</span>'


def ground(rise: float, dark: bool = False) -> str:
    """The colour of a change of the loss, in nats: opaque, so that its words are read: black, and white on a `dark` page."""
    share = min(1.0, abs(rise) / STEEP)
    colour = theme.RISE if rise > 0 else theme.FALL
    if share < 0.02:
        return theme.SIGNED_ZERO_ON_DARK if dark else theme.SIGNED_ZERO
    return theme.deep(colour, share) if dark else theme.pale(colour, share)


def _scale(dark: bool) -> str:
    """The legend: five grounds with their words, the outer two with their lines."""
    steps = (
        ("−2.3", -STEEP, "pv-easier", "ten times as likely, or more"), ("−1.2", -STEEP / 2, "", ""),
        ("0", 0.0, "", "as it was"), ("+1.2", STEEP / 2, "", ""), ("+2.3", STEEP, "pv-harder", "a tenth as likely, or less"),
    )  # fmt: skip
    items = "".join(
        f'<li><b class="{line}" style="background:{ground(rise, dark)}">{sign}</b>{words}</li>'
        for sign, rise, line, words in steps
    )
    return f'<ul class="pv-scale" aria-label="change of the loss, in nats"><li>change of the loss (nats)</li>{items}</ul>'


def _title(found: Passage, rises: np.ndarray) -> str:
    before, after = (number(one) for one in found.perplexities)
    steep = int((rises >= STEEP).sum())
    said = (
        f"{steep:,} of {len(rises):,} tokens are" if steep > 1 else f"{'1' if steep else 'none'} of {len(rises):,} tokens is"
    )
    hit = f"{said} a tenth as likely, or less"
    return f"In this passage perplexity goes from {before} to {after}: {hit}."


def _row(text: str, before: float, after: float, rise: float) -> tuple[object, ...]:
    chances = (as_percent(math.exp(-float(loss))) for loss in (before, after))
    return (shown(text), *chances, *(number(float(value)) for value in (before, after, rise)))

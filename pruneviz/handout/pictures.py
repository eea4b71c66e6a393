"""Pictures: the charts of a Case as SVG or PNG, each under its finding, on white, for a slide or a paper."""

from __future__ import annotations

import base64
import io
import json
import re
import textwrap
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from pruneviz import plain
from pruneviz.case import Case
from pruneviz.charts.chart import Chart
from pruneviz.handout import document, figures, markup, printing

FORMATS = ("svg", "png")
WIDTH = 960
INK = "#1b1f24"
_LETTERS, _LINE = 88, 26
_FOUND = re.compile(r'<script type="application/json" id="pictures">(.*?)</script>', re.DOTALL)


def all_of(case: Case) -> dict[str, bytes]:
    """Every chart of a Case in every format, by file name."""
    return drawn(figures.figures(case), FORMATS)


def packed(case: Case) -> bytes:
    """The same in one ZIP file; the same Case gives the same bytes as long as the same browser draws it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in all_of(case).items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def drawn(charts: Mapping[str, Chart], formats: Sequence[str]) -> dict[str, bytes]:
    """These charts in these formats, by file name. Where no browser is installed, a ValueError says what to do."""
    for one in formats:
        if one not in FORMATS:
            raise ValueError(f"{one!r} is no format of a picture; there are {', '.join(FORMATS)}")
    asked = {"formats": list(formats), "charts": {name: placed(chart) for name, chart in charts.items()}}
    found = _FOUND.search(printing.drawn(document.scripted("pictures.js", markup.embedded("charts", asked)).encode()))
    if found is None:
        raise RuntimeError("the browser drew no picture: open the HTML report, where each chart has a button for one")
    return {name: _bytes(uri) for name, uri in json.loads(found[1]).items()}


def placed(chart: Chart) -> dict[str, Any]:
    """A chart with its finding above it, on white, and how large it is drawn."""
    one = figures.plotted(chart)
    title = "<br>".join(plain.label(line) for line in textwrap.wrap(chart.title, _LETTERS))
    head = 24 + _LINE * (1 + title.count("<br>"))
    layout, margin = one["layout"], one["layout"].get("margin", {})
    heading = {
        "text": title, "x": 0, "xref": "paper", "xanchor": "left", "y": 1, "yref": "paper", "yanchor": "bottom",
        "yshift": 14, "align": "left", "showarrow": False, "font": {"size": 18},
    }  # fmt: skip
    layout |= {
        "annotations": [*layout.get("annotations", ()), heading],
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "font": {**layout["font"], "color": INK},
        "margin": {**margin, "l": 24, "r": 24, "t": margin.get("t", 12) + head, "b": margin.get("b", 8) + 16},
    }
    height = int(layout.pop("height", None) or 360) + head + 16
    return {"data": one["data"], "layout": layout, "width": WIDTH, "height": height}


def _bytes(uri: str) -> bytes:
    """What a data URI holds."""
    head, _, body = uri.partition(",")
    return base64.b64decode(body) if head.endswith(";base64") else unquote_to_bytes(body)

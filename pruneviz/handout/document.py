"""Document: a Case as one HTML file that needs nobody else: charts, tables, pictures and the script that draws them inside.

Nothing is fetched, and nothing can be: the page's own policy (Content-Security-Policy) lets no request out and runs only the
two scripts whose sha256 it names. The same Case gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from string import Template

from pruneviz import plain
from pruneviz.case import Case
from pruneviz.charts.chart import Chart
from pruneviz.handout import figures as charts
from pruneviz.handout import markup, numbers, sections

LARGEST = 6_000_000
"""A report is smaller than so many bytes, so that it can be sent by mail."""
_HERE = Path(__file__).resolve().parent


def html(case: Case) -> str:
    """The whole report of a Case, ready to be written to a file as UTF-8."""
    shown = charts.figures(case)
    drawn = {name: charts.plotted(chart) for name, chart in shown.items()}
    data = markup.embedded("case", numbers.table(case)) + "\n" + markup.embedded("figures", drawn)
    return scripted("report.js", f"{body(case, shown)}\n{data}", title(case))


def scripted(script: str, body: str, title: str = "PruneViz") -> str:
    """A page with this body, Plotly, and one script of ours; nothing else runs in it, and nothing leaves it."""
    plotly, own = _plotly(), _text(script)
    page = {"policy": _policy(plotly, own), "title": markup.words(title, 200), "style": _text("report.css")}
    return Template(_text("report.html")).substitute(page, body=body, plotly=plotly, script=own)


def title(case: Case) -> str:
    """What the report is called: by its presenter, else by its model."""
    return plain.one_line(case.recipe.title or f"{case.model}: what pruning costs", 200)


def body(case: Case, shown: Mapping[str, Chart]) -> str:
    """All that is read, from the title to the command that measures it again."""
    parts = (
        sections.opening(case, title(case)),
        sections.trade_off(case, shown),
        sections.removed(case, shown),
        sections.affected(case, shown),
        sections.confidence(case),
        sections.times(case, shown),
        sections.all_numbers(case),
        sections.again(case),
    )
    return f"<main>\n{chr(10).join(part for part in parts if part)}\n</main>"


def _policy(*scripts: str) -> str:
    """Nothing from elsewhere: no script but these, no request, no form, no frame; pictures only from within the file."""
    allowed = " ".join(f"'{_named(one)}'" for one in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@lru_cache(8)
def _named(script: str) -> str:
    """The name by which a policy allows a script: its sha256."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


@cache
def _plotly() -> str:
    """plotly.js as it is installed: the file that draws the app's own charts."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


@cache
def _text(name: str) -> str:
    return (_HERE / name).read_text("utf-8")

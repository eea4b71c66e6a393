"""Reading a report as a machine does: its elements, its numbers, the data and the scripts inside."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from plotly.offline import get_plotlyjs


@dataclass
class Page:
    """What stands in a report: every element with its attributes, the visible words, and the numbers with their names."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    numbers: list[tuple[str, str, str]] = field(default_factory=list)
    scripts: list[tuple[dict[str, str], str]] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def embedded(self, name: str) -> Any:
        return next(json.loads(text) for attributes, text in self.scripts if attributes.get("id") == name)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page, self.open, self.number = Page(), [], None

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.page.elements.append((tag, attributes))
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)
        if tag == "data":
            self.number = (attributes["data-name"], attributes["value"])
        if tag == "script":
            self.page.scripts.append((attributes, ""))
        if tag == "tr":
            self.page.rows.append([])
        if tag in ("td", "th"):
            self.page.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            attributes, before = self.page.scripts[-1]
            self.page.scripts[-1] = (attributes, before + data)
        elif inside != "style":
            self.page.words.append(data)
        if inside == "data":
            self.page.numbers.append((*self.number, data))
        if {"td", "th"} & set(self.open):
            self.page.rows[-1][-1] += data


def read(html: str) -> Page:
    """The report, taken apart but for plotly.js, which would take long; whatever is not closed fails."""
    reader = _Reader()
    reader.feed(own_part(html))
    reader.close()
    assert not reader.open, f"left open: {reader.open}"
    return reader.page


def own_part(html: str) -> str:
    """The report without plotly.js, which is the installed file to the letter."""
    assert html.count(get_plotlyjs()) == 1
    return html.replace(get_plotlyjs(), "")


def policy(page: Page) -> dict[str, list[str]]:
    """The page's Content-Security-Policy: directive → what it allows."""
    said = next(one["content"] for tag, one in page.elements if tag == "meta" and "http-equiv" in one)
    return {name: rest.split() for name, _, rest in (part.strip().partition(" ") for part in said.split(";"))}


NUMBER = re.compile(r"-?\d[\d,]*\.?\d*")

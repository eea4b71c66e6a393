"""Menu: the way from page to page. Wide screens see every page under the heading of its section, narrow ones open a list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import streamlit as st

SECTIONS = {"start": "Start", "see": "See", "analyse": "Analyse", "labs": "Labs", "decide": "Decide", "learn": "Learn"}
"""The folders of `pages/`, and what a visitor reads."""
HIDDEN = "page:"
"""How a teacher's link names a page that is left out of the menu."""

Entry = tuple[str, str, str]
"""A page's file, its title, the last part of its address."""


def offered(entries: Sequence[Entry], hidden: Sequence[str]) -> list[Entry]:
    """The pages that the menu shows: all but those that a teacher hid. The first page is always there."""
    out = {one.removeprefix(HIDDEN) for one in hidden if one.startswith(HIDDEN)}
    return [entry for at, entry in enumerate(entries) if not at or entry[2] not in out]


def sections(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The pages by the heading of their folder, in the order of the menu."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(SECTIONS[PurePosixPath(entry[0]).parent.name], []).append(entry)
    return found


def narrow(entries: Sequence[Entry], pages: dict[str, Any], current: str) -> None:
    """The list of pages that a narrow screen opens. `pages` are Streamlit's, by their address."""
    with st.popover("Pages", key="menu-narrow", width="content"):
        for heading, inside in sections(entries).items():
            st.markdown(f":small[{heading}]")
            _links(inside, pages, current)


def wide(entries: Sequence[Entry], pages: dict[str, Any], current: str) -> None:
    """All pages in a row, each under the heading of its section."""
    with st.container(key="menu", horizontal=True, gap="large", vertical_alignment="bottom"):
        for heading, inside in sections(entries).items():
            with st.container(key=f"menu-{heading.lower()}", width="content", gap=None):
                st.markdown(f":small[{heading}]")
                with st.container(horizontal=True, gap="xxsmall", width="content"):
                    _links(inside, pages, current)


def _links(entries: Sequence[Entry], pages: dict[str, Any], current: str) -> None:
    for _file, title, address in entries:
        st.page_link(pages[address], label=f"**{title}**" if address == current else title)


STYLE = (
    "[data-testid='stMainBlockContainer']{padding-top:2.75rem!important}"
    ".st-key-menu{column-gap:.9rem;row-gap:.25rem;margin-left:-.25rem}"
    ".st-key-menu [data-testid='stPageLink'] a{padding:0 .25rem;min-height:1.5rem}"
    ".st-key-menu p{white-space:nowrap}"
    ".st-key-menu [data-testid='stPageLink'] p{font-size:.9rem}"
    ".st-key-menu [data-testid='stVerticalBlock']>.stElementContainer{padding-left:.25rem;opacity:.8}"
    ".st-key-menu-narrow{display:none}"
    "@media(max-width:900px){.st-key-menu{display:none}.st-key-menu-narrow{display:block}.st-key-bar kbd{display:none}}"
)
"""The style shows the menu that fits the screen; on a narrow one, buttons do not spell out their keys."""

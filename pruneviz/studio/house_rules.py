"""House rules: whose server this is, and what follows from it. Read once, when the first question comes.

On one's own machine a visitor is the owner: paths are theirs to name, downloads are on, memory is the only limit. On a
server that others reach, caps bind what is uploaded, only cards that its owner named are opened, nothing is downloaded.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from functools import cache
from pathlib import Path

import streamlit as st

from pruneviz import caps as settings
from pruneviz.caps import Caps

HERE = ("localhost", "127.0.0.1", "::1")
"""The names under which one's own machine asks for itself."""
CARDS = "PRUNEVIZ_CARDS"
"""Names further cards (paths of subject.toml files, separated as in PATH) that the app offers beside its samples."""
LESSONS = "PRUNEVIZ_LESSONS"
"""Names folders with lessons of one's own (separated as in PATH) that stand beside the app's."""
GUESSES = "PRUNEVIZ_GUESSES"
"""Whether a lesson's visitors see each other's guesses: 0 turns that off."""
_FUNCTION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)
_NO = ("", "0", "off", "no", "false")


@cache
def own_machine() -> bool:
    """Whether only this machine's own people reach the server: bound to loopback, known by no other name, and not said to be
    shared (`PRUNEVIZ_SHARED`), as one behind a proxy has to be."""
    if said_shared():
        return False
    known_as = [name for name in st.get_option("server.allowedHosts") or () if not is_loopback(name)]
    return is_loopback(st.get_option("server.address")) and not known_as


def said_shared() -> bool:
    """Whether `PRUNEVIZ_SHARED` says that others come here, too."""
    return os.environ.get("PRUNEVIZ_SHARED", "").strip().lower() not in _NO


@cache
def caps() -> Caps:
    """What one visitor and all of them together may bring and ask for."""
    return settings.read(own_machine())


@cache
def downloads() -> bool:
    """Whether models and data may be fetched by name."""
    return settings.downloads(own_machine())


def cards() -> tuple[Path, ...]:
    """The cards that the owner named: in `PRUNEVIZ_CARDS`, or after `streamlit run app.py --`; each a `subject.toml`."""
    named = [*os.environ.get(CARDS, "").split(os.pathsep), *sys.argv[1:]]
    found = [_card(name) for name in named if name.strip()]
    return tuple(dict.fromkeys(card for card in found if card.name == "subject.toml" and card.is_file()))


def lessons() -> tuple[Path, ...]:
    """The folders of further lessons that the owner named in `PRUNEVIZ_LESSONS`, separated as in PATH."""
    return tuple(Path(name).expanduser() for name in os.environ.get(LESSONS, "").split(os.pathsep) if name.strip())


def guesses() -> bool:
    """Whether the visitors of a lesson see each other's guesses, without names; `PRUNEVIZ_GUESSES=0` says no."""
    return os.environ.get(GUESSES, "1").strip().lower() not in _NO


def functions() -> tuple[str, ...]:
    """The functions of their own that the owner named after `streamlit run app.py --`, each as «module:function»."""
    return tuple(dict.fromkeys(name for name in sys.argv[1:] if _FUNCTION.fullmatch(name)))


def allowed(path: str | Path) -> bool:
    """Whether a visitor may name this path: any on one's own machine, elsewhere only a card that the owner named."""
    return own_machine() or _card(path) in cards()


def _card(path: str | Path) -> Path:
    found = Path(path).expanduser().resolve()
    return found / "subject.toml" if found.is_dir() else found


def is_loopback(address: str | None) -> bool:
    """Whether an address or a name reaches this machine only."""
    bare = (address or "").strip().strip("[]").lower()
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost"

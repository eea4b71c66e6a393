"""Visitor: who is looking, so that what somebody brought stays theirs. A visitor is a person who signed in, else a browser.

A visitor's name is a hash: it is never shown, never written down, and says nothing about the person. A browser is known by
the secret that Streamlit gives it against forged requests, which survives a reload and no other browser has.
"""

from __future__ import annotations

import binascii
import hashlib
from urllib.parse import urlsplit

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pruneviz.studio import house_rules

_COOKIE = "_streamlit_xsrf"
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")


def name() -> str:
    """This visitor: whoever signed in, else this browser, else this tab."""
    person = _person()
    if person:
        return _hashed("person", person)
    browser = browser_token(_text(st.context.cookies.get(_COOKIE)))
    return _hashed("browser", browser) if browser else _hashed("tab", tab().encode())


def tab() -> str:
    """This tab, as the runtime knows it; nothing outside of a page."""
    context = get_script_run_ctx(suppress_warning=True)
    return context.session_id if context else ""


def drop_upload(upload: object) -> None:
    """Gives back the memory of an uploaded file that was taken: else it stays until its tab is closed."""
    context = get_script_run_ctx(suppress_warning=True)
    remove = getattr(context.uploaded_file_mgr, "remove_file", None) if context else None
    if remove is not None:
        remove(context.session_id, upload.file_id)


def own_machine() -> bool:
    """Whether this visitor sits at this very machine: the server is its owner's alone, and the request came directly.

    A proxy here reaches a loopback address, too: but it says for whom it forwards, or the browser says where it came from.
    """
    if not house_rules.own_machine():
        return False
    headers = {key: _text(st.context.headers.get(key)) for key in (*_FORWARDED, "Host", "Origin")}
    if any(headers[key] for key in _FORWARDED):
        return False
    asked = [headers["Host"], urlsplit(headers["Origin"]).netloc]
    return all(house_rules.is_loopback(_host(one)) for one in asked if one)


def browser_token(cookie: str) -> bytes:
    """The secret inside the cookie. It is masked anew with every answer, so the cookie itself never stays the same."""
    version, *parts = cookie.strip("\"'").split("|")
    if version != "2" or len(parts) != 3:
        return b""
    try:
        mask, masked = binascii.a2b_hex(parts[0]), binascii.a2b_hex(parts[1])
    except (binascii.Error, ValueError):
        return b""
    # Sixteen random bytes; a shorter one was not made by the server, and two browsers might share it.
    if len(mask) != 4 or len(masked) < 16:
        return b""
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))


def _person() -> bytes:
    """Who signed in, where the server asks people to; empty elsewhere."""
    if not st.user.get("is_logged_in"):
        return b""
    return str(st.user.get("sub") or st.user.get("email") or "").encode()


def _text(value: object) -> str:
    """A header or a cookie, where there is one: a page that is run without a browser has none."""
    return value if isinstance(value, str) else ""


def _hashed(kind: str, secret: bytes) -> str:
    return hashlib.sha256(kind.encode() + b"\0" + secret).hexdigest()[:24]


def _host(netloc: str) -> str:
    """The host's name without its port."""
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return netloc

"""The door: every request passes here first. A wrong name, somebody else's visitors and too large an upload stay outside.

Streamlit looks at the name for websockets only, counts what one request brings and not what one visitor does, and lets any
visitor empty the caches of all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import urlsplit

import streamlit as st
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import runtime
from streamlit.proto.BackMsg_pb2 import BackMsg

from pruneviz.studio import house_rules

FRAMING = 64 * 1024
"""Bytes that a form puts around a file of its own."""
STALLED = 60.0
"""Seconds without a byte after which an upload is given up: while it is on its way, its room is nobody else's."""
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip")
_UPLOADS = "/_stcore/upload_file/"
_SAID = ("rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "backend_operation_request")
"""What a page may tell the server. Not among it: emptying everybody's caches, and asking which files lie beside the app."""
_POLITE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))


_coming: Counter[str] = Counter()
"""Bytes of uploads that are on their way, by the tab that they come from."""


class Door:
    """Lets a request in, or says in one sentence why not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        refused = _stranger(headers)
        if refused:
            return await _refuse(scope, receive, send, *refused)
        if _is_upload(scope):
            return await self._upload(scope, receive, send)
        if scope["type"] == "websocket":
            receive = _heard(receive)
        elif scope["method"] == "PUT":
            receive = _counted(receive)
        await self.app(scope, receive, _politely(send))

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An upload counts from its first byte to its last, so that many at once are no more than many in turn."""
        tab, length = _tab(scope), _announced(dict(scope["headers"]))
        refused = _too_much(tab, length)
        if refused:
            return await _refuse(scope, receive, send, *refused)
        under_way = [length]
        _coming[tab] += length

        def arrived() -> None:
            for one in under_way:
                _coming[tab] -= one
            under_way.clear()
            if not _coming[tab]:
                del _coming[tab]

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                arrived()  # by now it is held, or refused: whoever hears the answer may send the next one at once
            await send(message)

        try:
            await self.app(scope, _counted(receive), _politely(told))
        finally:
            arrived()


def middleware() -> list[Middleware]:
    """What the app is wrapped in."""
    return [Middleware(Door)]


def known_here(host: str) -> bool:
    """Whether the server answers to this name. To its own machine it always does: no web page can ask in that name."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    names = [one.strip().lower().rstrip(".") for one in st.get_option("server.allowedHosts") or house_rules.HERE]
    if not st.get_option("server.allowedHosts") and not house_rules.own_machine():
        return True  # nobody has said which name visitors use; the server warned of it when it started
    under = any(name.endswith(one[1:]) for one in names if one.startswith("*."))
    return bool(name) and (name in names or under or "*" in names or house_rules.is_loopback(name))


def _stranger(headers: dict[bytes, bytes]) -> tuple[int, str] | None:
    """Why a request is not for this server, or not from who may come; None where it is."""
    host = headers.get(b"host", b"").decode("latin-1")
    if not known_here(host):
        return 403, f"This server does not answer to {host[:80]!r}: its owner can add the name to server.allowedHosts.\n"
    if house_rules.own_machine() and any(name in headers for name in _FORWARDED):
        said = "This server takes everybody for its owner, and a proxy has passed somebody else on"
        return 403, f"{said}: its owner can start it with PRUNEVIZ_SHARED=1.\n"
    return None


def _is_upload(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] == "PUT" and _UPLOADS in scope["path"]


def _tab(scope: Scope) -> str:
    """The tab that an upload comes from."""
    return scope["path"].partition(_UPLOADS)[2].partition("/")[0]


def _announced(headers: dict[bytes, bytes]) -> int:
    """Bytes that an upload may bring: one that does not say how long it is may be as large as the cap."""
    declared = headers.get(b"content-length", b"")
    if not declared:
        return house_rules.caps().upload_bytes
    return int(declared) if declared.isdigit() and len(declared) < 20 else 2**63


def _too_much(tab: str, length: int) -> tuple[int, str] | None:
    """Why an upload is not even begun; None where it may come."""
    caps = house_rules.caps()
    if length > caps.upload_bytes + FRAMING:
        return 413, f"This file is too large: {caps.upload_bytes / 1e6:g} MB can be uploaded.\n"
    held = _held()
    if held.get(tab, 0) + _coming[tab] + length > caps.models * caps.upload_bytes + FRAMING:
        return 413, "Too much was uploaded in this tab: load the page anew, and bring less at a time.\n"
    if sum(held.values()) + _coming.total() + length > caps.held_bytes:
        return 413, "All visitors together have brought as much as this server holds: try again in a few minutes.\n"
    return None


def _held() -> dict[str, int]:
    """Bytes of uploads that each visitor's tab holds in memory."""
    if not runtime.exists():
        return {}
    storage = getattr(runtime.get_instance().uploaded_file_mgr, "file_storage", {})
    return {visitor: sum(len(one.data) for one in list(files.values())) for visitor, files in list(storage.items())}


def _counted(receive: Receive) -> Receive:
    """The same request, ended where it brings more than it may, whatever length it declared."""
    cap, came = house_rules.caps().upload_bytes, 0

    async def counted() -> Message:
        nonlocal came
        try:
            message = await asyncio.wait_for(receive(), STALLED)
        except TimeoutError:
            raise HTTPException(408, "Nothing came any more: try the upload again.") from None
        came += len(message.get("body", b""))
        if came > cap + FRAMING:
            raise HTTPException(413, f"This file is too large: {cap / 1e6:g} MB can be uploaded.")
        return message

    return counted


def _heard(receive: Receive) -> Receive:
    """The same conversation without what no page says; nonsense ends it."""

    async def heard() -> Message:
        while True:
            message = await receive()
            if message["type"] != "websocket.receive" or _kind(message) in _SAID:
                return message
            if not _kind(message):
                return {"type": "websocket.disconnect", "code": 1002}

    return heard


def _kind(message: Message) -> str:
    """What a message of a page is about; empty where it is not one."""
    said = BackMsg()
    try:
        said.ParseFromString(message.get("bytes") or b"")
    except Exception:  # protobuf has its own errors, and bytes from anywhere raise others, too
        return ""
    return said.WhichOneof("type") or ""


def _politely(send: Send) -> Send:
    """Every answer says that it is what it says it is, and that where it was asked from is nobody's business."""

    async def polite(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_POLITE]}
        await send(message)

    return polite


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await PlainTextResponse(sentence, status)(scope, receive, send)

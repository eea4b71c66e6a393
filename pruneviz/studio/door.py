"""The door: every request passes here first. A wrong name, somebody else's visitors and too large an upload stay outside.

Streamlit looks at the name for websockets only, counts what one request brings and not what one visitor does, and lets any
visitor empty the caches of all.
"""

from __future__ import annotations

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
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip")
_UPLOADS = "/_stcore/upload_file/"
_SAID = ("rerun_script", "stop_script", "file_urls_request", "app_heartbeat", "backend_operation_request")
"""What a page may tell the server. Not among it: emptying everybody's caches, and asking which files lie beside the app."""
_POLITE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))


class Door:
    """Lets a request in, or says in one sentence why not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        refused = _stranger(headers) or _too_much(scope, headers)
        if refused:
            return await _refuse(scope, receive, send, *refused)
        if scope["type"] == "websocket":
            receive = _heard(receive)
        elif scope["method"] == "PUT":
            receive = _counted(receive)
        await self.app(scope, receive, _politely(send))


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


def _too_much(scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
    """Why an upload is not even begun; None where it may come."""
    if scope["type"] != "http" or scope["method"] != "PUT" or _UPLOADS not in scope["path"]:
        return None
    declared = headers.get(b"content-length", b"0")
    length = int(declared) if declared.isdigit() and len(declared) < 20 else 2**63
    caps = house_rules.caps()
    if length > caps.upload_bytes + FRAMING:
        return 413, f"This file is too large: {caps.upload_bytes / 1e6:g} MB can be uploaded.\n"
    visitor = scope["path"].partition(_UPLOADS)[2].partition("/")[0]
    held = _held()
    # One more of its kind may be on its way beside each that is here: an upload without a length may be as large as the cap.
    if held.get(visitor, 0) + length > caps.models * caps.upload_bytes:
        return 413, "Too much was uploaded in this tab: load the page anew, and bring less at a time.\n"
    if sum(held.values()) + length > caps.held_bytes:
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
        message = await receive()
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

"""Visitors: who opens pages, each in a browser that no server knows, and listens for what goes wrong meanwhile."""

from __future__ import annotations

from contextlib import contextmanager

from tests.browser.server import PATIENCE, settle

REMEMBERED = "cookies,local_storage,indexeddb,service_workers,cache_storage"
"""All that a browser keeps for a page of a server, but for the server's files."""
WAITING = 2
"""So many browsers wait for their next visitor; each has a process that takes memory."""


@contextmanager
def visits(browser, address: str):
    """Opens pages, each for a visitor of its own; afterwards no error was logged and nothing has left the machine.

    Streamlit itself asks `<page>/_stcore/{health,host-config}` on every deep link before it finds the right folder: those
    two are the only errors let through.
    """
    contexts, complaints = [], []

    def open_page(path: str = "/", width: int = 1440, scheme: str = "light", motion: str = "reduce"):
        contexts.append(_visitor(browser, address))
        page = contexts[-1].new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion=motion)
        page.set_default_timeout(PATIENCE)
        page.frames_sent = []
        page.on("console", lambda message: complaints.append(message.text) if _is_error(message) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if _is_foreign(request.url, address) else None)
        page.on("websocket", lambda ws: ws.on("framesent", lambda frame: page.frames_sent.append(frame)))
        page.goto(address + path)
        settle(page)
        return page

    try:
        yield open_page
    finally:
        for context in contexts:
            _leave(browser, context)
    assert not complaints, complaints[:5]


def _visitor(browser, address: str):
    """A browser of somebody whom no server knows: a new one, or one that has forgotten who used it but for the server's own
    files. A first tab stays open in it and does nothing: the process that has read them ends with the last tab."""
    for context in browser.contexts:
        if getattr(context, "waits", None):
            keeper, context.waits = context.waits, None
            context.clear_cookies()
            context.clear_permissions()
            devtools = context.new_cdp_session(keeper)
            devtools.send("Storage.clearDataForOrigin", {"origin": address, "storageTypes": REMEMBERED})
            devtools.detach()
            return context
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.new_page().goto(f"{address}/_stcore/health")
    return context


def _leave(browser, context) -> None:
    """Closes what somebody opened, all of it where enough wait already; a test may have closed it itself."""
    if sum(bool(getattr(one, "waits", None)) for one in browser.contexts) >= WAITING:
        context.close()
        return
    for page in context.pages[1:]:
        page.close()
    context.waits = next(iter(context.pages), None)


def _is_error(message) -> bool:
    probe = message.location.get("url", "").endswith(("/_stcore/health", "/_stcore/host-config"))
    return message.type == "error" and not probe


def _is_foreign(url: str, address: str) -> bool:
    return not url.startswith((address, address.replace("http", "ws", 1), "blob:", "data:"))

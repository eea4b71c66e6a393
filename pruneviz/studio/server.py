"""The server's life: what is asked before it starts, and what happens once, before the first visitor comes."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass

import streamlit as st

from pruneviz import floors
from pruneviz.studio import background, folders, house_rules


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the settings, and whether a server may start with it."""

    sentence: str
    dangerous: bool


def check() -> None:
    """Before anything else: refuses versions and settings that are not safe, in one sentence and with exit 2, and warns of
    what is merely unwise."""
    try:
        floors.hold()
        house_rules.downloads()
        house_rules.caps()
        found = [*troubles(), *_nobody_can_sign_in()]
    except ValueError as problem:
        found = [Trouble(str(problem), dangerous=True)]
    for trouble in found:
        print(f"pruneviz: {trouble.sentence}", file=sys.stderr, flush=True)
    if any(trouble.dangerous for trouble in found):
        sys.exit(2)


def troubles() -> list[Trouble]:
    """What is wrong with the settings in effect, wherever they come from. What lets strangers in is dangerous anywhere; what
    only tells too much is dangerous where strangers come."""
    ask, shared = st.get_option, not house_rules.own_machine()
    doors = [
        ("server.enableXsrfProtection", True, "other websites could upload in a visitor's name"),
        ("server.enableCORS", True, "other websites could read and drive the app"),
    ]
    manners = [
        ("server.enableStaticServing", False, "files beside the app would be handed out"),
        ("server.enableAgentApi", False, "programs could drive the app without a page"),
        ("client.showErrorDetails", "none", "visitors would be shown tracebacks with paths"),
        ("browser.gatherUsageStats", False, "visitors' browsers would call others"),
        ("global.developmentMode", False, "other websites could read the app"),
    ]
    found = [_departure(*one, dangerous=True) for one in doors if not _is(ask(one[0]), one[1])]
    found += [_departure(*one, dangerous=shared) for one in manners if not _is(ask(one[0]), one[1])]
    return [*found, *_hosts(ask("server.allowedHosts"), shared), *_uploads(ask("server.maxUploadSize"), shared)]


def _is(value: object, wanted: object) -> bool:
    return str(value).lower() == str(wanted).lower()


def _departure(name: str, wanted: object, harm: str, dangerous: bool) -> Trouble:
    said = str(wanted).lower()
    return Trouble(f"{name} is {st.get_option(name)!r}, and {harm}: set it to {said} (--{name}={said})", dangerous)


def _hosts(names: list[str] | None, shared: bool) -> list[Trouble]:
    """Without a list of its names, a server answers to any: a web page could then reach it under a name of its own."""
    if names and "*" not in names:
        joined = [one for one in names if set(one) & set(", /")]
        said = f"server.allowedHosts has {', '.join(map(repr, joined))}, which is no name"
        return [Trouble(f"{said}: give names alone, separated by spaces", dangerous=False)] if joined else []
    way = "the name that visitors use" if shared else "localhost, 127.0.0.1 and ::1"
    return [
        Trouble(f"server.allowedHosts is {names or []!r}, and any web page could reach the app: set it to {way}", not shared)
    ]


def _uploads(megabytes: int, shared: bool) -> list[Trouble]:
    cap = house_rules.caps().upload_bytes
    if not shared or megabytes * 2**20 <= cap * 1.05:
        return []
    said = f"server.maxUploadSize is {megabytes} MB, and uploads over {cap / 1e6:g} MB are refused all the same"
    return [Trouble(f"{said}: set PRUNEVIZ_UPLOAD_BYTES, too, or lower it", dangerous=False)]


def _nobody_can_sign_in() -> list[Trouble]:
    from pruneviz.studio import sign_in

    said = sign_in.trouble()
    return [Trouble(said, dangerous=True)] if said else []


@asynccontextmanager
async def lifespan(_app):
    """Imports torch and warms the default model in the background, while the first page is drawn from shipped curves."""
    os.environ.pop(floors.UNSAFE_SWITCH, None)
    folders.sweep()
    background.start("preload", _preload)
    try:
        yield {}
    finally:
        folders.close()  # a server that is told to stop never comes to its process's exit


def _preload() -> None:
    # Imported here: caches are set up at import and want the server's runtime, which is there by now.
    from pruneviz.studio import kitchen

    kitchen.preload()

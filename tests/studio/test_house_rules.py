"""House rules: whose server it is, which paths a visitor may name, and which settings a server does not start with."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import streamlit as st

from pruneviz.caps import LOCAL, Caps
from pruneviz.studio import catalogue, door, house_rules, larder, models, server

SAFE = {
    "server.address": "127.0.0.1",
    "server.allowedHosts": ["localhost", "127.0.0.1", "::1"],
    "server.enableXsrfProtection": True,
    "server.enableCORS": True,
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.maxUploadSize": 100,
    "client.showErrorDetails": "none",
    "browser.gatherUsageStats": False,
    "global.developmentMode": False,
}
TEAM = {"server.address": "0.0.0.0", "server.allowedHosts": ["prune.example.org"]}
NAMES = ("PRUNEVIZ_SHARED", "PRUNEVIZ_CARDS", "PRUNEVIZ_DOWNLOADS", "PRUNEVIZ_UPLOAD_BYTES")


@pytest.fixture
def settings(monkeypatch):
    """Settings in effect, as they can be changed; and an environment that says nothing."""
    monkeypatch.delenv("PRUNEVIZ_NICE", raising=False)
    chosen = dict(SAFE)
    monkeypatch.setattr(st, "get_option", chosen.get)
    monkeypatch.setattr("sys.argv", ["app.py"])
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    _forget()
    yield chosen
    _forget()


def _forget():
    for rule in (house_rules.own_machine, house_rules.caps, house_rules.downloads):
        rule.cache_clear()


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.0.1", "LOCALHOST"])
def test_a_server_on_loopback_is_its_owners(settings, address):
    settings["server.address"] = address
    assert house_rules.own_machine() and house_rules.caps() == LOCAL and house_rules.downloads()


@pytest.mark.parametrize(
    "address", [None, "", "0.0.0.0", "::", "192.168.1.5", "prune.example.org", "unix:///run/prune.sock"]
)
def test_a_server_that_others_reach_is_shared(settings, address):
    settings["server.address"] = address
    assert not house_rules.own_machine() and house_rules.caps() == Caps() and not house_rules.downloads()


def test_a_server_behind_a_proxy_is_shared_where_it_is_said_or_known_by_another_name(settings, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_SHARED", "1")
    assert not house_rules.own_machine()
    monkeypatch.setenv("PRUNEVIZ_SHARED", "off")
    _forget()
    assert house_rules.own_machine()
    settings["server.allowedHosts"] = ["localhost", "prune.example.org"]
    _forget()
    assert not house_rules.own_machine()


def test_visitors_name_only_the_cards_that_the_owner_named(settings, monkeypatch, tmp_path):
    named, secret = tmp_path / "named", tmp_path / "secret"
    for folder in (named, secret):
        folder.mkdir()
        (folder / "subject.toml").write_text("", "utf-8")
    assert house_rules.allowed(secret / "subject.toml")  # one's own machine
    settings |= TEAM
    monkeypatch.setenv("PRUNEVIZ_CARDS", f"{named / 'subject.toml'}:{tmp_path / 'gone' / 'subject.toml'}: ")
    _forget()
    assert house_rules.cards() == ((named / "subject.toml").resolve(),)
    assert house_rules.allowed(named / "subject.toml") and house_rules.allowed(str(named))
    assert house_rules.allowed(named / ".." / "named" / "subject.toml")
    for path in (
        secret,
        secret / "subject.toml",
        named / ".." / "secret" / "subject.toml",
        "/etc/passwd",
        "subject.toml",
        "",
    ):
        assert not house_rules.allowed(path), path


def test_cards_can_stand_on_the_command_line(settings, monkeypatch, tmp_path):
    (tmp_path / "subject.toml").write_text("", "utf-8")
    monkeypatch.setattr("sys.argv", ["app.py", str(tmp_path), "--quiet", "notes.txt"])
    settings |= TEAM
    assert house_rules.cards() == ((tmp_path / "subject.toml").resolve(),)
    assert str((tmp_path / "subject.toml").resolve()) in catalogue.subjects()


def test_functions_of_ones_own_stand_on_the_command_line_only(monkeypatch, tmp_path):
    (tmp_path / "mine_of_today.py").write_text(
        "import torch\n\ndef made():\n    return torch.nn.Linear(3, 2), torch.eye(3), torch.tensor([0, 1, 1])\n", "utf-8"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    named = "mine_of_today:made"
    assert named not in catalogue.subjects()
    with pytest.raises(ValueError, match="unknown"):
        models.subject(named)
    monkeypatch.setattr("sys.argv", ["app.py", named, "no function"])
    assert house_rules.functions() == (named,) and catalogue.subjects()[named] == named
    assert models.subject(named).weights == 6
    larder.drop(named)


def test_the_settings_of_the_repository_have_no_trouble(settings):
    assert server.troubles() == []
    settings |= TEAM
    _forget()
    assert server.troubles() == []


@pytest.mark.parametrize(
    ("name", "value", "own", "shared"),
    [
        ("server.enableXsrfProtection", False, True, True),
        ("server.enableCORS", False, True, True),
        ("server.enableStaticServing", True, False, True),
        ("server.enableAgentApi", True, False, True),
        ("client.showErrorDetails", "full", False, True),
        ("client.showErrorDetails", "stacktrace", False, True),
        ("browser.gatherUsageStats", True, False, True),
        ("global.developmentMode", True, False, True),
        ("server.allowedHosts", [], True, False),
    ],
)
def test_a_departure_is_told_and_where_it_is_dangerous_the_server_does_not_start(settings, capsys, name, value, own, shared):
    for others, dangerous in (({}, own), (TEAM, shared)):
        settings.clear()
        settings |= {**SAFE, **others, name: value}
        _forget()
        (trouble,) = server.troubles()
        assert trouble.dangerous is dangerous and name in trouble.sentence and ": set it to " in trouble.sentence
        try:
            server.check()
            stopped = None
        except SystemExit as ended:
            stopped = ended.code
        said = capsys.readouterr().err
        assert stopped == (2 if dangerous else None)
        assert said.startswith(f"pruneviz: {name} is ") and said.count("\n") == 1


def test_a_setting_that_is_no_number_is_one_sentence(settings, monkeypatch, capsys):
    for name, value, way in (
        ("UPLOAD_BYTES", "lots", "give a whole number"),
        ("DOWNLOADS", "maybe", "possible are on and off"),
    ):
        monkeypatch.setenv(f"PRUNEVIZ_{name}", value)
        _forget()
        with pytest.raises(SystemExit) as ended:
            server.check()
        said = capsys.readouterr().err
        assert ended.value.code == 2 and said.startswith(f"pruneviz: PRUNEVIZ_{name} is") and way in said
        monkeypatch.delenv(f"PRUNEVIZ_{name}")


def test_more_is_taken_in_than_is_let_through_is_told(settings, monkeypatch):
    settings |= {**TEAM, "server.maxUploadSize": 500}
    (trouble,) = server.troubles()
    assert not trouble.dangerous and "uploads over 100 MB are refused all the same" in trouble.sentence
    monkeypatch.setenv("PRUNEVIZ_UPLOAD_BYTES", "600_000_000")
    _forget()
    assert server.troubles() == []


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("prune.example.org", True), ("prune.example.org:8501", True), ("PRUNE.example.org.", True), ("a.team.org", True),
        ("127.0.0.1:8501", True), ("[::1]:8501", True), ("localhost", True),
        ("example.org", False), ("evil-prune.example.org", False), ("prune.example.org.evil.net", False),
        ("team.org", False), ("", False), ("[", False), ("127.0.0.1.evil.net", False), ("169.254.169.254", False),
    ],
)  # fmt: skip
def test_the_door_knows_its_own_names(settings, host, known):
    settings |= {**TEAM, "server.allowedHosts": ["prune.example.org", "*.team.org"]}
    assert door.known_here(host) is known


def test_a_door_that_was_told_no_name_lets_any_name_in_on_a_shared_server_only(settings):
    settings["server.allowedHosts"] = []
    assert not door.known_here("prune.example.org") and door.known_here("localhost:8501")
    settings |= {**TEAM, "server.allowedHosts": []}
    _forget()
    assert door.known_here("prune.example.org")


def _uploads(door_: door.Door, count: int, tab: str, length: int | None) -> list[int]:
    """The answers to so many uploads of a tab at the same time."""

    async def one(at: int, answers: list[int]) -> None:
        async def receive() -> dict:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict) -> None:
            if message["type"] == "http.response.start":
                answers.append(message["status"])

        headers = [(b"host", b"localhost"), *([(b"content-length", b"%d" % length)] if length is not None else [])]
        path = f"/_stcore/upload_file/{tab}/{at}"
        await door_({"type": "http", "method": "PUT", "path": path, "headers": headers}, receive, send)

    async def all_of_them() -> list[int]:
        answers: list[int] = []
        await asyncio.gather(*(one(at, answers) for at in range(count)))
        return answers

    return sorted(_run(all_of_them()))


def _run(coroutine: Coroutine) -> Any:
    """What comes of it, in a thread of its own: the browser of other tests may have a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


async def _slow(scope, receive, send) -> None:
    await receive()
    await asyncio.sleep(0.01)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@pytest.mark.parametrize("length", [100, None])
def test_many_uploads_at_once_are_no_more_than_many_in_turn(monkeypatch, length):
    caps = house_rules.settings.Caps(upload_bytes=100, models=3, held_bytes=500)
    monkeypatch.setattr(house_rules, "caps", lambda: caps)
    monkeypatch.setattr(door, "FRAMING", 0)
    monkeypatch.setattr(door, "_stranger", lambda _: None)
    entrance = door.Door(_slow)
    assert _uploads(entrance, 20, "one", length) == [204] * 3 + [413] * 17
    assert _uploads(entrance, 3, "one", length) == [204] * 3, "what has come counts where it lies now"
    assert not door._coming


def test_all_tabs_uploads_at_once_fit_the_server(monkeypatch):
    caps = house_rules.settings.Caps(upload_bytes=100, models=3, held_bytes=200)
    monkeypatch.setattr(house_rules, "caps", lambda: caps)
    monkeypatch.setattr(door, "_stranger", lambda _: None)
    assert _uploads(door.Door(_slow), 5, "one", 100) == [204] * 2 + [413] * 3


def test_an_upload_that_brings_nothing_more_is_given_up(monkeypatch):
    monkeypatch.setattr(door, "STALLED", 0.05)
    monkeypatch.setattr(door, "_stranger", lambda _: None)

    async def waits(scope, receive, send) -> None:
        await receive()

    async def stalled() -> None:
        async def never() -> dict:
            await asyncio.sleep(60)
            return {}

        scope = {"type": "http", "method": "PUT", "path": "/_stcore/upload_file/t/1", "headers": []}
        await door.Door(waits)(scope, never, never)

    with pytest.raises(door.HTTPException, match="408"):
        _run(stalled())
    assert not door._coming

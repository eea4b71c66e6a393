"""Without a network: every page draws on what ships and asks nobody; every download ends with one sentence, and soon."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from pruneviz.engine.sources import card, datasets, download, fetching
from pruneviz.engine.sources.fetching import Fetch
from pruneviz.engine.sources.gate import SubjectError
from tests.browser.server import PAGES, ROOT, serving
from tests.soak.visitor import enter

WALL = '''
"""No way out: only this machine answers, and who asks for others is written down."""

import os
import socket

_connect, _resolve = socket.socket.connect, socket.getaddrinfo


def _note(where):
    with open(os.environ["ASKED_FOR"], "a") as notes:
        notes.write(f"{where}\\n")
    raise socket.gaierror(-2, "Name or service not known")


def _is_near(where):
    return not isinstance(where, tuple) or str(where[0]) in ("127.0.0.1", "::1", "localhost")


socket.socket.connect = lambda self, where: _connect(self, where) if _is_near(where) else _note(where)
socket.getaddrinfo = lambda host, *more, **how: (
    _resolve(host, *more, **how) if host is None or _is_near((host,)) or host in ("0.0.0.0", "") else _note(host)
)
'''
EVERYWHERE = Fetch(allowed=True)


@pytest.fixture(scope="module")
def walled(tmp_path_factory):
    """A server from whose process nothing but this machine can be reached, and the list of what it asked for."""
    folder = tmp_path_factory.mktemp("walled")
    (folder / "sitecustomize.py").write_text(WALL, "utf-8")
    asked = folder / "asked.txt"
    asked.touch()
    settings = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "ASKED_FOR": str(asked)}
    with serving(settings=settings) as server:
        yield server, asked
        assert "Traceback" not in server.said(), server.said()[-3000:]


CHARTLESS = ("lessons",)
"""Pages that show no chart of their own."""


@pytest.mark.parametrize("page", PAGES)
def test_every_page_draws_on_what_ships_and_asks_nobody(walled, page):
    server, asked = walled
    pin = "&pin=m%3Ddigits_mlp%26s%3D30" if page == "compare" else ""  # without a pin there is nothing to compare
    tab, _ = enter(server.address, PAGES[page], f"m=digits_mlp&s=60{pin}")
    charts = page not in CHARTLESS
    until = time.monotonic() + 60
    while charts and not tab.charted and time.monotonic() < until:  # what is timed takes a while, and comes when it is there
        time.sleep(1)
        tab.look()
    assert tab.figure("accuracy").value.endswith("%") and bool(tab.charted) == charts and "exception:" not in tab.text()
    tab.leave()
    assert asked.read_text("utf-8") == ""


def test_the_wall_holds_and_notes_who_runs_against_it(walled, tmp_path):
    notes = tmp_path / "notes.txt"
    environment = {**os.environ, "PYTHONPATH": str(walled[1].parent), "ASKED_FOR": str(notes)}
    code = "import urllib.request; urllib.request.urlopen('http://checkip.example', timeout=5)"
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1 and "Name or service not known" in ended.stderr
    assert notes.read_text("utf-8") == "checkip.example\n"


@pytest.fixture(scope="module")
def libraries():
    """What fetches is imported before the clock runs: that takes seconds, and no network."""
    import huggingface_hub
    import timm
    import torchvision.datasets

    return huggingface_hub, timm, torchvision


@pytest.fixture
def unreachable(monkeypatch, tmp_path, libraries):
    """No name is known, nothing was fetched before."""

    def unknown(*_asked, **_how):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(socket.socket, "connect", unknown)
    _forget_caches(monkeypatch, tmp_path)


@pytest.fixture
def silent(monkeypatch, tmp_path, libraries):
    """A network that swallows everything: whoever asks for a name waits for ever. Patience is a second, to save time."""
    over = threading.Event()

    def never(*_asked, **_how):
        over.wait(30)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(fetching, "PATIENCE", 1.0)
    _forget_caches(monkeypatch, tmp_path)
    yield
    over.set()


def _forget_caches(monkeypatch, folder):
    for name in ("PRUNEVIZ_CACHE", "PRUNEVIZ_DATA", "TORCH_HOME"):
        monkeypatch.setenv(name, str(folder))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def _card(folder, build="torchvision:squeezenet1_1", weights="torchvision:SqueezeNet1_1_Weights.IMAGENET1K_V1"):
    (folder / "subject.toml").write_text(
        f'name = "By name"\ntask = "image_classification"\nweights = "{weights}"\n'
        f'[architecture]\nbuild = "{build}"\n[data]\nset = "torchvision:CIFAR10"\n',
        "utf-8",
    )
    return card.load(folder, fetch=EVERYWHERE)


DOWNLOADS = {
    "torchvision's weights": lambda folder: download.weights("torchvision:SqueezeNet1_1_Weights.IMAGENET1K_V1", EVERYWHERE),
    "timm's weights": lambda folder: download.weights("timm:resnet18.a1_in1k", EVERYWHERE),
    "a model of the hub": lambda folder: download.hub("nobody-here/nothing-there", None, EVERYWHERE),
    "a commit of the hub": lambda folder: download.hub("nobody-here/nothing-there", "0" * 40, EVERYWHERE),
    "a data set": lambda folder: datasets.fetch(datasets.find("CIFAR10"), folder / "data", EVERYWHERE),
    "a card": _card,
}


@pytest.mark.parametrize("what", DOWNLOADS)
def test_every_download_ends_with_one_sentence(unreachable, tmp_path, what):
    began = time.monotonic()
    said = _refused(what, tmp_path)
    assert "does not answer" in said and time.monotonic() - began < 10


@pytest.mark.parametrize("what", DOWNLOADS)
def test_every_download_ends_soon_where_nothing_answers_at_all(silent, tmp_path, what):
    """Whoever waits does so for the patience and a second; with the real patience that is within ten."""
    began = time.monotonic()
    said = _refused(what, tmp_path)
    assert "does not answer" in said and time.monotonic() - began < 7


def test_patience_leaves_room_within_ten_seconds():
    assert fetching.PATIENCE + 1 < 10


@pytest.mark.parametrize("what", DOWNLOADS)
def test_where_downloads_are_off_nobody_is_asked(unreachable, monkeypatch, tmp_path, what):
    monkeypatch.setattr("tests.server.test_offline.EVERYWHERE", Fetch(allowed=False))
    assert "downloads are off" in _refused(what, tmp_path)


def _refused(what: str, folder) -> str:
    with pytest.raises(SubjectError) as caught:
        DOWNLOADS[what](folder)
    said = str(caught.value)
    assert caught.value.code in ("no-network", "downloads-off") and "\n" not in said and len(said) < 400
    return said

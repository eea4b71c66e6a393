"""Servers and browsers for whoever looks at the app from outside: the tests, the screenshots, the benchmarks."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SHELL = shutil.which("chromium-headless-shell")
"""The same engine without windows and tabs: a page takes two thirds of the processor's time. Not every system has it."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PATIENCE = 120_000
"""Milliseconds that a page may take before we say that it does not come: a busy machine is no bug."""
REST = 500
"""Milliseconds without a word to the server after which a page rests."""
WARM = "--process-per-site"
"""A visitor's tabs share a process, and so do those of who comes after: half of what opening a page takes is to fetch and
compile Streamlit and Plotly, which a process does once. Whoever times a first visit does without."""
THUMB = 24
PAGES = {
    "slider": "/", "weights": "/weights", "anatomy": "/anatomy", "damage": "/damage", "sensitivity": "/sensitivity",
    "criteria": "/criteria", "regularise": "/regularise", "schedule": "/schedule", "movement": "/movement",
    "lottery": "/lottery", "size": "/size", "oneshot": "/oneshot", "compare": "/compare", "reality": "/reality",
    "present": "/present", "lessons": "/lessons", "scale": "/scale",
}  # fmt: skip


@dataclass(frozen=True)
class Server:
    """A running server: where it answers, when it first said so, what it wrote, and its process."""

    address: str
    healthy: float
    log: Path
    process: int = 0

    def said(self) -> str:
        return self.log.read_text("utf-8", errors="replace")


@contextmanager
def serving(
    script: str = "app.py", options: Sequence[str] = (), settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Runs the app as a person does: from its own folder, with its own settings, on a free port. `options` are more of
    Streamlit's, `settings` more of the environment's. It has a store of runs of its own, and sees none of this account's."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port), "--server.headless", "true"]
    command += options
    with tempfile.TemporaryDirectory() as folder:
        log, kept = Path(folder) / "server.log", {"PRUNEVIZ_STORE": str(Path(folder) / "store")}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **kept, **(settings or {})}
        with log.open("wb") as out:
            server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            _await_health(address, server, log)
            yield Server(address, time.perf_counter(), log, server.pid)
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_health(address: str, server: subprocess.Popen, log: Path) -> None:
    last = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < last:
        assert server.poll() is None, f"the server ended before it was healthy: {log.read_text('utf-8')[-2000:]}"
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"the server was not healthy after {PATIENCE / 1000:.0f} s: {log.read_text('utf-8')[-2000:]}")


@contextmanager
def chromium(program: str | None = CHROMIUM, *flags: str):
    """A headless Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
        yield browser
        browser.close()


STYLED = """() => !document.querySelector('.st-key-strip')
  || [...document.querySelectorAll('style')].some(one => one.textContent.includes('.st-key-strip'))"""
"""The app's own style comes in a piece of JavaScript of its own, which a busy machine may fetch late."""


STANDS = '[data-pv="live-accuracy"], .st-key-again, .st-key-patterns, .st-key-published-table'
STANDS += ", .st-key-pareto, .st-key-pin-first, .st-key-wanted, .st-key-present-5, .st-key-deck .pv-place"
STANDS += ", .st-key-for-teachers, .st-key-to-slider, .pv-goes-on, .st-key-ask-continuation"
"""What a page has that stands: the slider, or on a page without one what it shows last."""


def settle(page, patience: float = PATIENCE) -> None:
    """Waits until the page's script has run to its end and the slider stands, or the page that has none has measured."""
    page.wait_for_selector(STANDS, timeout=patience)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=patience)
    page.wait_for_function(STYLED, timeout=patience)


def thumb(page, selector: str, percent: float) -> tuple[float, float]:
    """Where the centre of the thumb lies at a percent: the input is one thumb wider than its scale."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    return box["x"] + THUMB / 2 + percent / 100 * (box["width"] - THUMB), box["y"] + box["height"] / 2


def slider(panel: str = "") -> str:
    """The selector of a panel's range input: the hero's, or a criterion's on the page that compares them."""
    return f'[data-pv="scrubber{f"-{panel}" if panel else ""}"] input[type=range]'


def rested(page) -> int:
    """How many frames were sent, once the page has had nothing to send for a while: what it sends from here on is an answer
    to a hand, and not the last word of its own beginning. A page whose curves grow asks for them of itself."""
    quiet = "() => !document.body.innerText.includes('Measuring in the background')"
    page.wait_for_function(quiet, timeout=PATIENCE, polling=100)  # a page's whole text, sixty times a second, is dear
    sent, waited = -1, 0
    while sent != len(page.frames_sent):
        assert waited < PATIENCE, "the page never rests"
        sent, waited = len(page.frames_sent), waited + REST
        page.wait_for_timeout(REST)
    return sent


def drag(page, selector: str, start: float, stops: list[float], seen) -> list:
    """Takes the thumb at `start`, moves it from stop to stop without letting go, and says what was `seen` at each."""
    page.mouse.move(*thumb(page, selector, start))
    page.mouse.down()
    states = []
    for stop in stops:
        page.mouse.move(*thumb(page, selector, stop))
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        states.append(seen())
    return states

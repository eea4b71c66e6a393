"""Printing: the report as PDF, and its charts as pictures, by a Chromium that is installed on this machine.

One at a time, in a process of its own with a folder of its own, without a network, and for a minute at most. Where there is
no browser, one sentence says so: the HTML file itself can be printed anywhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

SETTING = "PRUNEVIZ_BROWSER"
"""The setting that names a browser which is not found by itself."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
ELSEWHERE = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
SECONDS = 60.0
PATIENCE = 20.0
"""So many seconds somebody waits for the one before to be done."""
MISSING = (
    "No Chromium, Chrome or Edge was found on this machine, so there is no PDF and there are no pictures: install one, or "
    f"name it in {SETTING}, or open the HTML report and print it"
)
# A4 without its margins, at 96 pixels an inch: what is drawn for the screen is then as wide as the paper.
_WINDOW = "--window-size=680,960"
_FLAGS = (
    "--headless", "--disable-gpu", "--disable-extensions", "--disable-sync", "--disable-background-networking",
    "--disable-component-update", "--no-first-run", "--no-default-browser-check", "--mute-audio", "--disable-dev-shm-usage",
    # No name is ever looked up, and whatever would leave the machine goes to a port where nobody listens.
    "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>",
    "--force-color-profile=srgb", "--virtual-time-budget=20000", _WINDOW,
)  # fmt: skip
_turn = threading.Lock()


def browser() -> str | None:
    """The browser that prints: the one that the environment names, else the first that is found."""
    named = os.environ.get(SETTING, "").strip()
    if named:
        return shutil.which(named)
    found = (shutil.which(name) for name in NAMES)
    return next(filter(None, found), None) or next((path for path in ELSEWHERE if Path(path).is_file()), None)


def pdf(page: bytes) -> bytes:
    """A page as PDF."""
    with tempfile.TemporaryDirectory(prefix="pruneviz-", ignore_cleanup_errors=True) as folder:
        target = Path(folder, "report.pdf")
        _run(page, Path(folder), "--no-pdf-header-footer", f"--print-to-pdf={target}")
        if not target.is_file() or not target.read_bytes().startswith(b"%PDF-"):
            raise RuntimeError("the browser printed nothing: open the HTML report and print it")
        return target.read_bytes()


def drawn(page: bytes) -> str:
    """A page as it is once its scripts have run: its elements as text."""
    with tempfile.TemporaryDirectory(prefix="pruneviz-", ignore_cleanup_errors=True) as folder:
        return _run(page, Path(folder), "--dump-dom").decode("utf-8")


def _run(page: bytes, folder: Path, *asked: str) -> bytes:
    """What the browser writes on its standard output; it sees a file in a folder of its own, and nothing else of ours."""
    path = browser()
    if path is None:
        raise ValueError(MISSING)
    source = folder / "report.html"
    source.write_bytes(page)
    if not _turn.acquire(timeout=PATIENCE):
        raise RuntimeError("another report is being printed here: try again in a minute, or print the HTML report yourself")
    try:
        # Chromium's own sandbox cannot stand where root starts it; the page runs no script but ours either way.
        rooted = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
        return _ended([path, *_FLAGS, *rooted, f"--user-data-dir={folder / 'profile'}", *asked, source.as_uri()], folder)
    finally:
        _turn.release()


def _ended(command: Sequence[str], folder: Path) -> bytes:
    environment = {key: os.environ[key] for key in ("PATH", "LANG", "SYSTEMROOT", "TEMP") if key in os.environ}
    environment |= {"HOME": str(folder), "XDG_CACHE_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    own = {} if sys.platform == "win32" else {"start_new_session": True}
    with (folder / "out").open("w+b") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, **own
        )
        try:
            code = process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise RuntimeError(
                f"printing took more than {SECONDS:.0f} seconds and was given up: print the HTML report yourself"
            ) from None
        finally:
            _end(process)
        if code:
            raise RuntimeError(f"the browser ended with {code} and printed nothing: open the HTML report and print it")
        out.seek(0)
        return out.read()


def _end(process: subprocess.Popen) -> None:
    """Ends the browser and all that it started."""
    if sys.platform == "win32":
        process.kill()
    else:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
    process.wait()

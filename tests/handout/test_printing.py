"""On paper and as pictures, where a browser is installed; where none is, one sentence says what is missing."""

from __future__ import annotations

import io
import xml.etree.ElementTree as xml
import zipfile

import pytest
from PIL import Image

from pruneviz.handout import document, figures, pictures, printing

needs_browser = pytest.mark.skipif(printing.browser() is None, reason="no Chromium on this machine: nothing is printed")


def test_without_a_browser_a_sentence_says_so(monkeypatch, tmp_path, weights_case):
    monkeypatch.setenv(printing.SETTING, str(tmp_path / "none"))
    assert printing.browser() is None
    for ask in (lambda: printing.pdf(b""), lambda: pictures.packed(weights_case)):
        with pytest.raises(ValueError, match="No Chromium, Chrome or Edge was found .* open the HTML report and print it"):
            ask()


def test_a_browser_that_hangs_or_fails_is_given_up(monkeypatch, tmp_path):
    script = tmp_path / "browser"
    monkeypatch.setenv(printing.SETTING, str(script))
    for text, said in (("exit 3", "ended with 3"), ("exit 0", "printed nothing"), ("sleep 600 & sleep 600", "given up")):
        script.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        script.chmod(0o755)
        monkeypatch.setattr(printing, "SECONDS", 60.0 if "exit" in text else 0.2)
        with pytest.raises(RuntimeError, match=said):
            printing.pdf(b"<p>")
    assert printing._turn.acquire(timeout=1)
    printing._turn.release()


def test_one_prints_at_a_time(monkeypatch, tmp_path):
    monkeypatch.setenv(printing.SETTING, "/bin/sh")
    monkeypatch.setattr(printing, "PATIENCE", 0.01)
    with printing._turn, pytest.raises(RuntimeError, match="another report is being printed here"):
        printing.pdf(b"<p>")


def test_an_unknown_format_is_refused(weights_case):
    with pytest.raises(ValueError, match="'gif' is no format of a picture; there are svg, png"):
        pictures.drawn(figures.figures(weights_case), ["gif"])


@needs_browser
@pytest.mark.browser
def test_the_report_is_printed(weights_case):
    found = printing.pdf(document.html(weights_case).encode())
    assert found.startswith(b"%PDF-") and found.rstrip().endswith(b"%%EOF") and found.count(b"/Type /Page\n") >= 4


@needs_browser
@pytest.mark.browser
def test_charts_become_pictures(weights_case, monkeypatch):
    names = dict(list(figures.figures(weights_case).items())[-2:])
    monkeypatch.setattr(figures, "figures", lambda case: names)  # two of them: a browser takes its time for each
    with zipfile.ZipFile(io.BytesIO(pictures.packed(weights_case))) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert set(found) == {f"{name}.{ending}" for name in names for ending in ("svg", "png")}
    for name, data in found.items():
        if name.endswith("svg"):
            words = "".join(xml.fromstring(data).itertext())
            assert "".join(names[name[:-4]].title.split())[:30] in "".join(words.split())
        else:
            with Image.open(io.BytesIO(data)) as picture:
                assert picture.width == 2 * pictures.WIDTH and picture.getpixel((2, 2))[:3] == (255, 255, 255)

"""torchvision's data sets by name: from folders laid out as torchvision has them, and without a network in one sentence."""

from __future__ import annotations

import struct
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pruneviz.engine.sources import data, datasets, fetching
from pruneviz.engine.sources.fetching import Fetch
from pruneviz.engine.sources.found import Wants
from pruneviz.engine.sources.gate import LOCAL, SubjectError
from tests.engine.sources.archives import flat, picture

pytest.importorskip("torchvision")
MNIST = {"set": "torchvision:MNIST", "root": "."}
DIGITS = Wants(channels=1)


def mnist(folder: Path, held_out: int = 6, training: int = 9) -> Path:
    """MNIST's files with a few images of one value each: label k has value 10·k."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for kind, count in (("t10k", held_out), ("train", training)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        pixels = np.repeat(labels * 10, 28 * 28).astype(np.uint8)
        (raw / f"{kind}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, count, 28, 28) + pixels.tobytes())
        (raw / f"{kind}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, count) + labels.tobytes())
    return folder


def test_a_set_that_lies_there(tmp_path):
    found = data.read(MNIST, mnist(tmp_path), LOCAL, DIGITS)
    assert found.held_out.stored.shape == (6, 1, 28, 28) and found.training.stored.shape == (9, 1, 28, 28)
    assert found.held_out.stored[:, 0, 3, 3].tolist() == [0, 10, 20, 30, 40, 50]
    assert found.held_out.labels.tolist() == [0, 1, 2, 3, 4, 5] and len(found.classes) == 10 and len(found.sha256) == 64
    assert datasets.here("MNIST", tmp_path) and not datasets.here("FashionMNIST", tmp_path)
    other = data.read(MNIST, mnist(tmp_path / "other", held_out=5), LOCAL, DIGITS)
    assert other.sha256 != found.sha256


def test_channels_sizes_and_caps(tmp_path):
    mnist(tmp_path, held_out=40)
    found = data.read(MNIST | {"resize": 32}, tmp_path, replace(LOCAL, samples=20), Wants(channels=3))
    assert found.held_out.stored.shape == (20, 3, 28, 28) and found.held_out.inputs(slice(0, 2)).shape == (2, 3, 32, 32)
    assert found.held_out.labels.bincount().tolist() == [2] * 10 and "20 of 40 images" in found.notes[0]
    cropped = data.read(MNIST | {"resize": 24, "crop": 20}, tmp_path, LOCAL, DIGITS)
    assert cropped.held_out.stored.shape == (40, 1, 20, 20)


def test_a_set_of_files_with_classes_in_another_order(tmp_path):
    """EuroSAT lies in class folders of pictures; the network's outputs have the same names, turned around."""
    names = ("Forest", "River", "SeaLake")
    for at, name in enumerate(names):
        folder = tmp_path / "eurosat" / "2750" / name
        folder.mkdir(parents=True)
        (folder / f"{name}_1.jpg").write_bytes(picture(flat(40 * at, (8, 8)), "PNG"))
    table = {"set": "torchvision:EuroSAT", "root": str(tmp_path)}
    found = data.read(table, tmp_path, LOCAL, Wants(channels=3))
    assert found.classes == names and found.held_out.labels.tolist() == [0, 1, 2] and found.training is None
    turned = data.read(table, tmp_path, LOCAL, Wants(channels=3, classes=names[::-1]))
    assert turned.held_out.labels.tolist() == [2, 1, 0] and turned.classes == ()


def test_where_a_set_lies(tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNEVIZ_DATA", str(tmp_path / "d"))
    assert datasets.root({}, tmp_path) == tmp_path / "d" and datasets.root({"root": "x"}, tmp_path) == tmp_path / "x"
    monkeypatch.delenv("PRUNEVIZ_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert datasets.root({}, tmp_path) == tmp_path / "pruneviz" / "data"


def test_downloads_that_are_off_say_how_much_it_would_be(tmp_path):
    for wants, table in ((DIGITS, MNIST), (replace(DIGITS, allowed=True), MNIST | {"download": False})):
        with pytest.raises(SubjectError, match=r"MNIST \(11\.6 MB\) is not here") as caught:
            data.read(table, tmp_path, LOCAL, wants)
        assert caught.value.code == "downloads-off"
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_set_gets_the_list(tmp_path):
    with pytest.raises(SubjectError, match="there are torchvision:MNIST, torchvision:FashionMNIST"):
        data.read({"set": "torchvision:Letters"}, tmp_path, LOCAL, DIGITS)


def test_every_set_is_torchvisions_and_takes_what_it_is_told(tmp_path):
    import inspect

    import torchvision.datasets

    for one in datasets.offered():
        known = inspect.signature(getattr(torchvision.datasets, one.name).__init__).parameters
        assert set(one.held_out) <= set(known) and set(one.training or {}) <= set(known), one.name
        assert one.name in one.words and "B" in one.words and one.samples > 1000
        assert not datasets.here(one.name, tmp_path)


class Publisher:
    """Stands for torchvision's class: writes files into the root, slowly or never."""

    def __init__(self, root, download=False, **how):
        if download:
            for part in range(4):
                (Path(root) / "set").mkdir(exist_ok=True)
                (Path(root) / "set" / f"{part}").write_bytes(bytes(1000))
                time.sleep(0.3)
        elif not (Path(root) / "set").is_dir():
            raise RuntimeError("not found")


def test_a_download_says_how_far_it_is_and_arrives_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "_kind", lambda one: Publisher)
    one, heard = replace(datasets.find("MNIST"), bytes=4000, training=None), []
    datasets.fetch(one, tmp_path, Fetch(True, lambda done, every: heard.append((done, every))))
    assert len(heard) > 2 and heard == sorted(heard) and heard[-1] == (4000, 4000) and 0 < heard[0][0] < 4000
    assert [path.name for path in tmp_path.iterdir()] == ["set"] and len(list((tmp_path / "set").iterdir())) == 4


@pytest.mark.parametrize("what", ["refuses", "is silent"])
def test_without_a_network_the_answer_is_one_sentence_and_nothing_is_left(tmp_path, monkeypatch, what):
    over = threading.Event()

    class Absent(Publisher):
        def __init__(self, root, download=False, **how):
            if download and what == "refuses":
                raise OSError("Name or service not known")
            if download:
                over.wait(60)
            raise RuntimeError("not found")

    monkeypatch.setattr(datasets, "_kind", lambda one: Absent)
    monkeypatch.setattr(fetching, "PATIENCE", 0.5)
    started = time.monotonic()
    with pytest.raises(SubjectError, match="the publisher of MNIST does not answer") as caught:
        data.read(MNIST, tmp_path, LOCAL, replace(DIGITS, allowed=True))
    over.set()
    assert caught.value.code == "no-network" and time.monotonic() - started < 8
    assert list(tmp_path.iterdir()) == []


def test_patience_ends_within_ten_seconds():
    assert fetching.PATIENCE <= 9

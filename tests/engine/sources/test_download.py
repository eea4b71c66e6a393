"""Downloads: by name only, checked by hash, told as they go, refused in one sentence where there is no network."""

from __future__ import annotations

import hashlib
import http.server
import json
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pruneviz.engine.sources import architecture, card, download, fetching, hub
from pruneviz.engine.sources.card import SubjectError
from pruneviz.engine.sources.download import NEVER, Fetch
from pruneviz.engine.sources.shelf import torchvision

NAME = "MNASNet0_5_Weights.IMAGENET1K_V1"
ALLOWED = Fetch(allowed=True)


@pytest.fixture(autouse=True)
def desk(tmp_path, monkeypatch):
    """Caches of one's own, all empty."""
    monkeypatch.setenv("PRUNEVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path


class Publisher(http.server.BaseHTTPRequestHandler):
    """Sends one body, or half of it, or nothing at all."""

    body = b""
    announced: int | None = None
    slowly = 0.0

    def do_GET(self):
        time.sleep(self.slowly)
        self.send_response(200 if self.body else 404)
        self.send_header("Content-Length", str(len(self.body) if self.announced is None else self.announced))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def publisher():
    """A server on this machine that publishes what a test gives it."""
    kind = type("One", (Publisher,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.handle_error = lambda *_: None  # who is hung up on says nothing
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kind.url = f"http://127.0.0.1:{server.server_port}/mnasnet.pth"
    yield kind
    server.shutdown()
    server.server_close()


@pytest.fixture
def published(publisher, monkeypatch, tmp_path):
    """torchvision's offer for a small network, published by our own server: real weights of that shape, all of them 0.5."""
    network = architecture.build("torchvision:mnasnet0_5")
    torch.save({key: torch.full_like(one, 0.5) for key, one in network.state_dict().items()}, tmp_path / "made.pth")
    publisher.body = (tmp_path / "made.pth").read_bytes()
    digest = hashlib.sha256(publisher.body).hexdigest()
    own = replace(
        torchvision.named(NAME)[1], url=publisher.url, sha256=digest[:8], bytes=len(publisher.body), host="publisher"
    )
    monkeypatch.setattr(torchvision, "named", lambda reference: ("mnasnet0_5", own))
    return own


def test_weights_are_fetched_once_and_read_from_disk_afterwards(published, publisher, desk):
    heard = []
    path = download.weights(published.reference, Fetch(True, lambda done, every: heard.append((done, every))))
    assert path.read_bytes() == publisher.body and path.parent == desk / "cache" / "pruneviz"
    assert heard[-1] == (len(publisher.body),) * 2 and len(heard) > 1 and heard == sorted(heard)
    publisher.body = b""
    assert download.weights(published.reference, NEVER) == path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SubjectError, match="publisher answers 404"):
        download.weights(published.reference, ALLOWED)


def test_what_torch_hub_holds_already_needs_no_network(published, publisher, desk):
    (desk / "hub" / "checkpoints").mkdir(parents=True)
    there = desk / "hub" / "checkpoints" / "mnasnet.pth"
    there.write_bytes(publisher.body + b"x")
    with pytest.raises(SubjectError, match="downloads are off") as caught:
        download.weights(published.reference, NEVER)
    assert caught.value.code == "downloads-off" and "MB" in str(caught.value) and "PRUNEVIZ_DOWNLOADS" in str(caught.value)
    there.write_bytes(publisher.body)
    assert download.weights(published.reference, NEVER) == there


@pytest.mark.parametrize(
    ("body", "announced", "code"),
    [(lambda good: good[:-1] + b"x", None, "changed"), (lambda good: good[:99], None, "changed"),
     (lambda good: good[:99], 10**5, "no-network"), (lambda good: good + b"x" * 2_000_000, None, "too-large")],
    ids=["another byte", "half", "cut off", "too much"],
)  # fmt: skip
def test_half_a_file_or_another_one_is_never_kept(published, publisher, desk, body, announced, code, monkeypatch):
    monkeypatch.setattr(fetching, "PATIENCE", 0.5)
    publisher.body, publisher.announced = body(publisher.body), announced
    if code == "too-large":
        monkeypatch.setattr(torchvision, "named", lambda reference: ("mnasnet0_5", replace(published, bytes=1000)))
    with pytest.raises(SubjectError) as caught:
        download.weights(published.reference, ALLOWED)
    assert caught.value.code == code and list((desk / "cache" / "pruneviz").iterdir()) == []


def test_whoever_hears_of_the_progress_may_end_it(published, desk):
    def enough(done: int, every: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download.weights(published.reference, Fetch(True, enough))
    assert list((desk / "cache" / "pruneviz").iterdir()) == []


def test_a_publisher_that_says_nothing_is_given_up_soon(published, publisher, monkeypatch):
    monkeypatch.setattr(fetching, "PATIENCE", 0.3)
    publisher.slowly = 2.0
    with pytest.raises(SubjectError, match="publisher does not answer") as caught:
        download.weights(published.reference, ALLOWED)
    assert caught.value.code == "no-network"


def test_without_a_network_every_way_ends_in_one_sentence(monkeypatch):
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    started = time.monotonic()
    for call in (
        lambda: download.weights(f"torchvision:{NAME}", ALLOWED),
        lambda: download.weights("timm:resnet18", ALLOWED),
        lambda: download.hub("somebody/something", None, ALLOWED),
    ):
        with pytest.raises(SubjectError, match="does not answer") as caught:
            call()
        assert caught.value.code == "no-network" and "\n" not in str(caught.value)
    assert time.monotonic() - started < 30, "10 s each are promised; this is three, and no address was waited for"


def test_a_name_that_nobody_resolves_does_not_hang(monkeypatch):
    monkeypatch.setattr(fetching, "PATIENCE", -0.8)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(3))
    with pytest.raises(SubjectError, match="does not answer \\(nothing within"):
        download.weights(f"torchvision:{NAME}", ALLOWED)


@pytest.mark.parametrize(
    "reference",
    ["torchvision:resnet18", "torchvision:Nobody_Weights.V1", "torchvision:FCOS_ResNet50_FPN_Weights.COCO_V1",
     "timm:nobody", "shipped:lenet5", "nobody:x"],
)  # fmt: skip
def test_only_published_names_are_known(reference):
    with pytest.raises(SubjectError) as caught:
        download.offer(reference)
    assert caught.value.code == "unknown-weights"


@pytest.mark.parametrize("name", ["", "../x", "a/b/c", "a/../b", "http://x/y", "a b", "a/b\n", "-a/b", "a--b/c"])
def test_only_names_of_the_hub_are_asked_for(name):
    with pytest.raises(SubjectError) as caught:
        download.hub(name, None, NEVER)
    assert caught.value.code == "hub-name"
    with pytest.raises(SubjectError):
        download.hub("a/b", f"../{name}", NEVER)


class Hub:
    """The hub's library as far as it is used: one model, its files on disk, what was asked of it."""

    commit = "0123456789abcdef0123456789abcdef01234567"

    def __init__(self, folder: Path, files: dict[str, bytes]) -> None:
        self.folder, self.files, self.asked = folder / "snapshots" / self.commit, files, []

    def HfApi(self):  # the library's own name
        return self

    def model_info(self, name, *, revision, timeout, files_metadata, token):
        assert token is False, "nobody's own token is used"
        one = type("One", (), {})
        info, siblings = one(), []
        for file, body in self.files.items():
            sibling = one()
            sibling.rfilename, sibling.size = file, len(body)
            siblings.append(sibling)
        info.sha, info.siblings, info.tags = self.commit, siblings, ["pytorch", "license:apache-2.0"]
        return info

    def hf_hub_download(self, name, file, *, revision, etag_timeout, token, tqdm_class):
        assert revision == self.commit and token is False
        self.asked.append(file)
        with tqdm_class(total=len(self.files[file]), unit="B", name="x") as bar:
            bar.update(len(self.files[file]))
        (self.folder / file).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / file).write_bytes(self.files[file])
        return str(self.folder / file)

    def try_to_load_from_cache(self, name, file, *, revision):
        there = self.folder / file
        return str(there) if there.is_file() and revision in ("main", self.commit) else None


CONFIG = {"model_type": "bert", "architectures": ["BertForSequenceClassification"]}
FILES = {
    "config.json": json.dumps(CONFIG).encode(), "model.safetensors": b"w" * 1000, "tokenizer.json": b"{}", "vocab.txt": b"a",
    "pytorch_model.bin": b"p", "modeling_own.py": b"raise SystemExit", "onnx/model.onnx": b"o", "README.md": b"#",
    "tf_model.h5": b"h", "training_args.bin": b"t", "model.safetensors.index.json": b"{}",
}  # fmt: skip


@pytest.fixture
def library(desk, monkeypatch):
    found = Hub(desk, dict(FILES))
    monkeypatch.setattr(hub, "_library", lambda: found)
    return found


def test_the_hub_gives_tables_tokenizers_and_safetensors_of_one_commit(library):
    heard = []
    folder = download.hub("somebody/something", None, Fetch(True, lambda done, every: heard.append((done, every))))
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "vocab.txt",
    ]
    assert library.asked[0] == "config.json" and library.asked[-1] == "model.safetensors"
    every = sum(len(FILES[name]) for name in library.asked)
    assert heard[-1] == (every, every) and heard == sorted(heard)
    library.asked.clear()
    assert download.hub("somebody/something", library.commit, NEVER) == folder, "a commit never moves"
    assert download.hub("somebody/something", None, NEVER) == folder and not library.asked, "what is here needs no network"
    (folder / "model.safetensors").unlink()
    with pytest.raises(SubjectError, match="downloads are off"):
        download.hub("somebody/something", None, NEVER)


def test_a_model_with_code_of_its_own_is_refused_before_its_weights_are_fetched(library):
    library.files["config.json"] = json.dumps(CONFIG | {"auto_map": {"AutoModel": "modeling_own.Own"}}).encode()
    with pytest.raises(SubjectError) as caught:
        download.hub("somebody/something", None, ALLOWED)
    assert caught.value.code == "remote-code" and library.asked == ["config.json"]


def test_what_is_larger_than_may_come_is_refused_before_its_first_byte(library, published):
    with pytest.raises(SubjectError, match="at most 1 kB may be fetched here") as caught:
        download.hub("somebody/something", None, Fetch(True, most=1_000))
    assert caught.value.code == "too-large" and not library.asked
    with pytest.raises(SubjectError, match="may be fetched here"):
        download.weights(published.reference, Fetch(True, most=1))
    assert not download.cache().exists()
    library.files["model.safetensors"] = b"w" * 900
    assert download.hub("somebody/something", None, Fetch(True, most=1_000)).is_dir()


def test_who_announced_less_than_comes_is_stopped(library, monkeypatch):
    monkeypatch.setattr(hub, "_wanted", lambda sizes, name: dict.fromkeys(("config.json", "model.safetensors"), 1))
    with pytest.raises(SubjectError, match="may be fetched here"):
        download.hub("somebody/something", None, Fetch(True, most=500))
    assert hub.here("somebody/something") is None


def test_size_licence_and_commit_are_said_before_anything_is_fetched(library):
    said = hub.announced("somebody/something", None, ALLOWED)
    assert (said.commit, said.licence) == (Hub.commit, "apache-2.0") and not library.asked
    assert said.bytes == sum(
        len(FILES[name]) for name in ("config.json", "model.safetensors", "tokenizer.json", "vocab.txt")
    )
    with pytest.raises(SubjectError, match="downloads are off"):
        hub.announced("somebody/something", None, NEVER)


def test_a_model_without_safetensors_is_refused(library):
    del library.files["model.safetensors"]
    with pytest.raises(SubjectError, match="no config.json with model.safetensors") as caught:
        download.hub("somebody/something", None, ALLOWED)
    assert caught.value.code == "no-file" and not library.asked


def test_shards_are_fetched_with_their_index_and_are_whole_or_not_there(library):
    parts = [f"model-0000{at}-of-00002.safetensors" for at in (1, 2)]
    del library.files["model.safetensors"]
    table = {"weight_map": {"a": parts[0], "b": parts[1]}}
    library.files |= {"model.safetensors.index.json": json.dumps(table).encode(), parts[0]: b"1", parts[1]: b"22"}
    folder = download.hub("somebody/something", "main", ALLOWED)
    assert {*parts, "model.safetensors.index.json"} <= {path.name for path in folder.iterdir()}
    assert hub.here("somebody/something") == folder
    (folder / parts[1]).unlink()
    assert hub.here("somebody/something") is None


def test_a_card_with_published_weights_brings_their_preparation_and_their_classes(published, tmp_path):
    import numpy as np

    pictures = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    np.savez(tmp_path / "few.npz", x_test=pictures, y_test=np.array([3, 999]))
    table = {
        "weights": published.reference,
        "architecture": {"build": "torchvision:mnasnet0_5"},
        "data": {"file": "few.npz"},
    }
    with pytest.raises(SubjectError, match="downloads are off"):
        card.from_table(table, tmp_path, "own")
    subject = card.from_table(table, tmp_path, "own", fetch=ALLOWED)
    assert subject.classes == published.classes and subject.licence == published.licence
    how = subject.held_out.preparation
    assert how.mean == tuple(published.preparation["mean"]) and how.crop == published.preparation["crop"]
    assert bool((subject.parameter(subject.layers[0]) == 0.5).all())
    card.write(subject.origin.card, tmp_path)
    assert card.load(tmp_path, fetch=NEVER).sha256 == subject.sha256, "read from the cache the second time"
    assert card.files(table, tmp_path) == {"data.file": tmp_path / "few.npz"}

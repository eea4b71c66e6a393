"""What a visitor brought is theirs alone, lies here once, and is given back when they have gone."""

from __future__ import annotations

import binascii
import hashlib
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from pruneviz.caps import Caps
from pruneviz.studio import folders, library, visitor

CAPS = Caps(upload_bytes=1_000, models=2, held_bytes=2_000)
OWNERS = ("ann", "bob", "cy")


@pytest.fixture(autouse=True)
def nobody():
    """No visitor is left of another test, nor after this one."""
    for owner in OWNERS:
        library.release(owner)
    before = library.held_bytes()
    yield
    for owner in OWNERS:
        library.release(owner)
    assert library.held_bytes() == before


def kept(owner: str, data: bytes, name: str = "weights.pth", caps: Caps = CAPS) -> library.File:
    return library.keep(owner, name, io.BytesIO(data), caps)


def laid(owner: str, data: bytes, title: str = "Mine") -> str:
    """A model of one file whose reference follows from its content, as a card's does."""
    file = kept(owner, data)
    digest = hashlib.sha256(data).hexdigest()[:24]

    def identify(folder: Path) -> str:
        assert (folder / "model/weights.pth").read_bytes() == data
        (folder / "subject.toml").write_text("", "utf-8")
        return digest

    return library.lay(owner, {"name": title}, {"model/weights.pth": file}, identify)


def brought(owner: str, data: bytes, title: str = "Mine") -> str:
    reference = laid(owner, data, title)
    library.take(owner, reference, ("a" * 64, "b" * 64), CAPS)
    return reference


def test_a_file_lies_here_once_by_its_content_and_its_name_is_only_a_word():
    one, other = kept("ann", b"same", "../../etc/passwd"), kept("bob", b"same", "C:\\b.pt")
    assert one.path == other.path and one.path.name == hashlib.sha256(b"same").hexdigest()
    assert (one.name, other.name) == ("passwd", "b.pt") and one.path.parent == folders.root() / "files"
    assert library.held_bytes() == 4


def test_a_visitor_sees_their_own_models_only():
    reference = brought("ann", b"weights")
    assert library.listed("ann") == {reference: "Mine"} and library.listed("bob") == {}
    assert library.folder(reference, "ann").is_dir() and library.folder(reference, "bob") is None
    assert (library.folder(reference, "ann") / "subject.toml").is_file()


def test_who_brings_the_same_shares_the_folder_and_neither_can_take_it_from_the_other():
    one, other = brought("ann", b"same"), brought("bob", b"same")
    assert one == other and library.folder(one, "ann") == library.folder(one, "bob")
    library.release("ann")
    assert library.folder(one, "ann") is None and library.folder(one, "bob").is_dir()


def test_the_model_used_longest_ago_makes_room_and_who_kept_something_of_it_hears():
    heard = []
    library.on_forgotten(heard.append)
    first, second = brought("ann", b"1", "First"), brought("ann", b"2", "Second")
    assert library.folder(first, "ann")  # looked at: now the second is the older one
    third = laid("ann", b"3", "Third")
    assert library.take("ann", third, ("", ""), CAPS) == ("Second",)
    assert set(library.listed("ann")) == {first, third} and heard == [second]
    assert library.place(second) is None


def test_a_trial_makes_room_for_the_next_and_is_nobody_elses():
    first = laid("ann", b"1")
    assert library.folder(first, "ann") and library.folder(first, "bob") is None and library.listed("ann") == {}
    laid("ann", b"2")
    assert library.folder(first, "ann") is None


@pytest.mark.parametrize(("size", "said"), [(1_001, "one file may have 1 kB"), (900, "is full just now")])
def test_what_does_not_fit_is_one_sentence_and_leaves_nothing(size, said):
    kept("bob", b"x" * 900), kept("cy", b"y" * 900)
    with pytest.raises(library.Full, match=said) as refused:
        kept("ann", b"z" * size)
    assert "\n" not in str(refused.value) and refused.value.code == "held-bytes"
    assert library.held_bytes() == 1_800 and not list((folders.root() / "arriving").iterdir())


def test_files_that_are_wanted_no_longer_are_given_back():
    file = kept("ann", b"unwanted")
    library.let_go("ann", {"x": file})
    assert library.held_bytes() == 0 and not file.path.exists()


def test_a_file_that_was_touched_is_noticed_and_so_is_a_flipped_bit():
    reference = brought("ann", b"weights")
    path = library.place(reference) / "model/weights.pth"
    assert library.changed(reference) == []
    then = path.stat()
    path.chmod(0o600)
    path.write_bytes(b"weightz")
    assert library.folder(reference, "ann") is None
    os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))  # as if the disk had done it
    assert library.folder(reference, "ann") is not None and library.changed(reference) == ["weights.pth"]


def test_of_200_flipped_bits_all_are_noticed_and_the_model_is_not_opened(monkeypatch):
    from pruneviz.engine.sources.gate import SubjectError
    from pruneviz.studio import admission, models

    data, draw = bytes(range(256)) * 3, random.Random(0)
    reference = brought("ann", data)
    path = library.place(reference) / "model/weights.pth"
    then = path.stat()
    path.chmod(0o600)
    for _ in range(200):
        at = draw.randrange(8 * len(data))
        path.write_bytes(data[: at // 8] + bytes([data[at // 8] ^ 1 << at % 8]) + data[at // 8 + 1 :])
        assert library.changed(reference) == ["weights.pth"]
    os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))  # the disk leaves no date
    monkeypatch.setattr(admission, "place", library.place)
    with pytest.raises(SubjectError, match="weights.pth is no longer the file that was brought: bring it again"):
        models.subject(reference)


def test_what_was_brought_goes_after_the_last_tab_has_been_gone_for_a_while():
    reference = brought("ann", b"weights")
    library.enter("ann", "one"), library.enter("ann", "two")
    library.leave("ann", "one", 0.0)
    time.sleep(0.1)
    assert library.folder(reference, "ann"), "another tab is open"
    library.leave("ann", "two", 0.3)
    library.enter("ann", "three")  # a reload
    time.sleep(0.5)
    assert library.folder(reference, "ann"), "they came back in time"
    library.leave("ann", "three", 0.0)
    deadline = time.monotonic() + 10
    while library.listed("ann") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert library.listed("ann") == {} and library.place(reference) is None and library.held_bytes() == 0


@pytest.mark.parametrize("place", ["../weights.pth", "weights.pth", "model/../../x", "/model/x", "model/a b", "model/"])
def test_a_place_leads_nowhere_else(place):
    with pytest.raises(ValueError, match="no place"):
        library.lay("ann", {}, {place: kept("ann", b"w")}, lambda folder: "0" * 24)


def test_a_reference_is_of_one_shape():
    with pytest.raises(ValueError, match="no reference"):
        library.lay("ann", {}, {}, lambda folder: "../../../x")


def test_a_file_on_ones_own_machine_is_pointed_at_and_not_counted(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"weights")
    file = library.refer(tmp_path / "w.pth")
    reference = library.lay("ann", {}, {"model/w.pth": file}, lambda folder: "0" * 24)
    assert library.held_bytes() == 0 and (library.place(reference) / "model/w.pth").read_bytes() == b"weights"
    library.release("ann")
    assert (tmp_path / "w.pth").read_bytes() == b"weights", "it was not ours to remove"


def test_a_folder_that_a_killed_process_left_is_removed_and_one_in_use_is_not():
    folders.root()
    said = "from pruneviz.studio import folders; import os, sys; print(folders.root(), flush=True); os.kill(os.getpid(), 9)"
    left = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=False).stdout.strip()
    assert Path(left).is_dir() and Path(left).parent == Path(tempfile.gettempdir())
    folders.sweep()
    assert not Path(left).exists() and folders.root().is_dir()


def test_a_process_that_ends_takes_its_folder_along_and_its_children_do_not():
    said = (
        "from pruneviz.studio import folders; import os\n"
        "root = folders.root(); child = os.fork()\n"
        "if child == 0: raise SystemExit\n"
        "os.waitpid(child, 0); print(root, root.is_dir())\n"
    )
    run = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    place, there = run.stdout.split()
    assert there == "True" and not Path(place).exists()


def cookie(token: bytes, mask: bytes) -> str:
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(token))
    return f"2|{binascii.b2a_hex(mask).decode()}|{binascii.b2a_hex(masked).decode()}|1795271428"


def test_a_browser_is_known_by_its_secret_however_it_is_masked():
    token = bytes(range(16))
    assert visitor.browser_token(cookie(token, b"abcd")) == visitor.browser_token(cookie(token, b"\0\1\2\3")) == token
    assert visitor.browser_token(cookie(bytes(16), b"abcd")) != token


@pytest.mark.parametrize("text", ["", "2|", "1|61|62|1", "2|zz|00|1", "2|61626364|6162|1", "x" * 99, "2|6|6|6|6|6"])
def test_a_cookie_that_is_none_of_ours_is_nobody(text):
    assert visitor.browser_token(text) == b""


HEADERS = [
    ({"Host": "localhost:8501", "Origin": "http://localhost:8501"}, True),
    ({"Host": "127.0.0.1:8501"}, True),
    ({"Host": "[::1]:8501", "Origin": "http://[::1]:8501"}, True),
    ({}, True),
    ({"Host": "prune.example"}, False),
    ({"Host": "127.0.0.1:8501", "Origin": "https://prune.example"}, False),
    ({"Host": "localhost", "X-Forwarded-For": "10.0.0.7"}, False),
    ({"Host": "localhost", "Forwarded": "for=10.0.0.7"}, False),
]


@pytest.mark.parametrize(("headers", "own"), HEADERS)
def test_who_comes_through_a_proxy_is_not_at_this_machine(monkeypatch, headers, own):
    monkeypatch.setattr(visitor.house_rules, "own_machine", lambda: True)
    monkeypatch.setattr(visitor.st, "context", type("Context", (), {"headers": headers}))
    assert visitor.own_machine() is own
    monkeypatch.setattr(visitor.house_rules, "own_machine", lambda: False)
    assert visitor.own_machine() is False

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


def test_one_visitor_cannot_fill_the_server():
    caps = Caps(upload_bytes=100, models=2, held_bytes=1_000)
    kept("ann", b"1" * 100, caps=caps), kept("ann", b"2" * 100, caps=caps)
    with pytest.raises(library.Full, match="you may give 200 bytes here"):
        kept("ann", b"3" * 100, caps=caps)
    kept("bob", b"4" * 100, caps=caps)
    assert library.held_bytes() == 300


def test_large_models_make_room_for_a_larger_one_and_nobody_is_stuck():
    caps, titles = Caps(upload_bytes=100, models=2, held_bytes=1_000), []
    for at in range(5):
        files = {f"model/{n}": kept("ann", bytes([at, n]) * 40, caps=caps) for n in range(2)}
        digest = f"{at:024x}"
        reference = library.lay("ann", {"name": str(at)}, files, lambda folder, digest=digest: digest)
        titles += library.take("ann", reference, ("", ""), caps)
    assert titles == ["0", "1", "2", "3"][: len(titles)] and library.listed("ann")[reference] == "4"
    assert library.held_bytes() <= 2 * 100 + 2 * 80


def test_the_same_content_given_twice_is_let_go_of_twice():
    file, again = kept("ann", b"same"), kept("ann", b"same", "copy.pth")
    library.let_go("ann", {"copy.pth": again}), library.let_go("ann", {"copy.pth": again})
    assert file.path.is_file()
    library.let_go("bob", {"x": file})
    assert file.path.is_file(), "it is not bob's to let go of"
    library.let_go("ann", {"x": file})
    assert not file.path.exists()


def test_what_a_closed_tab_was_given_goes_with_it():
    library.enter("ann", "one"), library.enter("ann", "two")
    lost = library.keep("ann", "a.pth", io.BytesIO(b"lost"), CAPS, "one")
    stays = library.keep("ann", "b.pth", io.BytesIO(b"stays"), CAPS, "two")
    library.leave("ann", "one", 100.0)
    assert not lost.path.exists() and stays.path.is_file()


def test_each_visitor_hears_their_own_names_for_the_same_files():
    def lay(owner: str, name: str) -> str:
        files = {"data/data.zip": kept(owner, b"same", name)}
        return library.lay(owner, {"name": "m"}, files, lambda folder: "0" * 24)

    reference = lay("ann", "ann-private-clinic.zip")
    assert lay("bob", "mine.zip") == reference
    library.take("ann", reference, ("", ""), CAPS), library.take("bob", reference, ("", ""), CAPS)
    names = {who: library.facts(reference, who).files["data/data.zip"].name for who in ("ann", "bob", "cy", "")}
    assert names == {"ann": "ann-private-clinic.zip", "bob": "mine.zip", "cy": "data.zip", "": "data.zip"}


def test_a_model_that_was_given_back_meanwhile_turns_no_page():
    reference, turned = laid("ann", b"1"), []
    laid("ann", b"2")  # the other tab tries another one
    with pytest.raises(KeyError, match="given back meanwhile"):
        library.take("ann", reference, ("", ""), CAPS, lambda: turned.append(1))
    assert not turned and library.listed("ann") == {}


def test_a_page_that_does_not_turn_leaves_the_visitors_models_as_they_were():
    before = [brought("ann", b"1"), brought("ann", b"2")]
    reference = laid("ann", b"3")

    def refuse() -> None:
        assert library.folder(reference, "ann") and reference in library.listed("ann")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        library.take("ann", reference, ("", ""), CAPS, refuse)
    assert set(library.listed("ann")) == set(before) and library.folder(reference, "ann"), "it is still tried"
    assert library.take("ann", reference, ("", ""), CAPS) == ("Mine",)


def test_a_card_travels_without_what_is_about_one_machine():
    table = {"name": "m", "data": {"set": "torchvision:CIFAR10", "root": "/home/ann", "download": True}}
    assert library.portable(table) == {"name": "m", "data": {"set": "torchvision:CIFAR10"}}
    assert table["data"]["root"] == "/home/ann"


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

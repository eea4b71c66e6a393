"""Archives of images: splits, class folders, lists of labels, sizes and caps, all from archives made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pruneviz.engine.sources import data
from pruneviz.engine.sources.class_names import ClassOrder
from pruneviz.engine.sources.found import Wants
from pruneviz.engine.sources.gate import LOCAL, SubjectError
from tests.engine.sources.archives import flat, packed, picture

PETS = Wants(classes=("cat", "dog"))
KINDS = ["a.zip", "a.tar", "a.tar.gz"]


def read(path, wants=PETS, limits=LOCAL, **table):
    return data.read({"file": path.name, **table}, path.parent, limits, wants)


def pets(prefix: str = "") -> dict[str, bytes]:
    """Dogs are bright: dog 200, 201, cat 10, 11, 12."""
    dogs = {f"{prefix}dog/{at}.png": picture(flat(200 + at)) for at in range(2)}
    return dogs | {f"{prefix}cat/{at}.png": picture(flat(10 + at)) for at in range(3)}


def firsts(samples) -> list[int]:
    """The value of each image, they are of one value each."""
    assert all(bool((one == one.flatten()[0]).all()) for one in samples.stored)
    return samples.stored[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefix", ["", "pets/", "a/b/"])
def test_class_folders_by_name(tmp_path, kind, prefix):
    found = read(packed(tmp_path / kind, pets(prefix)))
    assert firsts(found.held_out) == [200, 201, 10, 11, 12] and found.held_out.labels.tolist() == [1, 1, 0, 0, 0]
    assert found.training is None and found.classes == () and found.notes == ()
    assert tuple(found.held_out.stored.shape) == (5, 3, 4, 4) and len(found.sha256) == 64
    turned = read(packed(tmp_path / kind, pets(prefix)), Wants(classes=("dog", "cat")))
    assert turned.held_out.labels.tolist() == [0, 0, 1, 1, 1]


def test_an_archive_says_the_same_whatever_its_name(tmp_path):
    path = packed(tmp_path / "a.zip", pets())
    found = read(path.rename(tmp_path / "whatever.bin"))
    assert len(found.held_out) == 5


def test_splits(tmp_path):
    members = pets("set/train/") | {"set/val/dog/z.png": picture(flat(99)), "set/.hidden.png": b"", "set/README.md": b"x"}
    path = packed(tmp_path / "a.zip", members)
    found = read(path)
    assert firsts(found.held_out) == [99] and len(found.training) == 5
    assert len(read(path, split="train").held_out) == 5 and read(path, split="train").training is None
    assert firsts(read(path, split="validation").held_out) == [99]
    with pytest.raises(SubjectError, match="no split 'test'; it has train, val"):
        read(path, split="test")
    alone = read(packed(tmp_path / "b.zip", pets("train/")))
    assert len(alone.held_out) == 5 and "training images only" in alone.notes[0]


def test_nobody_says_the_order(tmp_path):
    path = packed(tmp_path / "a.zip", pets())
    for wants in (Wants(), Wants(classes=("hund", "katze"))):
        with pytest.raises(ClassOrder) as caught:
            read(path, wants)
        assert caught.value.choices == ("cat", "dog")
    found = read(path, Wants(), folders=["dog", "horse", "cat"])
    assert found.held_out.labels.tolist() == [0, 0, 2, 2, 2] and found.classes == ("dog", "horse", "cat")


def test_folders_that_are_numbers(tmp_path):
    members = {f"{at}/x.png": picture(flat(at)) for at in range(3)}
    found = read(packed(tmp_path / "a.zip", members), Wants())
    assert found.held_out.labels.tolist() == [0, 1, 2] and "numbers" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.tsv", "b.png\t1\na.png\t0\n"),
        ("labels.tsv", "file\tlabel\r\na.png\tcat\r\nb.png\tdog\r\n"),
        ("Labels.csv", '\ufeffimages/a.png,cat\n"images/b.png",DOG\nelsewhere.png,horse\n'),
    ],
)
def test_a_list_of_labels(tmp_path, name, text):
    members = {"images/a.png": picture(flat(1)), "images/b.png": picture(flat(2)), f"images/{name}": text.encode()}
    found = read(packed(tmp_path / "a.tar", members))
    assert firsts(found.held_out) == [1, 2] and found.held_out.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("members", "word", "code"),
    [
        ({"a.png": picture(flat(1))}, "lies in no class folder and there is no labels.tsv", "labels"),
        ({"notes.txt": b"hello"}, "holds no image", "empty"),
        ({"cat/a.png": picture(flat(1)), "b.png": picture(flat(1))}, "no class folder", "labels"),
        ({"a.png": picture(flat(1)), "labels.tsv": b"b.png\t0\n"}, "no label for 1 of 1 images (a.png)", "labels"),
        ({"a.png": picture(flat(1)), "labels.tsv": b"\xff\xfe"}, "not text in UTF-8", "not-utf-8"),
        (
            {"a.png": picture(flat(1)), "labels.tsv": b"a.png\t0", "x/labels.csv": b"a.png,0"},
            "two lists of labels",
            "labels",
        ),
        ({"cat/a.png": b"\x89PNG\r\n\x1a\n broken"}, "cannot be read as an image", "image"),
        ({"cat/a.png": picture(flat(1)), "dog/b.png": picture(flat(2, (5, 4)))}, "several sizes", "image-size"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(tmp_path, members, word, code):
    with pytest.raises(SubjectError) as caught:
        read(packed(tmp_path / "a.zip", members))
    assert word in str(caught.value) and caught.value.code == code and "\n" not in str(caught.value)


def test_several_sizes_become_one(tmp_path):
    members = {"cat/a.png": picture(flat(1, (8, 6))), "dog/b.png": picture(flat(2, (5, 9)))}
    path = packed(tmp_path / "a.zip", members)
    cropped = read(path, resize=5, crop=4).held_out
    assert tuple(cropped.stored.shape) == (2, 3, 4, 4) and firsts(cropped) == [1, 2]
    assert tuple(cropped.inputs().shape) == (2, 3, 4, 4)
    square = read(path, resize=7).held_out
    assert tuple(square.stored.shape) == (2, 3, 7, 7) and tuple(square.inputs().shape) == (2, 3, 7, 7)


def test_small_images_of_one_size_grow_as_they_are_used(tmp_path):
    path = packed(tmp_path / "a.zip", pets())
    grown = read(path, resize=6).held_out
    assert tuple(grown.stored.shape) == (5, 3, 4, 4) and tuple(grown.inputs().shape) == (5, 3, 6, 6)
    assert tuple(read(path, resize=3).held_out.stored.shape) == (5, 3, 3, 3)


def test_grey_and_colour(tmp_path):
    grey = {f"{name}/a.png": picture(flat(at, channels=1)) for at, name in enumerate(("cat", "dog"))}
    path = packed(tmp_path / "a.zip", grey)
    assert read(path).held_out.stored.shape[1] == 1
    assert read(path, replace(PETS, channels=3)).held_out.stored.shape[1] == 3
    mixed = packed(tmp_path / "b.zip", grey | {"dog/b.png": picture(flat(9))})
    assert tuple(read(mixed).held_out.stored.shape) == (3, 1, 4, 4)
    with pytest.raises(SubjectError, match="3 numbers for 1 channels"):
        read(path, mean=[0.1, 0.2, 0.3])


def test_a_cap_draws_within_each_class_and_says_so(tmp_path):
    members = {f"cat/{at:03}.png": picture(flat(at)) for at in range(90)}
    members |= {f"dog/{at:03}.png": picture(flat(100 + at)) for at in range(30)}
    path = packed(tmp_path / "a.zip", members)
    few = replace(LOCAL, samples=20)
    found, again = read(path, limits=few), read(path, limits=few)
    assert found.held_out.labels.tolist() == [0] * 15 + [1] * 5 and found.notes == (
        "20 of 120 images were taken, drawn by lot within each class.",
    )
    assert firsts(found.held_out) == firsts(again.held_out) == sorted(firsts(found.held_out))
    assert firsts(found.held_out) != list(range(15)) + list(range(100, 105))


def test_larger_archives_are_read_twice_and_not_kept(tmp_path, monkeypatch):
    from pruneviz.engine.sources import images

    path = packed(tmp_path / "a.tar.gz", pets())
    wanted = read(path).held_out
    monkeypatch.setattr(images, "KEPT_BYTES", 100)
    found = read(path).held_out
    assert np.array_equal(found.stored, wanted.stored) and found.labels.tolist() == wanted.labels.tolist()


def test_what_is_odd_is_said(tmp_path):
    one = read(packed(tmp_path / "a.zip", {f"dog/{at}.png": picture(flat(at)) for at in range(3)}))
    assert "All 3 held-out images have one label, 1" in one.notes[0]
    both = pets("train/") | pets("test/")
    assert "5 of the 5 held-out images are in the training data" in read(packed(tmp_path / "b.zip", both)).notes[0]
    assert read(packed(tmp_path / "c.zip", pets("train/") | {"test/dog/x.png": picture(flat(77))})).notes == ()

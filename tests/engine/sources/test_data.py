"""The one door to data: which reader a file gets by what it holds, and arrays with all that a card may ask of them."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from pruneviz.engine.sources import data
from pruneviz.engine.sources.found import Wants, thinned
from pruneviz.engine.sources.gate import LOCAL, SubjectError
from tests.engine.sources.archives import flat, packed, picture

RANDOM = np.random.default_rng(0).integers(0, 256, (6, 12, 9, 3), dtype=np.uint8)


def arrays(folder, **more):
    np.savez(folder / "d.npz", **{"x_test": RANDOM, "y_test": np.arange(6) % 3, **more})


def read(folder, limits=LOCAL, **table):
    return data.read({"file": "d.npz", **table}, folder, limits)


def test_arrays_are_cropped_as_archives_are(tmp_path):
    arrays(tmp_path)
    packed(tmp_path / "d.zip", {f"{at % 3}/{at}.png": picture(one) for at, one in enumerate(RANDOM)})
    how = {"resize": 10, "crop": 8, "interpolation": "bicubic"}
    ours = read(tmp_path, **how).held_out
    theirs = data.read({"file": "d.zip", **how}, tmp_path).held_out
    assert torch.equal(ours.stored, theirs.stored) and ours.stored.shape == (6, 3, 8, 8)
    assert ours.preparation == theirs.preparation and torch.equal(ours.inputs(), theirs.inputs())


def test_interpolation_of_what_grows_as_it_is_used(tmp_path):
    arrays(tmp_path, x_test=RANDOM[:, :9])
    smooth, sharp = (read(tmp_path, resize=18, interpolation=one).held_out.inputs() for one in ("bilinear", "bicubic"))
    assert smooth.shape == sharp.shape == (6, 3, 18, 18) and not torch.equal(smooth, sharp)


@pytest.mark.parametrize(
    ("more", "table", "word", "code"),
    [
        ({"x_test": RANDOM.astype(np.float32)}, {"crop": 4}, "whole bytes", "crop"),
        ({}, {"crop": 4, "interpolation": "soft"}, "unknown interpolation 'soft'", "interpolation"),
        ({}, {"mean": [1.0, 2.0]}, "2 numbers for 3 channels", "channels"),
        ({}, {"std": 0.0}, "above 0", "scale"),
        ({"x_test": RANDOM[:0], "y_test": np.arange(0)}, {}, "is empty", "empty"),
        ({"y_test": np.arange(5)}, {}, "one label each", "labels"),
        ({"y_test": np.arange(6) / 2}, {}, "whole numbers", "labels"),
        ({"x_test": RANDOM[:, :, :, 0, None, None]}, {}, "several ways or in none", "layout"),
        ({"x_train": RANDOM[:, :5], "y_train": np.arange(6)}, {}, "different shapes", "shape"),
        ({"x_test": np.full((6, 4, 4), np.nan)}, {}, "not finite", "nonfinite"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(tmp_path, more, table, word, code):
    arrays(tmp_path, **more)
    with pytest.raises(SubjectError) as caught:
        read(tmp_path, **table)
    assert word in str(caught.value) and caught.value.code == code


def test_labels_from_one_caps_and_what_is_odd(tmp_path):
    arrays(tmp_path, y_test=np.array([1, 2, 3, 1, 2, 3]), x_train=RANDOM[:3], y_train=np.array([1, 1, 1]))
    found = read(tmp_path, first_label=1)
    assert found.held_out.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert found.notes == ("3 of the 6 held-out images are in the training data, too.",)
    few = read(tmp_path, replace(LOCAL, samples=3))
    assert few.held_out.labels.tolist() == sorted(few.held_out.labels.tolist(), key=few.held_out.labels.tolist().index)
    assert sorted(few.held_out.labels.tolist()) == [1, 2, 3] and "3 of 6 images" in few.notes[0]


def test_a_lot_is_fair_to_classes():
    labels = np.array([0] * 50 + [1] * 30 + [2] * 19 + [3])
    for most in (1, 7, 20, 99):
        chosen = thinned(labels, most)
        counts = np.bincount(labels[chosen], minlength=4)
        assert len(chosen) == most == len(set(chosen)) and (np.diff(chosen) > 0).all()
        assert np.abs(counts - np.array([50, 30, 19, 1]) * most / 100).max() < 1
    assert thinned(labels, 200).tolist() == list(range(100))


def test_a_lot_among_more_classes_than_samples():
    """Nobody has a share then; and a class for each of a million samples takes no longer than one for all."""
    chosen = thinned(np.arange(1_000_000), 100)
    assert len(set(chosen)) == 100 and (np.diff(chosen) > 0).all() and 200_000 < chosen.mean() < 800_000


def test_fewer_samples_of_the_same_file_are_other_data(tmp_path):
    arrays(tmp_path)
    whole, few, same = (read(tmp_path, replace(LOCAL, samples=most)).sha256 for most in (6, 3, 100))
    assert whole == same and few == f"{whole}+3of6"


def test_the_door_looks_at_what_a_file_holds(tmp_path):
    arrays(tmp_path)
    shutil.copy(tmp_path / "d.npz", tmp_path / "d.zip")
    assert len(data.read({"file": "d.zip"}, tmp_path).held_out) == 6
    packed(tmp_path / "d.npz", {"0/a.png": picture(flat(7))})
    assert data.read({"file": "d.npz"}, tmp_path, asked=Wants(channels=3)).held_out.stored.unique().tolist() == [7]
    (tmp_path / "d.npz").write_bytes(b"%PDF-1.4")
    with pytest.raises(SubjectError):
        read(tmp_path)

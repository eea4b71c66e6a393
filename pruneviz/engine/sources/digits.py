"""Hand-written digits that come with scikit-learn: 1,797 images of 8×8, split once and for all into 1,297 and 500.

The networks that the app ships were trained on the 1,297 and never saw the 500. The split has 50 of each digit held out,
the first 50 in a fixed random order. All digits are by the same 13 writers: a new hand would be harder.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path

import numpy as np

HELD_OUT = 50
SCALE = 16.0


@cache
def split() -> dict[str, np.ndarray]:
    """x_train [1297, 8, 8], y_train [1297], x_test [500, 8, 8], y_test [500]: uint8 0..16 and int64. Read-only."""
    rows = table()
    rows = rows[np.random.default_rng(0).permutation(len(rows))]
    images, labels = rows[:, :64].reshape(-1, 8, 8).astype(np.uint8), rows[:, 64].astype(np.int64)
    # How many of the same digit came before: the first 50 of each are held out.
    before = np.array([np.count_nonzero(labels[:place] == labels[place]) for place in range(len(labels))])
    held = before < HELD_OUT
    parts = {"x_train": images[~held], "y_train": labels[~held], "x_test": images[held], "y_test": labels[held]}
    for part in parts.values():
        part.setflags(write=False)
    return parts


def table() -> np.ndarray:
    """scikit-learn's digits as they are: 1,797 rows of 64 pixels and a label.

    Importing scikit-learn takes far longer than reading its file, so the file is read where it lies if it lies there.
    """
    package = importlib.util.find_spec("sklearn")
    places = package.submodule_search_locations if package else []
    file = next((path for place in places if (path := Path(place, "datasets/data/digits.csv.gz")).is_file()), None)
    return asked() if file is None else np.loadtxt(file, delimiter=",")


def asked() -> np.ndarray:
    """The same rows, from scikit-learn's own function."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return np.column_stack([found.data, found.target])


@cache
def sha256() -> str:
    """A name for these very digits in this very order."""
    digest = hashlib.sha256()
    for name, part in sorted(split().items()):
        digest.update(name.encode() + b"\0" + np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()

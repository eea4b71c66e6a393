"""Hand-written digits that come with scikit-learn: 1,797 images of 8×8, split once and for all into 1,297 and 500.

The networks that the app ships were trained on the 1,297 and never saw the 500. The split has 50 of each digit held out,
the first 50 in a fixed random order. All digits are by the same 13 writers: a new hand would be harder.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

HELD_OUT = 50
SCALE = 16.0


@cache
def split() -> dict[str, np.ndarray]:
    """x_train [1297, 8, 8], y_train [1297], x_test [500, 8, 8], y_test [500]: uint8 0..16 and int64. Read-only."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    labels = found.target[order].astype(np.int64)
    images = found.images[order].astype(np.uint8)
    # How many of the same digit came before: the first 50 of each are held out.
    before = np.array([np.count_nonzero(labels[:place] == labels[place]) for place in range(len(labels))])
    held = before < HELD_OUT
    parts = {"x_train": images[~held], "y_train": labels[~held], "x_test": images[held], "y_test": labels[held]}
    for part in parts.values():
        part.setflags(write=False)
    return parts


@cache
def sha256() -> str:
    """A name for these very digits in this very order."""
    digest = hashlib.sha256()
    for name, part in sorted(split().items()):
        digest.update(name.encode() + b"\0" + np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()

"""What stays: names, layers and overlaps."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pruneviz.engine.mask import Mask, overlap


def mask(*bits: int) -> Mask:
    return Mask(np.array(bits, dtype=bool), ("b.weight", "a.weight"), ((2, 2), (len(bits) - 4,)))


def test_layers_are_views_in_their_own_shape():
    whole = mask(1, 0, 0, 1, 1, 0, 1)
    parts = whole.layers()
    assert parts["b.weight"].tolist() == [[True, False], [False, True]]
    assert parts["a.weight"].tolist() == [True, False, True]
    assert all(np.may_share_memory(part, whole.flat) for part in parts.values())
    assert (whole.kept, whole.removed) == (4, 3)


def test_sha256_is_what_anybody_would_compute():
    """Sorted by name: a = 101₂ read from the low bit = 5, b = 1001₂ = 9."""
    expected = hashlib.sha256(b"a.weight\0[3]" + bytes([5]) + b"b.weight\0[2, 2]" + bytes([9])).hexdigest()
    assert mask(1, 0, 0, 1, 1, 0, 1).sha256() == expected


@given(bits=hnp.arrays(bool, 9), other=hnp.arrays(bool, 9))
def test_sha256_tells_masks_apart(bits, other):
    assert (mask(*bits).sha256() == mask(*other).sha256()) == np.array_equal(bits, other)


@given(bits=hnp.arrays(bool, st.integers(4, 20)), data=st.data())
def test_overlap_is_jaccard_of_what_is_removed(bits, data):
    other = data.draw(hnp.arrays(bool, bits.size))
    one, two = set(np.flatnonzero(~bits)), set(np.flatnonzero(~other))
    expected = len(one & two) / len(one | two) if one | two else 1.0
    assert overlap(mask(*bits), mask(*other)) == overlap(mask(*other), mask(*bits)) == expected

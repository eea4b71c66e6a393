"""Mask: what stays. One flat array of booleans over a subject's prunable weights, True = kept."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """What stays. `flat` [n] lies in the order of `names`, each layer in its own contiguous (row-major) order."""

    flat: np.ndarray
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def kept(self) -> int:
        return int(np.count_nonzero(self.flat))

    @property
    def removed(self) -> int:
        return self.flat.size - self.kept

    def layers(self) -> dict[str, np.ndarray]:
        """Each layer's own part, in its own shape: views, not copies."""
        parts, start = {}, 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            stop = start + int(np.prod(shape, dtype=np.int64))
            parts[name] = self.flat[start:stop].reshape(shape)
            start = stop
        return parts

    def sha256(self) -> str:
        """A name for this mask that anybody can recompute: over the parameters sorted by name, of the name, a NUL, the
        shape as JSON, and `numpy.packbits(mask, bitorder="little")`."""
        digest = hashlib.sha256()
        for name, part in sorted(self.layers().items()):
            digest.update(name.encode() + b"\0" + json.dumps(list(part.shape)).encode())
            digest.update(np.packbits(part.reshape(-1), bitorder="little").tobytes())
        return digest.hexdigest()


def overlap(one: Mask, other: Mask) -> float:
    """The Jaccard index of what two masks *remove*: shared / either; 1 where both remove nothing."""
    either = np.count_nonzero(~(one.flat & other.flat))
    both = np.count_nonzero(~(one.flat | other.flat))
    return both / either if either else 1.0

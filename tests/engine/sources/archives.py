"""Small archives of images, made by hand: what the tests of readers read."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np


def picture(pixels: np.ndarray, kind: str = "PNG", **more) -> bytes:
    """An image file of these pixels, [H, W] or [H, W, C] of bytes."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **more)
    return stream.getvalue()


def flat(value: int, size: tuple[int, int] = (4, 4), channels: int = 3) -> np.ndarray:
    """An image of one value."""
    return np.full((*size, channels) if channels > 1 else size, value, np.uint8)


def packed(path: Path, members: Mapping[str, bytes]) -> Path:
    """The members in an archive whose kind the path's name says: .zip, .tar or .tar.gz."""
    if path.name.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, data in members.items():
            found = tarfile.TarInfo(name)
            found.size = len(data)
            archive.addfile(found, io.BytesIO(data))
    return path

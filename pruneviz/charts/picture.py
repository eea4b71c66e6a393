"""Picture: true pixels as text, so that a page or a file can hold them."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def data_uri(pixels: np.ndarray) -> str:
    """An image, uint8 [H, W, 3], as the address of a PNG that holds exactly these pixels."""
    return f"data:image/png;base64,{base64.b64encode(png(pixels)).decode('ascii')}"


def png(pixels: np.ndarray) -> bytes:
    """An image, uint8 [H, W, 3], as a PNG file (W3C Portable Network Graphics: 8-bit colour, no row filter)."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"a picture is uint8 [H, W, 3]; got {pixels.dtype} {list(pixels.shape)}: give it three channels")
    height, width = pixels.shape[:2]
    rows = np.concatenate((np.zeros((height, 1), np.uint8), pixels.reshape(height, 3 * width)), axis=1)
    head = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

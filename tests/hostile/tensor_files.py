"""Safetensors whose headers lie, and names that nobody should have to look at."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from tests.hostile.case import INERT, add, hostile, written


def packed(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(shape: list, start: int, stop: int, dtype: str = "F32") -> dict:
    """A header's words about one tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def named(name: str) -> bytes:
    return packed({name: entry([1], 0, 4)}, bytes(4))


ONE, MANY = entry([1], 0, 4), 60_000_001
FILES: dict[str, tuple[tuple[str, ...], object]] = {
    "5k_names": ((INERT,), lambda: packed({f"t{i}": entry([0], 0, 0) for i in range(5_000)})),
    "20k_names": ((INERT,), lambda: packed({f"t{i}": entry([0], 0, 0) for i in range(20_000)})),
    "100k_names": (("header",), lambda: packed({f"t{i}": entry([0], 0, 0) for i in range(100_000)})),
    "60k_short_names": (("too-many-tensors",), lambda: packed(b"{%s}" % b",".join(b'"%d":0' % i for i in range(60_000)))),
    "length_0": (("header", "unknown"), lambda: packed({}, length=0)),
    "length_2_63": (("header",), lambda: packed({"a": ONE}, bytes(4), length=1 << 63)),
    "length_all_ones": (("header",), lambda: packed({"a": ONE}, bytes(4), length=(1 << 64) - 1)),
    "header_5_megabytes": (("header",), lambda: packed(b'{"a":0' + b" " * (5 << 20) + b"}")),
    "deep_json": (("header",), lambda: packed(b'{"a":' + b"[" * 100_000)),
    "deep_tables": (("header",), lambda: packed(b'{"a":' * 100_000)),
    "two_of_one_name": (("header",), lambda: packed(b'{"a":%b,"a":%b}' % ((json.dumps(ONE).encode(),) * 2), bytes(4))),
    "a_page_after": (("truncated",), lambda: packed({"a": ONE}, bytes(4) + b"<script>alert(1)</script>")),
    "overlap": (("header",), lambda: packed({"a": ONE, "b": ONE}, bytes(4))),
    "hole": (("header",), lambda: packed({"a": ONE, "b": entry([1], 8, 12)}, bytes(12))),
    "overflow": (("shape",), lambda: packed({"a": entry([1 << 62, 1 << 62, 1 << 62], 0, 0)})),
    "overflow_of_nothing": (("shape",), lambda: packed({"a": entry([0, 1 << 62, 1 << 62], 0, 0)})),
    "negative": (("shape",), lambda: packed({"a": entry([-1, -1], 0, 4)}, bytes(4))),
    "truths": (("shape",), lambda: packed({"a": entry([True], 0, 4)}, bytes(4))),
    "nan_size": (("header", "shape"), lambda: packed(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', bytes(4))),
    "huge_number": (("header",), lambda: packed(b'{"a":{"dtype":"F32","shape":[%b]}}' % (b"9" * 10_000))),
    "unknown_dtype": (("dtype",), lambda: packed({"a": entry([1], 0, 1, "F8_E4M3")}, bytes(1))),
    "dtype_is_a_page": (("dtype",), lambda: packed({"a": entry([1], 0, 4, "<img src=x>" * 1000)}, bytes(4))),
    "ten_gigabytes_declared": (("truncated",), lambda: packed({"a": entry([2_500_000_000], 0, 10**10)})),
    "too_many_numbers": (("parameters",), lambda: packed({"a": entry([MANY], 0, MANY, "BOOL")}, bytes(MANY))),
    "truths_of_255": (("damaged",), lambda: packed({"a": entry([4], 0, 4, "BOOL")}, b"\x00\x01\xff\x02")),
    "note_of_megabytes": ((INERT,), lambda: packed({"__metadata__": {"a": "<script>" * 400_000}, "a": ONE}, bytes(4))),
}  # fmt: skip
NAMES: dict[str, tuple[tuple[str, ...], str]] = {
    "page": ((INERT,), "<img src=x onerror=alert(1)>"),
    "formula": ((INERT,), "=cmd|' /C calc'!A0"),
    "upwards": ((INERT,), "../../../../etc/passwd"),
    "emoji": ((INERT,), "conv1.💣.weight"),
    "right_to_left": (("tensor-name",), "conv1.\u202ethgiew"),
    "nul": (("tensor-name",), "conv1\0.weight"),
    "newlines": (("tensor-name",), 'conv1\n\n\n  File "app.py", line 1'),
    "surrogate": (("tensor-name",), "conv1.\ud800"),
    "megabyte": (("tensor-name",), "a" * (1 << 20)),
    "empty": (("tensor-name",), ""),
}


def _add() -> None:
    for name, (codes, data) in FILES.items():
        add(
            f"safetensors_{name}",
            "weights",
            codes,
            lambda folder, canary, data=data: written(folder, "model.safetensors", data()),
        )
    for name, (codes, key) in NAMES.items():
        add(
            f"safetensors_name_{name}",
            "weights",
            codes,
            lambda folder, canary, key=key: written(folder, "m.safetensors", named(key)),
        )


_add()


@hostile("weights", "no-file")
def safetensors_of_zeros_without_end(folder: Path, canary: Path) -> Path:
    (folder / "model.safetensors").symlink_to("/dev/zero")
    return folder / "model.safetensors"


@hostile("weights", "no-file")
def safetensors_pipe(folder: Path, canary: Path) -> Path:
    """Whoever opened it would wait for ever."""
    import os

    os.mkfifo(folder / "model.safetensors")
    return folder / "model.safetensors"


@hostile("weights", "too-large", "memory")
def safetensors_hole_of_a_terabyte(folder: Path, canary: Path) -> Path:
    """A file with a hole: a terabyte long, nothing on the disk."""
    head = packed({"a": entry([1 << 38], 0, 1 << 40)})
    with (folder / "model.safetensors").open("wb") as file:
        file.write(head)
        file.truncate(len(head) + (1 << 40))
    return folder / "model.safetensors"

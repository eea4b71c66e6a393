"""Tables, tokenizers, texts and pictures that want more than to be read."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np

from tests.hostile.case import INERT, add, hostile, written
from tests.hostile.forge import Part, npy, zipped

TABLES: dict[str, tuple[tuple[str, ...], bytes]] = {
    "formulas": ((INERT,), b"text,label\n\"=cmd|' /C calc'!A0\",=1+1\n+1+1,-1\n@SUM(A1),0\n"),
    "page": ((INERT,), b"text,label\n<script>alert(1)</script>,1\nb,0\n"),
    "nul": (("columns", INERT, "unknown"), b"text,label\na\0b,1\nc,0\n"),
    "open_quotation": (("columns", "too-large", "empty"), b'text,label\n"' + b"a,1\n" * 200_000),
    "long_cell": (("columns", "too-large"), b"text,label\n" + b"a" * 2_000_000 + b",1\nb,0\n"),
    "wide": (("columns", "empty", INERT), (b"," * 50_000 + b"\n") * 3),
    "no_text": (("not-utf-8", "unknown"), b"text,label\n\xff\xfe\xfa,1\n"),
    "utf_16": (("not-utf-8",), "text,label\na,1\n".encode("utf-16")),
    "huge_labels": ((INERT, "labels"), b"text,label\na," + b"9" * 10_000 + b"\nb,1e400\nc,nan\n"),
}


def _add() -> None:
    for name, (codes, data) in TABLES.items():
        add(f"table_{name}", "table", codes, lambda folder, canary, data=data: written(folder, "data.csv", data))


_add()


@hostile("table", "parquet")
def parquet_cut(folder: Path, canary: Path) -> Path:
    return written(folder, "data.parquet", b"PAR1" + bytes(100) + struct.pack("<I", 1 << 30) + b"PAR1")


@hostile("table", "zip-ratio", "unpacked-too-large", "memory", "too-large", "samples", "parquet")
def parquet_bomb(folder: Path, canary: Path) -> Path:
    """Twenty million rows of one text: a dictionary holds it once."""
    import pyarrow
    import pyarrow.parquet

    rows = 20_000_000
    places = pyarrow.array(np.zeros(rows, np.int32))
    text = pyarrow.DictionaryArray.from_arrays(places, pyarrow.array(["a" * 1000]))
    pyarrow.parquet.write_table(pyarrow.table({"text": text, "label": places}), folder / "data.parquet")
    return folder / "data.parquet"


@hostile("table", "columns", "parquet")
def parquet_of_bytes(folder: Path, canary: Path) -> Path:
    """Cells of raw bytes, one of them a pickle."""
    import pyarrow
    import pyarrow.parquet

    from tests.hostile.pickles import call, table, text

    value = table(call("os", "system", text(f"touch {canary}")))
    pyarrow.parquet.write_table(pyarrow.table({"text": [value, value], "label": [0, 1]}), folder / "data.parquet")
    return folder / "data.parquet"


def tokenizer(**changes: object) -> dict:
    """A tokenizer.json with three words, changed in some places."""
    model = {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1, "b": 2}, "unk_token": "[UNK]"}
    plain = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None}
    return plain | {"pre_tokenizer": None, "post_processor": None, "decoder": None, "model": model} | changes


def numbered(token: int) -> dict:
    """A vocabulary of one word with that number."""
    return {"type": "WordLevel", "vocab": {"[UNK]": token}, "unk_token": "[UNK]"}


WORDS = {"[UNK]": 0, "<img src=x onerror=alert(1)>": 1, "\u202e": 2}
PADDING = {"strategy": {"Fixed": 1 << 40}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
           "pad_token": "a"}  # fmt: skip
SLOW = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
GROWING = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 100}
TOKENIZERS: dict[str, tuple[tuple[str, ...], object]] = {
    "auto_map": ((INERT, "tokenizer"), tokenizer() | {"auto_map": {"AutoTokenizer": ["canary.Canary", None]}}),
    "unknown_kind": (("tokenizer",), tokenizer(model={"type": "Canary", "vocab": {}})),
    "slow_expression": ((INERT, "tokenizer"), tokenizer(pre_tokenizer=SLOW)),
    "growing": (("child", "memory"), tokenizer(normalizer={"type": "Sequence", "normalizers": [GROWING] * 5})),
    "huge_padding": ((INERT, "tokenizer"), tokenizer(padding=PADDING)),
    "huge_number": (("tokenizer", INERT), tokenizer(model=numbered(4_000_000_000))),
    "negative": (("tokenizer",), tokenizer(model=numbered(-1))),
    "no_words": (("tokenizer",), tokenizer(model={"type": "WordLevel", "vocab": {}, "unk_token": "[UNK]"})),
    "hostile_words": ((INERT,), tokenizer(model=numbered(0) | {"vocab": WORDS})),
}  # fmt: skip


def _add_tokenizers() -> None:
    for name, (codes, table) in TOKENIZERS.items():
        data = json.dumps(table).encode()
        add(
            f"tokenizer_{name}",
            "tokenizer",
            codes,
            lambda folder, canary, data=data: written(folder, "tokenizer.json", data),
        )


_add_tokenizers()


@hostile("tokenizer", "tokenizer")
def tokenizer_deep_json(folder: Path, canary: Path) -> Path:
    return written(folder, "tokenizer.json", b'{"model": ' + b"[" * 100_000)


@hostile("tokenizer", "tokenizer", INERT)
def tokenizer_with_code_beside(folder: Path, canary: Path) -> Path:
    code = f"import os\nos.system('touch {canary}')\n".encode()
    written(folder, "tokenization_canary.py", code)
    written(
        folder,
        "tokenizer_config.json",
        json.dumps({"auto_map": {"AutoTokenizer": ["tokenization_canary.T", None]}}).encode(),
    )
    return written(folder, "tokenizer.json", json.dumps(tokenizer()).encode())


def png(width: int, height: int, data: bytes) -> bytes:
    """A picture that says it is so wide and so high."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def _picture(name: str) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, name)
    return stream.getvalue()


PICTURES = {
    "60000_by_60000": ("1.png", lambda: png(60_000, 60_000, b"\0" * 1000)),
    "4000_by_4000_of_nothing": ("1.png", lambda: png(4000, 4000, b"")),
    "svg": ("1.png", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    "postscript": ("1.png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(touch canary) (w) file\n"),
    "tiff": ("1.tif", lambda: _picture("TIFF")),
    "icns": ("1.png", lambda: b"icns" + struct.pack(">I", 1 << 31) + b"ic07" + struct.pack(">I", 1 << 31)),
    "text_bomb": ("1.png", lambda: png(2, 2, bytes(14)).replace(b"IEND", b"zTXt")),
    "pickle": ("1.jpg", lambda: b"\x80\x04cos\nsystem\n(X\x01\x00\x00\x00atR."),
}


def _add_pictures() -> None:
    for name, (file, make) in PICTURES.items():

        def build(folder: Path, canary: Path, file: str = file, make=make) -> Path:
            parts = [Part(f"cat/{file}", make()), Part("dog/1.png", _picture("PNG"))]
            return written(folder, "images.zip", zipped(parts))

        add(f"picture_{name}", "samples", ("image", "image-size"), build)


_add_pictures()


@hostile("samples", "labels", "class-order", "classes", INERT)
def labels_of_pages(folder: Path, canary: Path) -> Path:
    """Class folders whose names are pages and formulas."""
    names = ("<img src=x onerror=alert(1)>", "=cmd()", "\u202etac", "a" * 900)
    return written(folder, "images.zip", zipped([Part(f"{name}/1.png", _picture("PNG")) for name in names]))


@hostile("samples", "labels", "shape", "subject", "layout")
def arrays_of_strange_shape(folder: Path, canary: Path) -> Path:
    parts = [Part("x_test.npy", npy(np.zeros((2, 0, 3), np.uint8))), Part("y_test.npy", npy(np.array([1 << 62, -5])))]
    return written(folder, "data.npz", zipped(parts))

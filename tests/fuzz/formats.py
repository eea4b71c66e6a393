"""Every format that comes in from outside: good seeds, the words it is made of, and the door by which it comes."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np

from pruneviz import query as links
from pruneviz.engine.sources import archive, files, gate, pickled, sniff, tokenizer
from pruneviz.engine.sources.zip_file import Archive
from pruneviz.recipe import Recipe
from tests.engine.sources import stories
from tests.fuzz import words
from tests.fuzz.mutate import mutated
from tests.hostile import cards, corpus, doors, state_dicts, tables
from tests.hostile.forge import DEFLATED, Part, block, npy, record, tarred, zipped
from tests.hostile.pickles import table, torch_zip
from tests.hostile.tensor_files import entry, packed

Mutate = Callable[[bytes, random.Random, Sequence[bytes], Sequence[bytes]], bytes]
_SMALL = 32 << 10
_LARGE = frozenset(("pt_too_many_numbers", "pt_20001_tensors", "pt_large_table", "zip_of_20002_files", "images_without_end"))


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what its files are called here, what they start from, how they are changed, and where they are brought."""

    name: str
    file: str
    seeds: Callable[[], list[bytes]]
    words: Sequence[bytes]
    bring: Callable[[Path], object]
    mutate: Mutate = mutated
    hostile: tuple[str, ...] = ()
    beside: Callable[[Path], None] | None = None

    def corpus(self) -> list[bytes]:
        """The seeds, and the small hostile files of its kind."""
        return [*self.seeds(), *(_hostile(self.hostile) if self.hostile else ())]


@cache
def _hostile(beginnings: tuple[str, ...]) -> tuple[bytes, ...]:
    """The hostile files whose names begin so, but for those that are large, or small and slow to make."""
    found = []
    for name, case in corpus.CASES.items():
        if not name.startswith(beginnings) or name in _LARGE:
            continue
        with tempfile.TemporaryDirectory() as place:
            path = case.make(Path(place), Path(place) / "canary")
            path = path / "subject.toml" if path.is_dir() else path
            if path.is_file() and path.stat().st_size <= _SMALL:
                found.append(path.read_bytes())
    return tuple(found)


def _state_dicts() -> list[bytes]:
    import torch

    found = []
    network = torch.nn.Linear(3, 2)
    whole = torch.arange(6.0)
    values = (
        network.state_dict(),
        {"state_dict": {"module.a": whole, "module.b": whole[2:]}, "epoch": 3, "optimizer": {"state": {0: {"m": whole}}}},
        [whole.half(), whole.bfloat16(), whole.long(), whole > 1, whole.reshape(2, 3).t()],
    )
    for value in values:
        stream = io.BytesIO()
        torch.save(value, stream)
        found.append(stream.getvalue())
    return found


def _tables_of_tensors() -> list[bytes]:
    """The pickles inside: each fuzzed file wraps one, its checksums right, beside eight storages of 64 bytes."""
    import zipfile

    held = [zipfile.ZipFile(io.BytesIO(one)).read("archive/data.pkl") for one in _state_dicts()]
    values = (state_dicts.tensor(state_dicts.storage("0", 16), 0, (4, 4), (4, 1)),)
    return [*held, *map(table, values)]


def torch_file(data: bytes) -> bytes:
    """A whole file of PyTorch around a table."""
    return torch_zip(data, tuple(bytes(range(64)) for _ in range(8)))


def _check_zip(path: Path) -> None:
    """What stands before the child: what the file is, and whether its archive is as torch.save writes one."""
    sniff.family(path, doors.LIMITS)
    with files.opened(path, doors.LIMITS.weights_bytes) as (stream, size):
        pickled.check(Archive(stream, size, path.name, pickled.ADVICE, doors.LIMITS, doors.LIMITS.tensors))


def _safetensors() -> list[bytes]:
    two = {"a": entry([2, 3], 0, 24), "b": entry([4], 24, 32, "BF16"), "c": entry([], 32, 33, "BOOL")}
    return [packed(two, bytes(33)), packed({"__metadata__": {"a": "b"}, "x": entry([0, 4], 0, 0)})]


def _arrays() -> list[bytes]:
    x, y = npy(np.arange(24, dtype=np.uint8).reshape(2, 3, 4)), npy(np.array([0, 1]))
    both = [Part("x_test.npy", x), Part("y_test.npy", y)]
    return [zipped(both), zipped([Part(one.name, one.data, DEFLATED) for one in both])]


def _in_zip(data: bytes, chance: random.Random, words_: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    """Half of the time the archive is changed, half of the time what is in it, and then the archive is right."""
    if chance.random() < 0.5:
        return mutated(data, chance, words_, others)
    found = _members(data)
    if not found:
        return mutated(data, chance, words_, others)
    chosen = chance.randrange(len(found))
    parts = [
        Part(name, mutated(body, chance, words_, others) if place == chosen else body, chance.choice((0, 8)))
        for place, (name, body) in enumerate(found)
    ]
    return zipped(parts)


@cache
def _members(data: bytes) -> tuple[tuple[str, bytes], ...]:
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as held:
            small = [one for one in held.infolist() if one.file_size < _SMALL]
            return tuple((one.filename, held.read(one)) for one in small)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, zlib.error, EOFError):
        return ()


def _pictures() -> list[bytes]:
    from PIL import Image

    found = {}
    for kind in ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP"):
        stream = io.BytesIO()
        Image.effect_noise((8, 8), 50).convert("P" if kind == "GIF" else "RGB").save(stream, kind)
        found[kind] = stream.getvalue()
    every = [Part(f"cat/{kind.lower()}.{kind.lower()}", data) for kind, data in found.items()]
    labels = Part("labels.tsv", b"cat/png.png\t0\ncat/bmp.bmp\t1\n")
    return [zipped([one, Part("dog/1.png", found["PNG"])]) for one in every] + [zipped([*every[:3:2], labels])]


def _tars() -> list[bytes]:
    pixels = b"P5 2 2 255\n\0\1\2\3"
    one, two = (block(f"{name}/1.pgm", size=len(pixels)) for name in ("cat", "dog"))
    notes = record("path", "dog/2.pgm")
    long = block("././@LongLink", b"L", size=9), b"dog/3.pgm"
    noted = block("n", b"x", size=len(notes)), notes
    first = tarred(one, pixels, two, pixels), tarred(one, pixels, *noted, two, pixels)
    return [*first, tarred(block("cat/", b"5"), one, pixels, *long, two, pixels)]


def _in_gzip(data: bytes, chance: random.Random, words_: Sequence[bytes], others: Sequence[bytes]) -> bytes:
    """The tar inside is changed, half of the time with its headers' checksums set right; sometimes the gzip around it."""
    changed = bytearray(mutated(data, chance, words_, others))
    if chance.random() < 0.5:
        for start in range(0, len(changed) - 511, 512):
            if changed[start + 257 : start + 262] == b"ustar":
                changed[start + 148 : start + 156] = b" " * 8
                changed[start + 148 : start + 156] = b"%06o\0 " % sum(changed[start : start + 512])
    kind = chance.randrange(4)
    if kind == 0:
        return bytes(changed)
    whole = gzip.compress(bytes(changed), 1)
    return mutated(whole, chance, words_, others) if kind == 1 else whole


def _parquet() -> list[bytes]:
    import pyarrow
    import pyarrow.parquet

    found = []
    for packing, dictionary in (("snappy", True), ("gzip", False), ("none", True)):
        stream = io.BytesIO()
        held = pyarrow.table({"text": ["a good film", "a bad film"] * 3, "label": [1, 0] * 3})
        pyarrow.parquet.write_table(held, stream, compression=packing, use_dictionary=dictionary)
        found.append(stream.getvalue())
    return found


def _cards() -> list[bytes]:
    head = 'name = "a"\nweights = "w.safetensors"\ntask = "image_classification"\n[architecture]\nbuild = "digits_mlp"\n'
    rest = 'arguments = { }\n[data]\nset = "digits"\nscale = 16.0\nmean = [0.5]\n'
    text = (
        'weights = "w.safetensors"\ntask = "language_modelling"\n[architecture]\nbuild = "llama"\n[data]\nfile = "a.txt"\n'
    )
    return [(head + rest).encode(), (text + 'tokenizer = "t.bin"\nwindow = 80\n').encode()]


def _beside_card(folder: Path) -> None:
    (folder / "w.safetensors").write_bytes(packed({"weight": entry([1], 0, 4)}, bytes(4)))


def _beside_text(folder: Path) -> None:
    (folder / "tokenizer.bin").write_bytes(stories.tokenizer_bytes())


def _read_text(path: Path) -> None:
    from pruneviz.engine.sources import text

    text.read({"file": path.name, "tokenizer": "tokenizer.bin", "window": 20}, path.parent, doors.LIMITS)


def _read_link(path: Path) -> None:
    query = dict(parse_qsl(path.read_bytes().decode("utf-8", "replace"), keep_blank_values=True))
    found, said = links.from_query(query)
    assert links.from_query(links.to_query(found))[0] == found, "a link that was read is written and read again"
    assert all("\n" not in one for one in said)


def _links() -> list[bytes]:
    from dataclasses import replace
    from urllib.parse import urlencode

    plain = Recipe()
    other = replace(plain, amount=plain.amount / 2, seed=7)
    return [urlencode(links.to_query(one)).encode() or b"model=a" for one in (plain, other)] + [b"amount=0.5&model=own:0"]


def _llama() -> list[bytes]:
    sizes = stories.Sizes(width=4, hidden=4, layers=1, heads=2, key_value_heads=1, vocabulary=5, context=4)
    values = [one.astype("<f4").tobytes() for one in stories.drawn(sizes).values()]
    head = struct.pack("<7i", 4, 4, 1, 2, 1, 5, 4)
    return [head + b"".join(values)]


def _tokenizers() -> list[bytes]:
    bpe = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "[UNK]": 3}, "merges": ["a b"], "unk_token": "[UNK]"}
    piece = {"type": "WordPiece", "vocab": {"[UNK]": 0, "a": 1, "##b": 2}, "unk_token": "[UNK]",
             "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}  # fmt: skip
    made = (
        tables.tokenizer(),
        tables.tokenizer(model=bpe),
        tables.tokenizer(model=piece, pre_tokenizer={"type": "Whitespace"}),
    )
    return [json.dumps(one).encode() for one in made]


def _members_of_tar(path: Path) -> None:
    for _name, _data in archive.members(path, doors.LIMITS):
        pass


def _texts() -> list[bytes]:
    return [b"abc ab aaa\n" * 9, "été ab\n".encode() * 9]


def _rows() -> list[bytes]:
    return [b"text,label\ngood,1\nbad,0\n", b"a\t1\nb\t0\n"]


def _state(path: Path) -> None:
    gate.state(path, doors.LIMITS)


def _pieces(path: Path) -> None:
    tokenizer.read(path, doors.LIMITS)


_FOREIGN = ("foreign", "raw", "joblib", "onnx", "keras", "legacy")
_EVERY = (
    Format("safetensors", "w.safetensors", _safetensors, words.HEADER, doors.weights, hostile=("safetensors",)),
    Format("torch-zip", "w.pt", _state_dicts, words.ZIP, _check_zip, hostile=("pt_", "zip", "torchscript", "exported")),
    Format("torch-child", "w.pt", _tables_of_tensors, words.PICKLE, doors.weights),
    Format("npz", "d.npz", _arrays, (*words.ZIP, *words.NUMPY), doors.arrays, _in_zip, ("npz",)),
    Format("image-zip", "i.zip", _pictures, (*words.ZIP, *words.PICTURE), doors.samples, _in_zip, ("picture", "images")),
    Format("tar.gz", "i.tar.gz", _tars, words.TAR, _members_of_tar, _in_gzip),
    Format("csv", "d.csv", _rows, words.TABLE, doors.table, hostile=("table",)),
    Format("parquet", "d.parquet", _parquet, words.PARQUET, doors.table),
    Format("text", "d.txt", _texts, words.TABLE, _read_text, beside=_beside_text),
    Format("card", "subject.toml", _cards, words.CARD, doors.whole_card, hostile=("card",), beside=_beside_card),
    Format(
        "config", "config.json", lambda: [json.dumps(cards.BERT).encode()], words.CONFIG, doors.config, hostile=("config",)
    ),
    Format("tokenizer.json", "tokenizer.json", _tokenizers, words.TOKENIZER, doors.tokenizer, hostile=("tokenizer",)),
    Format("tokenizer.bin", "t.bin", lambda: [stories.tokenizer_bytes()], words.PICKLE, _pieces),
    Format("llama2c", "s.bin", _llama, words.PICKLE, doors.weights),
    Format("link", "link.txt", _links, words.LINK, _read_link),
    Format("any", "weights", lambda: [b"text"], (*words.ZIP, *words.PICKLE), _state, hostile=_FOREIGN),
)
FORMATS: dict[str, Format] = {one.name: one for one in _EVERY}

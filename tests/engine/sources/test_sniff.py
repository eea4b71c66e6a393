"""A file is told by what is in it, whatever it is called."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save

from pruneviz.engine.sources import sniff
from pruneviz.engine.sources.gate import SubjectError


def saved(value: object, **how: object) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **how)
    return stream.getvalue()


def arrays() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, x_test=np.ones(3))
    return stream.getvalue()


def packed(mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        archive.addfile(tarfile.TarInfo("cat/1.png"), io.BytesIO())
    return stream.getvalue()


def images() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("cat/1.png", b"\x89PNG")
    return stream.getvalue()


KNOWN = {
    "safetensors": lambda: save({"w": torch.ones(3)}),
    "torch-zip": lambda: saved({"w": torch.ones(3)}),
    "torch-legacy": lambda: saved({"w": torch.ones(3)}, _use_new_zipfile_serialization=False),
    "npz": arrays,
    "zip": images,
    "tar": lambda: packed("w"),
    "gzip": lambda: packed("w:gz"),
    "parquet": lambda: b"PAR1" + bytes(20),
    "text": lambda: "text,label\nschön,1\n".encode(),
    "llama2c": lambda: struct.pack("<7i", 4, 4, 1, 2, 1, 5, 4) + bytes(4 * 4 * 5),
    "unknown": lambda: bytes(1000),
    "empty": lambda: b"",
}


@pytest.mark.parametrize("family", KNOWN)
@pytest.mark.parametrize("name", ["model.safetensors", "weights.pt", "data.csv"])
def test_the_name_says_nothing(family, name, tmp_path):
    (tmp_path / name).write_bytes(KNOWN[family]())
    assert sniff.family(tmp_path / name) == family


def test_real_files_are_known(real_data):
    told = {path.name: sniff.family(path) for path in real_data.glob("*/*") if path.is_file()}
    assert {told[name] for name in told if name.endswith(".safetensors")} == {"safetensors"}
    assert {told[name] for name in told if name.endswith(".npz")} == {"npz"}
    assert {told[name] for name in told if name.endswith((".txt", ".tsv", ".md"))} == {"text"}
    assert told["stories260K.bin"] == "llama2c" and told["imagenet500_224.tar"] == "tar"


def test_lists_of_classes_are_no_pickles(tmp_path):
    """Protocol 0 is text, and so is much else: «cats», «dogs» on lines of their own name nothing to call."""
    (tmp_path / "classes.txt").write_text("cats\ndogs\nponies\n")
    assert sniff.family(tmp_path / "classes.txt") == "text"
    (tmp_path / "classes.txt").write_text("cos\nsystem\n(S'true'\ntR.")
    assert sniff.family(tmp_path / "classes.txt") == "pickle"


@pytest.mark.parametrize("family", [*sniff.REFUSED, "never heard of"])
def test_every_refusal_is_one_sentence_with_a_way_out(family):
    error = sniff.refusal(family, "w.bin")
    assert isinstance(error, SubjectError) and error.code == family
    said, _, way = str(error).partition(": ")
    assert said.startswith("w.bin is ") and len(way) > 15 and "\n" not in way
    assert str(sniff.refusal(family, "w.bin", "do this")).endswith(": do this")


def test_weights_that_are_none_say_how_to_make_some():
    for family in ("torchscript", "torch-export", "torch-legacy", "pickle", "keras", "onnx", "tensorflow"):
        assert "torch.save(" in str(sniff.refusal(family, "w")) or "save_file(" in str(sniff.refusal(family, "w"))


def test_archives_inside_archives_are_seen():
    for family in ("zip", "npz", "torch-zip", "tar", "gzip"):
        assert sniff.packed(KNOWN[family]()), family
    for family in ("safetensors", "text", "unknown", "parquet"):
        assert not sniff.packed(KNOWN[family]()), family

"""What a file is, by its first bytes and its directory; its name and extension say nothing here.

Every family that is refused has a sentence of its own, with a way to something that is not.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pruneviz.engine.sources import files, tar_file, zip_file
from pruneviz.engine.sources.limits import LOCAL, Limits
from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.sources.zip_file import Archive, Member

_HEAD = 4096
_STATE = "write it where the model lives with torch.save(model.state_dict(), 'weights.pt')"
_SAFE = "write it where the model lives with safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')"
_SAMPLES = "images come as a .zip or .tar.gz of class folders or as .npz, texts as .csv, .tsv, .parquet or .txt"

# The first bytes of what can be told by them, longest first where one begins another.
_MAGIC = (
    (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "torch-legacy"),
    (b"\x89HDF\r\n\x1a\n", "keras"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\xfd7zXZ\x00", "packed"),
    (b"\x28\xb5\x2f\xfd", "packed"),
    (b"\x04\x22\x4d\x18", "packed"),
    (b"\x1f\x8b", "gzip"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\x93NUMPY", "npy"),
    (b"GGUF", "gguf"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"%PDF-", "document"),
    (b"SQLite format 3\0", "database"),
    (b"\x7fELF", "program"),
    (b"MZ\x90", "program"),
    (b"version https://git-lfs.github.com/spec/", "git-lfs"),
)
_BZIP = re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")
_ZIPS = (b"PK\3\4", b"PK\5\6")
# Protocol 2 and later; older ones are text, and begin with a container or with something to call.
_PICKLE = re.compile(rb"\x80[\x02-\x05]|\([dl]p\d+\n|c[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n(\(|p\d+\n)", re.ASCII)
_PROTOBUF = re.compile(rb"\x08[\x01-\x14][\x12\x1a\x22\x28\x32\x3a\x42]")
_PRINTED = bytes(set(range(256)) - (set(range(32)) - set(b"\t\n\v\f\r\x1b")) - {127})
_EXPORTED = frozenset(
    ("archive_format", "models/model.json", "serialized_exported_program.json", "serialized_state_dict.json")
)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a family of files is not read, and how to come to one that is."""

    what: str
    way: str


REFUSED = {
    "torchscript": Refused("is TorchScript, which is a program", _STATE + ", without torch.jit"),
    "torch-export": Refused(
        "is an exported program (.pt2), which runs code when it is opened", _STATE + " before torch.export"
    ),
    "torch-legacy": Refused(
        "is written in torch's format from before 1.6, which cannot be checked before it is opened",
        "open it where you trust it and write it again with torch.save(torch.load('old.pt', weights_only=True), 'new.pt')",
    ),
    "pickle": Refused("is a pickle (joblib, scikit-learn or Python's own), which runs code when it is opened", _SAFE),
    "keras": Refused(
        "is a model of Keras (HDF5 or .keras)", "build the same model in PyTorch, copy its weights over, and " + _SAFE
    ),
    "onnx": Refused("is an ONNX graph, which is written here and not read", _SAFE),
    "tensorflow": Refused("is a TensorFlow model", "convert it to PyTorch, and " + _SAFE),
    "gguf": Refused("is a GGUF file, whose weights are quantised", "give the safetensors that it was made of"),
    "7z": Refused("is a 7z archive", "unpack it and give the file inside, or pack it again as .zip"),
    "rar": Refused("is a RAR archive", "unpack it and give the file inside, or pack it again as .zip"),
    "packed": Refused("is packed with xz, bzip2, zstd or lz4", "unpack it, or pack it again as .zip or .tar.gz"),
    "git-lfs": Refused("is a pointer of Git LFS and not the file itself", "fetch the file with «git lfs pull»"),
    "npy": Refused("is a single array", "write images and labels into one .npz with numpy.savez(…, x_test=x, y_test=y)"),
    "arrow": Refused("is an Arrow file", "write it as Parquet"),
    "image": Refused("is one picture", "pack pictures as a .zip or .tar.gz of class folders"),
    "document": Refused("is a document", "give its text as .txt"),
    "database": Refused("is a database", "write the table as .csv or .parquet"),
    "program": Refused("is a program, and nothing brought is ever run", "give weights or data"),
    "empty": Refused("is empty", "save or copy it again"),
    "unknown": Refused(
        "is nothing that is known here", f"weights come as .safetensors or as a state dict in .pt; {_SAMPLES}"
    ),
    "torch-zip": Refused("is a file of weights", "choose it as the weights"),
    "safetensors": Refused("is a file of weights", "choose it as the weights"),
    "llama2c": Refused("is a file of weights of llama2.c, or its tokenizer", "choose it as the weights"),
    "npz": Refused("is a file of arrays", f"choose it as the data, or for weights {_SAFE}"),
    "zip": Refused("is an archive", f"choose it as the data, or for weights unpack it and give the file inside; {_SAMPLES}"),
    "tar": Refused("is an archive", f"choose it as the data, or for weights unpack it and give the file inside; {_SAMPLES}"),
    "gzip": Refused(
        "is an archive", f"choose it as the data, or for weights unpack it and give the file inside; {_SAMPLES}"
    ),
    "parquet": Refused("is a table", "choose it as the data"),
    "text": Refused("is text", f"choose it as the data; weights come as .safetensors, or {_STATE}"),
}


def family(path: Path, limits: Limits = LOCAL) -> str:
    """What a file is: «safetensors», «torch-zip», «npz», «zip», «tar», «gzip», «parquet», «text», … or «unknown»."""
    with files.opened(path, max(limits.weights_bytes, limits.data_bytes)) as (stream, size):
        return _of(stream, size, files.shown(path), limits)


def of_bytes(data: bytes, limits: Limits = LOCAL) -> str:
    """The family of a file that is in memory."""
    return _of(io.BytesIO(data), len(data), "a file in the archive", limits)


def _of(stream: BinaryIO, size: int, name: str, limits: Limits) -> str:
    head = stream.read(_HEAD)
    if head[:4] not in _ZIPS:
        return _by_head(head, size)
    most = max(limits.files, limits.tensors)
    return _zip(zip_file.directory(Archive(stream, size, name, "save or pack it again", limits, most)))


def packed(data: bytes) -> bool:
    """Whether some bytes are an archive or a packed file themselves."""
    return data[:4] in _ZIPS or _by_head(data[:_HEAD], len(data)) in ("7z", "rar", "packed", "gzip", "tar", "keras")


def refusal(found: str, name: str, way: str = "") -> SubjectError:
    """The sentence about a file of a family that is not wanted in its place."""
    refused = REFUSED.get(found, REFUSED["unknown"])
    return SubjectError(f"{name} {refused.what}: {way or refused.way}", found)


def _by_head(head: bytes, size: int) -> str:
    """What a file that is no zip archive is, by its first bytes."""
    if not head:
        return "empty"
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if _BZIP.match(head):
        return "packed"
    if head[4:8] == b"TFL3":
        return "tensorflow"
    # Eight bytes of a length, which are no text, and then JSON.
    if head[8:9] == b"{" and (head[:8].translate(None, _PRINTED) or not head[:8].isascii()):
        return "safetensors"
    if tar_file.looks_like(head):
        return "tar"
    if _PICKLE.match(head) or _deflated_pickle(head):
        return "pickle"
    if _PROTOBUF.match(head):
        # Both are protocol buffers that start with a version: TensorFlow's is 1, ONNX has left 1 and 2 behind.
        return "tensorflow" if head[1] == 1 else "onnx"
    if _llama2c(head, size):
        return "llama2c"
    return "text" if not head.translate(None, _PRINTED) or head[:2] in (b"\xff\xfe", b"\xfe\xff") else "unknown"


def _deflated_pickle(head: bytes) -> bool:
    """What joblib writes when it is asked to compress."""
    if head[:1] != b"x":
        return False
    try:
        return zlib.decompressobj().decompress(head, 2)[:1] == b"\x80"
    except zlib.error:
        return False


def _llama2c(head: bytes, size: int) -> bool:
    """Seven whole numbers in the ranges that they have in a file of llama2.c, and room for the table of words at least."""
    if len(head) < 28:
        return False
    width, hidden, layers, heads, shared, words, context = struct.unpack_from("<7i", head)
    likely = 0 < width <= 1 << 16 and 0 < hidden <= 1 << 20 and 0 < layers <= 1024 and 0 < shared <= heads <= 1024
    return likely and 0 < abs(words) <= 1 << 22 and 0 < context <= 1 << 22 and size >= 28 + 4 * width * abs(words)


def _zip(members: list[Member]) -> str:
    """What a zip archive is, by the names in it; PyTorch puts all of its own under one folder."""
    names = {member.name for member in members if not member.folder}
    below = {name.partition("/")[2] or name for name in names}
    if "constants.pkl" in below or any(name.startswith("code/") for name in below):
        return "torchscript"
    if below & _EXPORTED:
        return "torch-export"
    if "data.pkl" in below:
        return "torch-zip"
    if "model.weights.h5" in names or {"config.json", "metadata.json"} <= names:
        return "keras"
    if any(name == "saved_model.pb" or name.endswith("/saved_model.pb") for name in names):
        return "tensorflow"
    return "npz" if names and all(name.endswith(".npy") for name in names) else "zip"

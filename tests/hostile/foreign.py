"""Files of other programs in the place of weights: each is told apart by its content, and has a sentence of its own."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

from tests.hostile.case import add, hostile, written
from tests.hostile.forge import Part, zipped
from tests.hostile.pickles import call, table, text, torch_zip

HEADS = {
    "7z": ("7z", b"7z\xbc\xaf\x27\x1c\x00\x04"),
    "rar": ("rar", b"Rar!\x1a\x07\x01\x00"),
    "xz": ("packed", b"\xfd7zXZ\x00\x00\x04"),
    "bzip2": ("packed", b"BZh91AY&SY"),
    "zstd": ("packed", b"\x28\xb5\x2f\xfd\x04\x00"),
    "hdf5": ("keras", b"\x89HDF\r\n\x1a\n"),
    "gguf": ("gguf", b"GGUF\x03\x00\x00\x00"),
    "tflite": ("tensorflow", b"\x1c\x00\x00\x00TFL3"),
    "saved_model": ("tensorflow", b"\x08\x01\x12\xa8\x7f\n"),
    "program": ("program", b"\x7fELF\x02\x01\x01"),
    "windows_program": ("program", b"MZ\x90\x00"),
    "git_lfs_pointer": ("git-lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
    "page": ("text", b"<html><script>alert(1)</script>"),
    "nothing": ("empty", b""),
    "zeros": ("unknown", bytes(4096)),
}


def _add() -> None:
    for name, (code, head) in HEADS.items():
        data = head + bytes(64) * (code not in ("text", "empty", "git-lfs"))
        add(f"foreign_{name}", "weights", (code,), lambda folder, canary, data=data: written(folder, "weights.pt", data))


_add()


@hostile("weights", "torchscript")
def torchscript(folder: Path, canary: Path) -> Path:
    """A real one, as torch.jit writes it."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), folder / "model.pt")
    return folder / "model.pt"


@hostile("weights", "torchscript")
def torchscript_with_a_table(folder: Path, canary: Path) -> Path:
    """A program that hides beside a state dict."""
    parts = [Part("archive/data.pkl", table(text("x"))), Part("archive/code/__torch__.py", b"import os")]
    return written(folder, "weights.pt", zipped([*parts, Part("archive/constants.pkl", b"\x80\x02).")]))


@hostile("weights", "torch-export")
def exported_program(folder: Path, canary: Path) -> Path:
    parts = [Part("model/archive_format", b"pt2"), Part("model/models/model.json", b"{}")]
    parts += [Part("model/data/sample_inputs/model.pt", torch_zip(table(call("os", "system", text(f"touch {canary}")))))]
    return written(folder, "model.pt2", zipped(parts))


@hostile("weights", "keras")
def keras_archive(folder: Path, canary: Path) -> Path:
    """CVE-2024-3660 and its kin: a Lambda layer in config.json is Python."""
    config = b'{"class_name": "Lambda", "config": {"function": "__import__(\'os\').system(\'touch CANARY\')"}}'
    config = config.replace(b"CANARY", str(canary).encode())
    parts = [Part("config.json", config), Part("metadata.json", b"{}"), Part("model.weights.h5", b"\x89HDF\r\n\x1a\n")]
    return written(folder, "model.keras", zipped(parts))


@hostile("weights", "tensorflow")
def saved_model_in_a_zip(folder: Path, canary: Path) -> Path:
    return written(folder, "model.zip", zipped([Part("m/saved_model.pb", b"\x08\x01"), Part("m/variables/v.index", b"")]))


def _onnx(location: str) -> bytes:
    from onnx import TensorProto, helper

    held = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    held.external_data.add(key="location", value=location)
    graph = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "g", [], [], [held])
    return helper.make_model(graph, producer_name="canary").SerializeToString()


def _add_onnx() -> None:
    for name, location in {
        "absolute": "/etc/passwd",
        "upwards": "../../../../etc/passwd",
        "hidden_upwards": "a/../../b",
        "unc": "\\\\server\\share\\x",
        "device": "/dev/zero",
    }.items():
        add(
            f"onnx_external_{name}",
            "weights",
            ("onnx",),
            lambda folder, canary, location=location: written(folder, "model.onnx", _onnx(location)),
        )


_add_onnx()


@hostile("weights", "tar", "torch-legacy")
def oldest_torch_format(folder: Path, canary: Path) -> Path:
    """A tar archive with a pickle in it, as PyTorch wrote before 0.1.10."""
    from tests.hostile.forge import block, tarred

    payload = table(call("os", "system", text(f"touch {canary}")))
    return written(folder, "weights.pth", tarred(block("pickle", size=len(payload)), payload))


@hostile("samples", "torch-zip", "nested", "empty")
def weights_as_data(folder: Path, canary: Path) -> Path:
    return written(folder, "data.zip", torch_zip(table(call("os", "system", text(f"touch {canary}")))))


@hostile("weights", "llama2c", "header", "truncated", "subject", "damaged", "llama2c-size", "unknown")
def llama2c_that_claims_a_terabyte(folder: Path, canary: Path) -> Path:
    sizes = struct.pack("<7i", 65_536, 1 << 20, 1_000, 64, 64, 32_000, 2_048)
    return written(folder, "stories.bin", sizes + bytes(4096))

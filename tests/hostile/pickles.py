"""Pickles that call: what they would run touches a canary."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from pathlib import Path

from tests.hostile.case import add, hostile, written
from tests.hostile.forge import DEFLATED, Part, zipped


def text(value: str) -> bytes:
    """A text, as an opcode."""
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def call(module: str, name: str, *arguments: bytes) -> bytes:
    """Opcodes that call module.name with some arguments."""
    return f"c{module}\n{name}\n(".encode() + b"".join(arguments) + b"tR"


def table(value: bytes, key: bytes | None = None) -> bytes:
    """A whole pickle of a table with one entry."""
    return b"\x80\x02}" + (text("weight") if key is None else key) + value + b"s."


def torch_zip(table_bytes: bytes, storages: tuple[bytes, ...] = (), **how) -> bytes:
    """A file as torch.save writes it, with any table of tensors."""
    parts = [Part("archive/data.pkl", table_bytes, **how), Part("archive/byteorder", b"little")]
    parts += [Part(f"archive/data/{number}", data) for number, data in enumerate(storages)]
    return zipped([*parts, Part("archive/version", b"3\n")])


def _calls(canary: Path) -> dict[str, bytes]:
    """Ways to run something that have been seen in the wild or in advisories."""
    touch, code = text(f"touch {canary}"), text(f"open({str(canary)!r}, 'w').close()")
    lists = b"]" + text("touch") + b"a" + text(str(canary)) + b"a"
    script = text(f"import os; os.system('touch {canary}')")
    return {
        "os_system": call("os", "system", touch),
        "posix_system": call("posix", "system", touch),
        "builtins_eval": call("builtins", "eval", code),
        "builtins_exec": call("builtins", "exec", code),
        "python2_eval": call("__builtin__", "eval", code),
        "builtins_open": call("builtins", "open", text(str(canary)), text("w")),
        "runpy_code": call("runpy", "_run_code", script, b"}"),
        "subprocess_popen": call("subprocess", "Popen", lists),
        "subprocess_output": call("subprocess", "check_output", lists),
        "operator_methodcaller": call("operator", "methodcaller", text("system"), touch)[:-1]
        + b"R" + b"(" + call("importlib", "import_module", text("os")) + b"tR",
        "operator_attrgetter": b"(" + call("operator", "attrgetter", text("system")) + b"t",
        "getattr_chain": call("builtins", "getattr", call("importlib", "import_module", text("os")), text("system"))[:-2]
        + b"tR(" + touch + b"tR",
        "torch_load": call("torch.serialization", "load", text(str(canary))),
        "torch_collect_env": call("torch.utils.collect_env", "run", touch),
        "torch_inductor": call("torch._inductor.codecache", "compile_file", lists, text("x"), text("y")),
        "numpy_runstring": call("numpy.testing._private.utils", "runstring", script, b"}"),
        "timeit": call("timeit", "timeit", script),
        "code_interpreter": call("code", "interact", script),
        "pdb_run": call("pdb", "run", script),
        "profile_run": call("cProfile", "runctx", script, b"}", b"}"),
        "pip_main": call("pip", "main", b"]" + text("install") + b"a"),
        "ctypes_library": call("ctypes", "CDLL", text(str(canary))),
        "webbrowser_open": call("webbrowser", "open", text(f"file://{canary}")),
        "dotted_name": b"\x80\x04" + text("os.path") + text("os.system") + b"\x93(" + touch + b"tR",
        "build_state": call("torch", "Size") + b"}" + text("__setstate__") + b"cos\nsystem\nsb",
        "inst_opcode": b"(" + touch + b"ios\nsystem\n",
        "obj_opcode": b"(cos\nsystem\n" + touch + b"o",
        "extension_code": b"\x82\x01",
    }  # fmt: skip


def _add_calls() -> None:
    for name in _calls(Path("/")):

        def make(folder: Path, canary: Path, name: str = name) -> Path:
            value = _calls(canary)[name]
            body = table(value) if not value.startswith(b"\x80") else b"\x80\x04}" + text("weight") + value[2:] + b"s."
            return written(folder, "weights.pt", torch_zip(body))

        add(f"pt_{name}", "weights", ("pickle-code", "unreadable", "child"), make)


_add_calls()


@hostile("weights", "damaged", "pickle-code")
def pt_bad_checksum(folder: Path, canary: Path) -> Path:
    """Scanners gave up on the checksum and torch did not."""
    return written(folder, "weights.pt", torch_zip(table(_calls(canary)["os_system"]), crc=1))


@hostile("weights", "pickle-code")
def pt_wrong_extension(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.safetensors", torch_zip(table(_calls(canary)["os_system"])))


@hostile("weights", "zip-method")
def pt_compressed_code(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pth", torch_zip(table(_calls(canary)["os_system"]), method=DEFLATED))


@hostile("weights", "pickle")
def raw_pickle(folder: Path, canary: Path) -> Path:
    return written(folder, "pytorch_model.bin", table(_calls(canary)["os_system"]))


@hostile("weights", "pickle")
def raw_pickle_as_safetensors(folder: Path, canary: Path) -> Path:
    return written(folder, "model.safetensors", b"\x80\x04" + _calls(canary)["builtins_exec"] + b".")


@hostile("weights", "pickle")
def raw_pickle_of_text(folder: Path, canary: Path) -> Path:
    """Protocol 0 has no mark at its start."""
    return written(folder, "weights.pt", f"cos\nsystem\n(S'touch {canary}'\ntR.".encode())


@hostile("weights", "pickle")
def joblib(folder: Path, canary: Path) -> Path:
    head = b"\x80\x04\x95\x20\x00\x00\x00\x00\x00\x00\x00\x8c\x13joblib.numpy_pickle\x94"
    return written(folder, "model.joblib", head + _calls(canary)["os_system"] + b".")


@hostile("weights", "pickle")
def joblib_compressed(folder: Path, canary: Path) -> Path:
    return written(folder, "model.pkl.z", zlib.compress(table(_calls(canary)["os_system"]), 3))


def legacy(payload: bytes) -> bytes:
    """PyTorch's format from before 1.6: five pickles one after another."""
    stream = io.BytesIO()
    for value in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}):
        pickle.dump(value, stream, protocol=2)
    return stream.getvalue() + payload + pickle.dumps([], protocol=2)


@hostile("weights", "torch-legacy")
def legacy_code(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pth", legacy(table(_calls(canary)["os_system"])))


@hostile("trusted", "pickle-code", "unreadable", "child")
def legacy_code_of_a_trusted_download(folder: Path, canary: Path) -> Path:
    """Even where the old format is let in, it is only read."""
    return written(folder, "weights.pth", legacy(table(_calls(canary)["os_system"])))


class Whole:
    """Stands for a class of somebody's own."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return open, (str(self.canary), "w")


@hostile("weights", "full-module")
def whole_model(folder: Path, canary: Path) -> Path:
    import torch

    network = torch.nn.Sequential(torch.nn.Linear(2, 2))
    network.note = Whole(canary)
    torch.save(network, folder / "model.pt")
    return folder / "model.pt"


@hostile("weights", "pickle-code")
def object_among_tensors(folder: Path, canary: Path) -> Path:
    import torch

    torch.save({"state_dict": {"weight": torch.ones(2)}, "hyper_parameters": Whole(canary)}, folder / "epoch.ckpt")
    return folder / "epoch.ckpt"

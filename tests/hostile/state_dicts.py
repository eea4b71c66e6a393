"""State dicts that claim more than they hold, or hold what no network can take; none of them needs to run anything."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import torch

from tests.hostile.case import hostile, written
from tests.hostile.forge import DEFLATED, Part, bomb, zipped
from tests.hostile.pickles import call, table, text, torch_zip


def storage(key: str, count: int, kind: str = "FloatStorage") -> bytes:
    """Opcodes of a storage that lies in the archive under that key and says it has so many elements."""
    return b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + number(count) + b"tQ"


def number(value: int) -> bytes:
    data = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + data


def sizes(*values: int) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(held: bytes, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
    """Opcodes of a tensor on a storage."""
    return call(
        "torch._utils",
        "_rebuild_tensor_v2",
        held,
        number(offset),
        sizes(*shape),
        sizes(*stride),
        b"\x89",
        b"ccollections\nOrderedDict\n)R",
    )


def saved(folder: Path, value: object) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(value, folder / "weights.pt")
    return folder / "weights.pt"


@hostile("weights", "expanded")
def pt_expanded(folder: Path, canary: Path) -> Path:
    """1,577 bytes that load as 10¹² numbers."""
    return saved(folder, {"w": torch.zeros(1).expand(10**6, 10**6)})


@hostile("weights", "expanded")
def pt_sliding_window(folder: Path, canary: Path) -> Path:
    return saved(folder, {"w": torch.zeros(10_000).as_strided((5_000, 5_000), (1, 1))})


@hostile("weights", "expanded")
def pt_shared_storage(folder: Path, canary: Path) -> Path:
    """Two hundred tensors, each nearly all of one storage."""
    whole = torch.zeros(100_000)
    return saved(folder, {f"w{i}": whole[i:] for i in range(200)})


@hostile("weights", "expanded", "unreadable", "memory", "child")
def pt_beyond_its_storage(folder: Path, canary: Path) -> Path:
    """The tensor names more than its storage: torch would make the storage larger."""
    body = table(tensor(storage("0", 4), 0, (1 << 24,), (1,)))
    return written(folder, "weights.pt", torch_zip(body, (bytes(16),)))


@hostile("weights", "unreadable", "memory", "child")
def pt_storage_larger_than_its_record(folder: Path, canary: Path) -> Path:
    """What CVE-2026-24747 was about."""
    body = table(tensor(storage("0", 1 << 40), 0, (1 << 40,), (1,)))
    return written(folder, "weights.pt", torch_zip(body, (bytes(16),)))


@hostile("weights", "unreadable", "memory", "child", "expanded")
def pt_negative_sizes(folder: Path, canary: Path) -> Path:
    body = table(tensor(storage("0", 4), -4, (-2, -2), (-1, 1)))
    return written(folder, "weights.pt", torch_zip(body, (bytes(16),)))


@hostile("weights", "unreadable")
def pt_missing_record(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", torch_zip(table(tensor(storage("../../0", 4), 0, (4,), (1,)))))


@hostile("weights", "unreadable", "child")
def pt_item_of_no_table(folder: Path, canary: Path) -> Path:
    """SETITEM on something that is no table (CVE-2026-24747, the other half)."""
    body = b"\x80\x02" + tensor(storage("0", 4), 0, (4,), (1,)) + number(0) + number(7) + b"s."
    return written(folder, "weights.pt", torch_zip(body, (bytes(16),)))


@hostile("weights", "meta", "unreadable")
def pt_meta(folder: Path, canary: Path) -> Path:
    return saved(folder, {"w": torch.empty(10**6, 10**6, device="meta")})


@hostile("weights", "layout")
def pt_sparse(folder: Path, canary: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return saved(folder, {"w": torch.sparse_coo_tensor([[0], [0]], [1.0], (10**6, 10**6))})


@hostile("weights", "dtype")
def pt_quantised(folder: Path, canary: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return saved(folder, {"w": torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)})


@hostile("weights", "dtype")
def pt_complex(folder: Path, canary: Path) -> Path:
    return saved(folder, {"w": torch.ones(4, dtype=torch.complex64)})


@hostile("weights", "shape")
def pt_nine_sizes(folder: Path, canary: Path) -> Path:
    return saved(folder, {"w": torch.ones(*[1] * 9)})


@hostile("weights", "parameters")
def pt_too_many_numbers(folder: Path, canary: Path) -> Path:
    """61 million booleans fit into the bytes of an upload."""
    return saved(folder, {"w": torch.zeros(61_000_000, dtype=torch.bool)})


@hostile("weights", "no-tensors")
def pt_of_nothing(folder: Path, canary: Path) -> Path:
    return saved(folder, {"epoch": 3, "loss": 0.1})


@hostile("weights", "nested", "unreadable", "child")
def pt_deep(folder: Path, canary: Path) -> Path:
    """A table in a table in a table, a hundred thousand times."""
    return written(
        folder, "weights.pt", torch_zip(b"\x80\x02" + (b"}" + text("a")) * 100_000 + b"}" + b"s" * 100_000 + b".")
    )


@hostile("weights", "nested")
def pt_cyclic(folder: Path, canary: Path) -> Path:
    loop: dict = {}
    loop["again"] = loop
    return saved(folder, loop)


@hostile("weights", "nested")
def pt_doubling_lists(folder: Path, canary: Path) -> Path:
    """Sixty lists, each twice the one before: 2⁶⁰ entries for whoever walks them."""
    value: list = [torch.ones(1)]
    for _ in range(60):
        value = [value, value]
    return saved(folder, {"w": value})


@hostile("weights", "child")
def pt_doubling_hash(folder: Path, canary: Path) -> Path:
    """A key of sixty tuples, each twice the one before: 2⁶⁰ steps for its hash."""
    doubled = b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60))
    return written(folder, "weights.pt", torch_zip(b"\x80\x02}" + doubled + text("a") + b"s."))


@hostile("weights", "too-many-tensors")
def pt_20001_tensors(folder: Path, canary: Path) -> Path:
    one = torch.zeros(1)
    return saved(folder, {f"w{i}": one for i in range(20_001)})


@hostile("weights", "header")
def pt_large_table(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", torch_zip(table(text("a" * (17 << 20)))))


@hostile("weights", "unreadable", "child", "memory", "no-tensors")
def pt_large_memo(folder: Path, canary: Path) -> Path:
    """A place in the memory of the unpickler four billion entries away."""
    return written(folder, "weights.pt", torch_zip(table(text("a") + b"r\xff\xff\xff\xff")))


@hostile("weights", "unreadable", "child", "memory", "no-tensors")
def pt_long_bytes(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", torch_zip(table(b"\x8e" + struct.pack("<Q", 1 << 60))))


@hostile("weights", "tensor-name")
def pt_hidden_name(folder: Path, canary: Path) -> Path:
    return saved(folder, {"conv\u202eweight": torch.ones(1)})


@hostile("weights", "zip-ratio", "zip-method")
def pt_bomb_10_megabytes(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", bomb("archive/data.pkl", 10))


@hostile("weights", "zip-ratio", "zip-method")
def pt_bomb_1_gigabyte(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", bomb("archive/data.pkl", 1024))


@hostile("weights", "zip-ratio", "zip-size", "zip-method")
def pt_bomb_1_terabyte(folder: Path, canary: Path) -> Path:
    return written(folder, "weights.pt", bomb("archive/data.pkl", 4, said=1 << 40))


@hostile("weights", "zip-method")
def pt_compressed_storage(folder: Path, canary: Path) -> Path:
    """Below any ratio, but torch.save never compresses."""
    body = table(tensor(storage("0", 64), 0, (64,), (1,)))
    parts = [Part("archive/data.pkl", body), Part("archive/data/0", bytes(range(256)), DEFLATED)]
    return written(folder, "weights.pt", zipped(parts))

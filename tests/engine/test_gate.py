"""The gate lets in what is well formed and answers everything else with one sentence."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from pruneviz.engine.sources import gate
from pruneviz.engine.sources.gate import Limits, SubjectError

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


class Canary:
    """Unpickling it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return open, (str(self.path), "w")


def packed(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(shape: list, start: int, stop: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def npz(path: Path, members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def refused(call, *arguments) -> str:
    with pytest.raises(SubjectError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message and "Traceback" not in message and 20 < len(message) < 700
    return message


def test_well_formed_tensors_come_back_bit_for_bit(tmp_path):
    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool)
    given_ = {str(kind): torch.arange(6).reshape(2, 3).to(kind) for kind in kinds} | {
        "empty": torch.zeros(0, 4),
        "one": torch.ones(()),
    }
    save_file(given_, tmp_path / "w.safetensors", metadata={"who": "a test"})
    found, sha256 = gate.tensors(tmp_path / "w.safetensors")
    assert set(found) == set(given_) and len(sha256) == 64
    assert all(torch.equal(found[key], given_[key]) and found[key].dtype == given_[key].dtype for key in given_)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        b"\x00" * 8,
        packed({}, length=2**63),
        packed({}, length=2**64 - 1),
        packed(b"not json"),
        packed(b"[]"),
        packed(b"[" * 100_000),
        packed({"a": 3}),
        packed({"a": {"dtype": "F32", "shape": [1]}}, b"\x00" * 4),
        packed({"a": entry([1], 0, 4, "F8_E4M3")}, b"\x00" * 4),
        packed({"a": entry([1], 0, 4, "U128")}, b"\x00" * 4),
        packed({"a": entry([-1], 0, 4)}, b"\x00" * 4),
        packed({"a": entry([True], 0, 4)}, b"\x00" * 4),
        packed({"a": entry([1.0], 0, 4)}, b"\x00" * 4),
        packed({"a": entry([2**62, 2**62], 0, 4)}, b"\x00" * 4),
        packed({"a": entry([1], 4, 0)}, b"\x00" * 4),
        packed({"a": entry([1] * 9, 0, 4)}, b"\x00" * 4),
        packed({"a": entry([1], 0, 4), "b": entry([1], 0, 4)}, b"\x00" * 4),
        packed({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, b"\x00" * 12),
        packed({"a": entry([10**9], 0, 4 * 10**9)}),
        packed(b'{"a":%b,"a":%b}' % ((json.dumps(entry([1], 0, 4)).encode(),) * 2), b"\x00" * 4),
        packed({"a": entry([1], 0, 4)}, b"\x00" * 4 + b"and a script"),
    ],
)
def test_malformed_tensors_are_refused(tmp_path, data):
    (tmp_path / "w.safetensors").write_bytes(data)
    assert "w.safetensors" in refused(gate.tensors, tmp_path / "w.safetensors")


def test_header_limits_are_exact(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(packed({f"t{i}": entry([0], 0, 0) for i in range(5)}))
    assert len(gate.tensors(path, Limits(tensors=5))[0]) == 5
    assert "5 tensors" in refused(gate.tensors, path, Limits(tensors=4))
    assert "header" in refused(gate.tensors, path, Limits(header_bytes=40))
    path.write_bytes(packed(b"{}" + b" " * (4 << 20)))
    assert "header" in refused(gate.tensors, path)
    path.write_bytes(packed({f"t{i}": entry([0], 0, 0) for i in range(20_001)}))
    assert "20,001 tensors" in refused(gate.tensors, path)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    whole = save({"w": torch.arange(12.0).reshape(3, 4), "b": torch.ones(3)})
    path = tmp_path / "w.safetensors"
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        refused(gate.tensors, path)
    path.write_bytes(whole)
    assert set(gate.tensors(path)[0]) == {"w", "b"}


@QUIET
@given(st.integers(0, 10_000), st.integers(1, 255), st.booleans())
def test_a_changed_byte_is_read_or_refused_in_one_way(tmp_path, place, change, arrays):
    path = tmp_path / "file"
    if arrays:
        np.savez_compressed(path.with_suffix(".npz"), x_test=np.arange(300, dtype=np.uint8), y_test=np.arange(3))
        path = path.with_suffix(".npz")
    else:
        save_file({"w": torch.arange(12.0).reshape(3, 4)}, path)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= change
    path.write_bytes(data)
    try:
        gate.arrays(path, ["x_test", "y_test"]) if arrays else gate.tensors(path)
    except SubjectError as error:
        assert "\n" not in str(error)


def test_a_pickle_never_runs(tmp_path):
    canary = tmp_path / "canary"
    bomb = pickle.dumps(Canary(canary))
    (tmp_path / "w.safetensors").write_bytes(bomb)
    refused(gate.tensors, tmp_path / "w.safetensors")
    torch.save({"w": Canary(canary)}, tmp_path / "v.safetensors")
    refused(gate.tensors, tmp_path / "v.safetensors")
    (tmp_path / "d.npz").write_bytes(bomb)
    refused(gate.arrays, tmp_path / "d.npz", ["x_test"])
    objects = np.empty(1, dtype=object)
    objects[0] = Canary(canary)
    np.savez(tmp_path / "o.npz", x_test=objects)
    assert "object" in refused(gate.arrays, tmp_path / "o.npz", ["x_test"])
    npz(tmp_path / "p.npz", {"x_test.npy": bomb})
    refused(gate.arrays, tmp_path / "p.npz", ["x_test"])
    assert not canary.exists()
    call, arguments = Canary(canary).__reduce__()
    call(*arguments).close()
    assert canary.exists(), "the canary must sing when somebody does run it"


def test_well_formed_arrays_come_back(tmp_path):
    x, y = np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.array([0, 1])
    np.savez(tmp_path / "a.npz", x_test=x, y_test=y, other=np.array(["not read"]))
    np.savez_compressed(tmp_path / "b.npz", x_test=np.asfortranarray(x), y_test=y)
    for name in ("a.npz", "b.npz"):
        found, _ = gate.arrays(tmp_path / name, ["x_test", "y_test", "x_train"])
        assert set(found) == {"x_test", "y_test"}
        assert np.array_equal(found["x_test"], x) and np.array_equal(found["y_test"], y)


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a"]),
        np.array([1j]),
        np.array([(1, 2)], dtype=[("a", int), ("b", int)]),
        np.array(["2020"], dtype="datetime64[Y]"),
    ],
)
def test_only_numbers_are_read(tmp_path, array):
    np.savez(tmp_path / "a.npz", x_test=array)
    assert "x_test" in refused(gate.arrays, tmp_path / "a.npz", ["x_test"])


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path):
    path = npz(tmp_path / "bomb.npz", {"x_test.npy": npy(np.zeros(64 << 20, np.uint8))}, zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        assert "times its size" in refused(gate.arrays, path, ["x_test"])
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_an_array_that_claims_more_than_it_holds_is_refused_before_it_is_made(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (10**12,)})
    path = npz(tmp_path / "a.npz", {"x_test.npy": stream.getvalue() + b"few"})
    assert "holds 3 bytes" in refused(gate.arrays, path, ["x_test"])


def test_archives_that_lead_elsewhere_or_hold_too_much_are_refused(tmp_path):
    x = npy(np.zeros(3))
    for name in ("../x_test.npy", "/x_test.npy", "a/../../x_test.npy", "C:x_test.npy"):
        assert "leads elsewhere" in refused(gate.arrays, npz(tmp_path / "a.npz", {"x_test.npy": x, name: x}), ["x_test"])
    path = npz(tmp_path / "b.npz", {"x_test.npy": x, "y_test.npy": x})
    assert len(gate.arrays(path, ["x_test"], Limits(members=2))[0]) == 1
    refused(gate.arrays, path, ["x_test"], Limits(members=1))
    assert "unpacks to" in refused(
        gate.arrays,
        npz(tmp_path / "c.npz", {"x_test.npy": npy(np.arange(999.0))}, 8),
        ["x_test"],
        Limits(unpacked_bytes=7000),
    )
    assert "at most" in refused(gate.arrays, path, ["x_test"], Limits(data_bytes=100))
    assert "uncommon" in refused(gate.arrays, npz(tmp_path / "d.npz", {"x_test.npy": x}, zipfile.ZIP_LZMA), ["x_test"])


def test_an_archive_cut_anywhere_is_refused(tmp_path):
    np.savez(tmp_path / "whole.npz", x_test=np.arange(10, dtype=np.uint8))
    whole = (tmp_path / "whole.npz").read_bytes()
    for cut in range(len(whole)):
        (tmp_path / "cut.npz").write_bytes(whole[:cut])
        refused(gate.arrays, tmp_path / "cut.npz", ["x_test"])


def test_what_is_not_a_plain_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing", Path("/dev/zero"), tmp_path / "nul\0name", tmp_path / ("long" * 200)):
        for read in (gate.tensors, gate.text):
            assert "no file" in refused(read, path)
        assert "no file" in refused(gate.arrays, path, ["x_test"])


def test_a_file_that_lies_about_its_size_is_refused_before_anything_is_held(tmp_path):
    """Ten gigabytes in the header, and no body; then a hole of a terabyte that is really as long as it says."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(packed({"a": entry([2_500_000_000], 0, 10**10)}))
    tracemalloc.start()
    try:
        assert "names 10,000,000,000" in refused(gate.tensors, path)
        head = packed({"a": entry([1 << 33], 0, 1 << 35)})
        with path.open("wb") as file:
            file.write(head)
            file.truncate(len(head) + (1 << 35))
        said = refused(gate.tensors, path, Limits(memory=1e-6))
        assert "34.4 GB of memory are needed for w.safetensors" in said
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_what_does_not_fit_into_memory_is_refused_and_what_does_is_not(monkeypatch):
    from pruneviz.engine.sources import limits

    monkeypatch.setattr(limits, "available", lambda: 1_000_000_000)
    gate.room("a model", 600_000_000)
    assert "600 MB of memory are needed for a model, and of the 1 GB that are free 60% may be used" in refused(
        gate.room, "a model", 600_400_000
    )
    gate.room("a small one", 1 << 20, Limits(memory=0.0))
    monkeypatch.setattr(limits, "available", lambda: None)
    gate.room("a model", 1 << 50)


def test_a_container_has_less_than_its_machine(monkeypatch):
    from pruneviz.engine.sources import limits

    files = {
        "/proc/meminfo": ["MemTotal: 9 kB", "MemAvailable:    2000000 kB"],
        "/sys/fs/cgroup/memory.max": ["1000000000"],
        "/sys/fs/cgroup/memory.current": ["900000000"],
        "/sys/fs/cgroup/memory.stat": ["anon 5", "inactive_file 300000000"],
    }
    monkeypatch.setattr(limits, "_lines", lambda path: files.get(path, []))
    assert limits.available() == 400_000_000
    files["/sys/fs/cgroup/memory.max"] = ["max"]
    assert limits.available() == 2_048_000_000
    files.clear()
    assert limits.available() is None


def test_caps_become_limits():
    from pruneviz.caps import LOCAL, Caps

    shared = gate.limits(Caps(upload_bytes=1000, parameters=5, tensors=3, samples=10, unpacked_bytes=9000))
    assert (shared.weights_bytes, shared.data_bytes, shared.member_bytes) == (1000, 1000, 1000)
    assert (shared.parameters, shared.tensors, shared.samples, shared.unpacked_bytes) == (5, 3, 10, 9000)
    assert gate.limits(LOCAL).weights_bytes >= gate.LOCAL.weights_bytes


def test_numbers_over_the_cap_are_refused_by_the_header(tmp_path):
    save_file({"a": torch.ones(10), "b": torch.ones(5)}, tmp_path / "w.safetensors")
    assert len(gate.tensors(tmp_path / "w.safetensors", Limits(parameters=15))[0]) == 2
    assert "holds 15 numbers" in refused(gate.tensors, tmp_path / "w.safetensors", Limits(parameters=14))


def test_every_flipped_bit_of_a_stored_file_is_noticed(tmp_path):
    """Safetensors have no checksum: 200 of 200 flips are seen because the SHA-256 was noted down."""
    import random

    path, chance = tmp_path / "w.safetensors", random.Random(0)
    save_file({"w": torch.randn(50, 50)}, path)
    whole, (_, sha256) = path.read_bytes(), gate.tensors(path)
    gate.same(path, sha256)
    for _ in range(200):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        assert "has changed since it was stored" in refused(gate.same, path, sha256)


def test_state_reads_safetensors_and_says_what_else_is(tmp_path):
    save_file({"w": torch.ones(3)}, tmp_path / "model.pth")
    found, sha256 = gate.state(tmp_path / "model.pth")
    assert torch.equal(found["w"], torch.ones(3)) and sha256 == gate.sha256(tmp_path / "model.pth")
    (tmp_path / "model.safetensors").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert "is a model of Keras" in refused(gate.state, tmp_path / "model.safetensors")


def test_names_are_shown_safely():
    assert gate.printable("conv\u202e1\n\0.weight") == "conv�1��.weight"
    assert gate.printable("a" * 300) == "a" * 256 and gate.printable("<b>é💣") == "<b>é💣"

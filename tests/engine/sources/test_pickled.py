"""State dicts of PyTorch come through a child process, bit for bit, or are refused in one sentence."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import tempfile

import pytest
import torch

from pruneviz.engine.sources import gate, pickled, throwaway
from pruneviz.engine.sources.gate import Limits, SubjectError
from tests.hostile.forge import Part, zipped

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
KINDS = (*FLOATS, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


@pytest.fixture(autouse=True)
def own_temporary(tmp_path_factory, monkeypatch):
    """Whatever happens to a child, its folder is gone afterwards."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert not list(folder.glob("pruneviz-*"))


def saved(folder, value, **how):
    torch.save(value, folder / "weights.pth", **how)
    return folder / "weights.pth"


def refused(path, *limits, **how) -> SubjectError:
    with pytest.raises(SubjectError) as caught:
        gate.state(path, *limits, **how)
    assert "\n" not in str(caught.value) and 20 < len(str(caught.value)) < 700
    return caught.value


def test_tensors_come_back_bit_for_bit(tmp_path):
    whole = {str(kind): torch.arange(-3, 9).reshape(3, 4).to(kind) for kind in KINDS}
    whole |= {"bool": torch.tensor([True, False]), "one": torch.tensor(3.0), "none": torch.zeros(0, 4)}
    whole |= {"turned": torch.randn(5, 3).t(), "every second": torch.arange(20.0)[::2], "nan": torch.tensor([float("nan")])}
    path = saved(tmp_path, whole)
    found, sha256 = gate.state(path)
    assert set(found) == set(whole) and sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    for name, tensor in whole.items():
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape
        assert torch.equal(found[name].nan_to_num(7), tensor.nan_to_num(7)), name
        assert found[name].is_contiguous() and not found[name].requires_grad


def test_nested_tables_are_joined_and_the_optimiser_is_left_out(tmp_path):
    weight = torch.randn(3, 2, requires_grad=True)
    network = torch.nn.Linear(2, 3)
    step = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    step.step()
    held = {"state_dict": {"module.conv1.weight": weight}, "model": network.state_dict(), "parts": [weight.detach() + 1],
            "optimizer": step.state_dict(), "optimizer_state_dict": step.state_dict(), "lr_scheduler": {"t": torch.ones(1)},
            "epoch": 3, "arch": "resnet"}  # fmt: skip
    found, _ = gate.state(saved(tmp_path, held))
    assert set(found) == {"state_dict/module.conv1.weight", "model/weight", "model/bias", "parts/0"}
    assert torch.equal(found["state_dict/module.conv1.weight"], weight)
    # A model may be called what it likes below the first level.
    found, _ = gate.state(saved(tmp_path, {"model": {"optimizer.weight": torch.ones(2)}}))
    assert set(found) == {"model/optimizer.weight"}


def test_tied_tensors_stay_one(tmp_path):
    one = torch.randn(4, 4)
    found, _ = gate.state(saved(tmp_path, {"head": one, "embedding": one, "other": one.clone()}))
    assert found["head"] is found["embedding"] and found["other"] is not found["head"]
    assert torch.equal(found["other"], found["head"])


def test_views_of_one_storage_are_written_out(tmp_path):
    fused = torch.randn(9, 3)
    found, _ = gate.state(saved(tmp_path, {"q": fused[:3], "k": fused[3:6], "v": fused[6:], "t": fused.t()}))
    assert torch.equal(torch.cat([found["q"], found["k"], found["v"]]), fused) and torch.equal(found["t"], fused.t())


def test_the_old_format_is_for_verified_downloads_only(tmp_path):
    path = saved(tmp_path, {"w": torch.arange(3.0)}, _use_new_zipfile_serialization=False)
    assert refused(path).code == "torch-legacy"
    found, _ = gate.state(path, trusted=True)
    assert torch.equal(found["w"], torch.arange(3.0))


def test_limits_are_exact(tmp_path):
    path = saved(tmp_path, {"a": torch.ones(10), "b": torch.ones(5)})
    assert len(gate.state(path, Limits(parameters=15))[0]) == 2
    assert refused(path, Limits(parameters=14)).code == "parameters"
    assert refused(path, Limits(weights_bytes=100)).code == "too-large"
    assert refused(saved(tmp_path, {f"w{i}": torch.ones(i + 1) for i in range(40)}), Limits(tensors=39)).code in (
        "too-many-tensors",
        "too-many-members",
    )


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_child_that_dies_is_one_sentence(number, tmp_path, monkeypatch):
    monkeypatch.setattr(pickled, "CHILD", f"tests.engine.sources.dying:by_{signal.Signals(number).name.lower()}")
    error = refused(saved(tmp_path, {"w": torch.ones(3)}))
    assert error.code == "child" and "could not be read" in str(error)


def test_a_child_that_never_answers_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(pickled, "CHILD", "tests.engine.sources.dying:by_waiting")
    whole = throwaway.Errand

    def hasty(*arguments):
        return whole(*arguments, seconds=0.3)

    monkeypatch.setattr(pickled, "Errand", hasty)
    assert refused(saved(tmp_path, {"w": torch.ones(3)})).code == "child"


@pytest.mark.parametrize("how", ["no_json", "a_list", "nothing", "a_lie", "aliases_to_nowhere", "too_much"])
def test_a_child_is_believed_no_more_than_its_file(how, tmp_path, monkeypatch):
    monkeypatch.setattr(pickled, "CHILD", f"tests.engine.sources.dying:says_{how}")
    assert refused(saved(tmp_path, {"w": torch.ones(3)})).code in ("child", "no-file", "tensor-name", "header")


def test_a_child_that_wants_out_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(pickled, "CHILD", "tests.engine.sources.dying:by_running")
    error = refused(saved(tmp_path, {"w": torch.ones(3)}))
    assert error.code == "child" and "something else than hold data" in str(error)


def test_a_file_that_changes_meanwhile_is_refused(tmp_path, monkeypatch):
    path, other = saved(tmp_path, {"w": torch.ones(3)}), pickled._converted

    def converted(*arguments):
        found = other(*arguments)
        os.utime(path, ns=(1, 1))
        return found

    monkeypatch.setattr(pickled, "_converted", converted)
    assert refused(path).code == "changed"


def test_a_file_cut_anywhere_is_refused(tmp_path):
    whole = saved(tmp_path, {"w": torch.arange(12.0)}).read_bytes()
    path = tmp_path / "cut.pt"
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        refused(path)


def test_two_hundred_flipped_bits_are_noticed_or_change_nothing(tmp_path):
    """PyTorch looks at no checksum; here every byte of every member has one."""
    kept = {"w": torch.arange(512.0), "b": torch.ones(64)}
    whole, chance, path = saved(tmp_path, kept).read_bytes(), random.Random(0), tmp_path / "flipped.pt"
    refusals = 0
    for _ in range(200):
        changed = bytearray(whole)
        changed[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
        try:
            found, _ = gate.state(path)
        except SubjectError:
            refusals += 1
            continue
        assert all(torch.equal(found[name], tensor) for name, tensor in kept.items())
    assert refusals > 100


def test_a_file_that_torch_would_not_write_never_reaches_a_child(tmp_path, monkeypatch):
    monkeypatch.setattr(throwaway, "run", lambda *_: pytest.fail("a child was asked"))
    path = tmp_path / "w.pt"
    path.write_bytes(zipped([Part("a/data.pkl", b"\x80\x02}.", 8), Part("a/version", b"3")]))
    assert refused(path).code == "zip-method"
    path.write_bytes(zipped([Part("a/data.pkl", b"\x80\x02}.", crc=1)]))
    assert refused(path).code == "damaged"

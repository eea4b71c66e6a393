"""Apart: another process converts, so nothing changes in this one; and that process never lives on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pruneviz.engine import evaluate
from pruneviz.engine.export import apart, onnx, package
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe

RECIPE = Recipe(subject="digits_mlp", granularity="neuron", amount=0.5)


def written(out: Path, name: str = RECIPE.subject) -> Path:
    """An export without its ONNX file."""
    subject, recipe = card.load(name), replace(RECIPE, subject=name)
    package.write(subject, recipe, evaluate.stand(subject, recipe), out, convert=False)
    return out


@pytest.fixture
def folder(tmp_path) -> Path:
    return written(tmp_path / "out")


@pytest.fixture
def started(monkeypatch) -> list[subprocess.Popen]:
    """The processes that are started."""
    found = []

    class Noted(subprocess.Popen):
        def __init__(self, *one, **how):
            super().__init__(*one, **how)
            found.append(self)

    monkeypatch.setattr(apart.subprocess, "Popen", Noted)
    return found


def images() -> torch.Tensor:
    return card.load(RECIPE.subject).held_out.inputs(slice(0, 4))


def switches() -> tuple[bool, ...]:
    """What every thread of this process computes by."""
    return torch.compiler.is_exporting(), torch.compiler.is_compiling(), torch._C._get_mkldnn_enabled()


def seen_elsewhere(what: Callable[[], object]) -> set[tuple[bool, ...]]:
    """All states of the switches that another thread sees meanwhile."""
    found, over = set(), threading.Event()

    def watch() -> None:
        while not over.wait(0.001):
            found.add(switches())

    other = threading.Thread(target=watch)
    other.start()
    try:
        what()
    finally:
        over.set()
        other.join()
    return found


def test_no_switch_of_this_process_moves_while_an_archive_is_made(tmp_path):
    """The exporter itself does move them: were it called in here, other visitors' numbers would change."""
    subject, usual = card.load(RECIPE.subject), switches()
    standing, made = evaluate.stand(subject, RECIPE), []
    assert seen_elsewhere(lambda: made.append(package.archive(subject, RECIPE, standing)[1])) == {usual}
    assert made[0].converted.ok and "model.onnx" in dict(made[0].files)
    here = seen_elsewhere(lambda: onnx.convert(subject.skeleton(), images(), tmp_path / "net.onnx"))
    assert len(here) > 1, "this test would not see it"


def test_it_computes_what_the_conversion_in_here_computes(folder, started):
    found = apart.convert(folder, images())
    again = onnx.convert(card.load(folder).skeleton(), images(), folder / "again.onnx")
    assert found.ok and found == again and len(started) == 1
    assert (folder / "model.onnx").read_bytes() == (folder / "again.onnx").read_bytes()


def test_inputs_may_have_names(tmp_path):
    """The ViT calls its images x."""
    import onnxruntime

    folder = written(tmp_path / "out", "digits_vit")
    made = apart.convert(folder, {"x": images()})
    assert made.problem == ""
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["x"]


def test_a_conversion_that_takes_too_long_is_given_up_and_ended(folder, started):
    (folder / "model.onnx").write_bytes(b"as far as it came")
    began = time.monotonic()
    made = apart.convert(folder, images(), seconds=0.05)
    assert made.problem == "no ONNX file: the conversion was given up after 0.05 seconds" and made.difference is None
    assert time.monotonic() - began < 60 and [one.poll() is None for one in started] == [False]
    assert not (folder / "model.onnx").exists()


def test_an_error_in_here_ends_it_too(folder, started, monkeypatch):
    """Whoever waits is interrupted, once."""
    wait, interrupts = subprocess.Popen.wait, [KeyboardInterrupt()]

    def interrupted(worker, timeout=None):
        if interrupts:
            raise interrupts.pop()
        return wait(worker, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        apart.convert(folder, images())
    assert len(started) == 1 and started[0].poll() is not None


def test_it_ends_when_whoever_started_it_is_gone(folder, tmp_path):
    (tmp_path / "inputs").write_bytes(package.storage.file({"input": images()}))
    command = [sys.executable, "-m", "pruneviz.engine.export.apart", str(folder), str(tmp_path / "inputs")]
    worker = subprocess.Popen(command, cwd=apart.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said, _ = worker.communicate(timeout=120)
    assert worker.returncode == 1 and said == b"" and not (folder / "model.onnx").exists()


def test_a_process_that_breaks_is_one_sentence(folder):
    (folder / "removal.json").write_text("{}")
    made = apart.convert(folder, images())
    assert made.problem.startswith("no ONNX file: the process that converts ended without an answer (")
    assert "removal.json" in made.problem and "\n" not in made.problem


def test_a_missing_package_is_named_and_no_process_started(folder, started, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert apart.convert(folder, images()).problem == "no ONNX file: the package onnxscript is not installed"
    assert started == []


def test_a_network_without_a_card_is_not_converted_in_here(tmp_path, started):
    subject = replace(card.load(RECIPE.subject), origin=None)
    made = package.write(subject, RECIPE, evaluate.stand(subject, RECIPE), tmp_path / "out")
    assert "not built from a card" in made.converted.problem and started == []
    assert any("onnx.convert" in note for note in made.notes) and not (tmp_path / "out" / "model.onnx").exists()

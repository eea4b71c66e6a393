"""Runs without a screen: performed, found again, listed, cancelled, resumed and forgotten; JSON out."""

from __future__ import annotations

import json
import os
import shlex
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from pruneviz.__main__ import _parser, main
from pruneviz.engine.training import labs
from pruneviz.runs.store import Store
from tests.runs import tiny_lab

ROOT = Path(__file__).resolve().parent.parent
SHELF = labs.shelf


@pytest.fixture(autouse=True)
def place(monkeypatch, tmp_path):
    monkeypatch.setenv("PRUNEVIZ_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("PRUNEVIZ_DATABASE_URL", raising=False)
    monkeypatch.setattr(labs, "shelf", lambda: {"tiny": tiny_lab.LAB})
    return tmp_path


def answer(capsys, *arguments, code=0):
    found = main(list(arguments))
    said = capsys.readouterr()
    assert found == code, said.err
    return json.loads(said.out) if code < 2 else said.err


def test_train_performs_a_run_and_finds_it_again(capsys, place):
    network = place / "network.safetensors"
    done = answer(capsys, "train", "--lab=tiny", "--set=steps=3", "--set=retrain=2", f"--out={network}")
    assert (done["state"], done["step"], done["of"], done["lab"]) == ("done", 5, 5, "tiny") and done["last"]["loss"] > 0
    assert torch.count_nonzero(load_file(network)["1.weight"]) == 320
    again = answer(capsys, "train", f"--link={done['link']}")
    assert again == done
    assert answer(capsys, "train", "--lab=tiny", "--set=steps=3", "--set=retrain=2", "--set=seed=1")["key"] != done["key"]
    listed = answer(capsys, "runs", "--state=done")
    assert len(listed["runs"]) == 2 and answer(capsys, "runs", "--state=failed")["runs"] == []
    (shown,) = answer(capsys, "runs", "show", done["key"][:12])["runs"]
    assert [one["step"] for one in shown["story"]] == [1, 2, 3, 4, 5] and shown["story"][-1]["measured"] == done["last"]
    (gone,) = answer(capsys, "runs", "forget", done["key"])["runs"]
    assert gone["key"] == done["key"] and len(answer(capsys, "runs")["runs"]) == 1


def test_what_came_of_a_run_is_measured_and_exported_by_its_name(capsys, place, monkeypatch):
    monkeypatch.setattr(labs, "shelf", SHELF)
    link = "m=digits_mlp&s=90&run=recover~steps:12~rate:0.001~method:fine-tune"
    done = answer(capsys, "train", f"--link=?{link}")
    found = answer(capsys, "evaluate", f"--subject=run:{link}", "--amount=0.9")
    assert found["correct"] == done["last"]["correct"] and found["subject_sha256"] == done["result_sha256"]
    out = place / "recovered"
    answer(capsys, "export", f"--subject=run:{link}", "--amount=0.9", f"--out={out}", "--no-onnx")
    assert answer(capsys, "evaluate", f"--subject={out}", "--amount=0")["correct"] == found["correct"]
    other = link.replace("12", "13")
    assert "is not stored here" in answer(capsys, "evaluate", f"--subject=run:{other}", "--amount=0.9", code=2)


def test_cancel_and_resume(capsys):
    done = answer(capsys, "train", "--lab=tiny", "--set=method=refuse", code=1)
    assert done["state"] == "failed" and "not fit" in done["trouble"]
    store = Store()
    run = store.enter(tiny_lab.RECIPE, done["model_sha256"], done["data_sha256"])
    assert answer(capsys, "runs", "cancel", run.key)["runs"][0]["state"] == "cancelled"
    assert answer(capsys, "runs", "resume", run.key)["runs"][0]["state"] == "done"
    store.close()


def test_a_sweep_says_the_spread_over_its_seeds(capsys):
    said = "--lab=tiny", "--set=steps=2", "--set=retrain=1", "--seeds=0..2", "--vary=rate=0.001,0.01"
    found = answer(capsys, "sweep", *said)
    assert len(found["runs"]) == 6 and {one["state"] for one in found["runs"]} == {"done"}
    assert [(one["set"], one["n"]) for one in found["settings"]] == [({"rate": "0.001"}, 3), ({"rate": "0.01"}, 3)]
    spread = found["settings"][0]["measured"]["loss"]
    assert spread["lowest"] <= spread["mean"] <= spread["highest"] and spread["deviation"] > 0
    assert answer(capsys, "sweep", *said) == found


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (("train", "--lab=none"), "unknown lab 'none'; there are tiny"),
        (("runs", "show", "abc"), "there is no run 'abc'"),
        (("runs", "cancel"), "which run"),
        (("runs", "--state=gone"), "unknown state 'gone'; there are waiting"),
        (("train", "--lab=tiny", "--set=x=1"), "unknown choice"),
    ],
)
def test_what_cannot_be_is_one_sentence(capsys, said, words):
    assert words in answer(capsys, *said, code=2)


def test_every_command_of_the_page_about_runs_is_one():
    lines = (ROOT / "docs" / "runs.md").read_text("utf-8").splitlines()
    said = [shlex.split(line, comments=True)[3:] for line in lines if line.startswith("python -m pruneviz")]
    assert {arguments[0] for arguments in said} == {"train", "sweep", "runs", "export"}
    assert all(callable(_parser().parse_args(arguments).run) for arguments in said)


def test_several_processes_share_a_sweep(capsys, monkeypatch):
    """A lab that another process knows, too: this one and a helper do each of the runs once."""
    monkeypatch.setattr(labs, "shelf", SHELF)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    said = "--lab=schedule", "--subject=digits_mlp", "--set=steps=20", "--set=retrain=0", "--set=every=5"
    found = answer(capsys, "sweep", *said, "--seeds=0..3", "--processes=2")
    assert found["settings"][0]["n"] == 4 == len({one["key"] for one in found["runs"]})
    assert {one["state"] for one in found["runs"]} == {"done"}


def test_a_signal_pauses_a_run_after_its_moment(capsys, monkeypatch):
    """Ctrl-C, or a friendly signal: the run pauses with all that it had, and the next command goes on with it."""
    true = tiny_lab.run

    def run(subject, recipe, memory):
        for moment in true(subject, recipe, memory):
            if moment.step == 4:
                os.kill(os.getpid(), signal.SIGTERM)
            yield moment

    monkeypatch.setattr(labs, "shelf", lambda: {"tiny": replace(tiny_lab.LAB, run=run)})
    paused = answer(capsys, "train", "--lab=tiny", code=1)
    assert (paused["state"], paused["step"]) == ("paused", 4) and "resume" in paused["trouble"]
    assert answer(capsys, "runs", "resume", paused["key"])["runs"][0]["state"] == "done"

"""`python -m pruneviz export`: a folder and an answer in JSON, or one sentence, exit code 2 and nothing written."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pruneviz.__main__ import main
from tests.conftest import ROOT


def answer(capsys, *arguments):
    code = main(list(arguments))
    said = capsys.readouterr()
    assert code == 0, said.err
    return json.loads(said.out)


def refused(capsys, *arguments) -> str:
    code = main(list(arguments))
    said = capsys.readouterr()
    assert code == 2 and said.out == "" and said.err.count("\n") == 1 and "Traceback" not in said.err
    return said.err


MLP = ("export", "--subject", "digits_mlp", "--granularity", "neuron", "--amount", "0.5")


def test_an_export_says_what_it_wrote(capsys, tmp_path):
    out = tmp_path / "deep" / "out"
    found = answer(capsys, *MLP, "--out", str(out))
    assert found["out"] == str(out) and found["parameters"] == 50_610 and found["parameters_left"] == 16_035
    assert {one["name"]: one["bytes"] for one in found["files"]} == {
        path.name: path.stat().st_size for path in out.iterdir()
    }
    assert found["proof"]["difference"] <= found["proof"]["noise"] and found["onnx"]["ok"]
    assert found["size_claimed"] == pytest.approx(16_035 / 50_610) and found["size_real"] < 0.33
    assert found["notes"] == []


def test_the_folder_is_evaluated_in_a_fresh_process(capsys, tmp_path):
    """What the smaller network gets right is what the masked one got right, to the image."""
    answer(capsys, *MLP, "--out", str(tmp_path / "out"), "--no-onnx")
    masked = answer(capsys, "evaluate", *MLP[1:])
    command = [sys.executable, "-m", "pruneviz", "evaluate", "--subject", str(tmp_path / "out"), "--amount", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["dense_correct"] == masked["correct"]
    pruned_again = answer(
        capsys, "evaluate", "--subject", str(tmp_path / "out"), "--granularity", "neuron", "--amount", ".5"
    )
    assert pruned_again["dense_correct"] == masked["correct"] and pruned_again["removed"] > 0


def test_onnx_may_be_left_out(capsys, tmp_path):
    found = answer(capsys, *MLP, "--out", str(tmp_path), "--no-onnx")
    assert found["onnx"] is None and not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--granularity", "atom"), "unknown granularity 'atom'"),
        (("--subject", "nobody"), "nobody"),
        (("--granularity", "head"), "head"),
        (("--granularity", "weight", "--fold"), "only units can be folded"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(capsys, tmp_path, arguments, said):
    out = tmp_path / "out"
    assert said in refused(capsys, "export", "--subject", "digits_mlp", *arguments, "--out", str(out))
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_folder_is_left_alone(capsys, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "is no export" in refused(capsys, *MLP, "--out", str(tmp_path))
    assert (tmp_path / "thesis.txt").read_text() == "years of work" and len(list(tmp_path.iterdir())) == 1
    assert "is not a folder" in refused(capsys, *MLP, "--out", str(tmp_path / "thesis.txt"))


def test_the_folder_is_asked_for(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["export"])
    assert stop.value.code == 2 and "--out" in capsys.readouterr().err

"""`python -m pruneviz oneshot`: what it writes is read again, and bad input is one sentence."""

from __future__ import annotations

import json

import pytest

from pruneviz.__main__ import main
from pruneviz.engine.sources import card
from tests.engine import families

MODEL = ["oneshot", "--subject", "digits_mlp", "--samples", "64"]


def answer(capsys, *arguments: str) -> dict:
    assert main([*MODEL, *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def trouble(capsys, *arguments: str) -> str:
    assert main([*arguments]) == 2
    said = capsys.readouterr()
    assert not said.out and said.err.count("\n") == 1
    return said.err


def test_what_is_written_is_read_again_and_says_what_was_done(capsys, tmp_path):
    found = answer(capsys, "--amount", ".8", "--out", str(tmp_path / "out"), "--no-onnx")
    assert found["sparsity"] == pytest.approx(0.8, abs=1e-3) and found["criterion"] is None and found["n"] == 500
    assert [one["name"] for one in found["matrices"]] == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert all(one["error"] <= one["error_without_update"] for one in found["matrices"])
    again = card.load(tmp_path / "out")
    zeros = sum(int((tensor == 0).sum()) for tensor in again.tensors())
    assert zeros == sum(one["gone"] for one in found["matrices"]) and "one shot (sparsegpt, 80%" in again.title


def test_a_criterion_that_is_named_is_taken(capsys):
    plain = answer(capsys, "--amount", ".8", "--method", "keep", "--criterion", "magnitude")
    wanda = answer(capsys, "--amount", ".8", "--method", "keep")
    assert (plain["criterion"], wanda["criterion"]) == ("magnitude", "wanda") and plain["scope"] == "row"
    assert plain["matrices"][0]["error"] > wanda["matrices"][0]["error"]


def test_a_pattern_and_the_samples_that_judge(capsys):
    found = answer(capsys, "--n", "2", "--m", "4", "--calibration", "held-out")
    assert found["granularity"] == "2:4" and found["amount"] == 0.5 and found["n"] == 375, "a quarter was looked at"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "magic"], "unknown method 'magic'; there are keep"),
        (["--n", "2"], "make a pattern together"),
        (["--n", "4", "--m", "2"], "is no pattern"),
        (["--n", "5", "--m", "7"], "whole groups of 7"),
        (["--samples", "0"], "give a number from 1 to 1024"),
        (["--granularity", "neuron"], "removes single weights, or N of every M"),
        (["--method", "keep", "--criterion", "gradient"], "one shot sees only a matrix and its inputs"),
        (["--n", "2", "--m", "4", "--scope", "owl"], "nothing to share"),
        (["--calibration", "nowhere.txt"], "names no tokenizer"),
        (["--stream"], "--calibration FILE"),
        (["--stream", "--granularity", "filter"], "leave --spare"),
    ],
)
def test_bad_input_is_one_sentence(capsys, arguments, words):
    assert words in trouble(capsys, *MODEL, *arguments)


def test_a_folder_is_streamed_into_another(capsys, tmp_path):
    place = families.folder("llama", tmp_path / "model")
    asked = ["oneshot", "--subject", str(place), "--stream", "--calibration", str(place / "other.txt"), "--length", "16"]
    assert main([*asked, "--amount", ".5", "--out", str(tmp_path / "out")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["value"] is None and len(found["matrices"]) == 7 * families.LAYERS
    assert all(one["gone"] * 2 == one["of"] for one in found["matrices"])
    assert (tmp_path / "out" / "config.json").is_file()

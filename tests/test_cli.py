"""Without a screen: JSON on standard output, errors as one sentence on standard error and exit code 2."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pruneviz import doctor
from pruneviz.__main__ import main
from pruneviz.shipped import SAMPLES


def run(capsys, *arguments):
    code = main(list(arguments))
    said = capsys.readouterr()
    return code, said.out, said.err


def answer(capsys, *arguments):
    code, out, err = run(capsys, *arguments)
    assert code == 0, err
    return json.loads(out)


def test_evaluate_says_everything(capsys):
    found = answer(capsys, "evaluate", "--subject", "digits_mlp", "--amount", "0.8", "--json")
    promised = "metric value correct n interval dense_value amount sparsity threshold energy_removed layers mask_sha256 seed"
    assert set(promised.split()) <= set(found)
    weights = sum(layer["weights"] for layer in found["layers"])
    assert found["removed"] == round(0.8 * weights) == weights - sum(layer["kept"] for layer in found["layers"])
    assert found["sparsity"] == found["removed"] / weights and found["n"] == 500 and found["calibration_n"] == 0
    assert found["correct"] / 500 == found["value"] and found["interval"][0] < found["value"] < found["interval"][1]


def test_the_mask_can_be_recomputed_from_the_file_alone(capsys):
    """Global magnitude by hand, from the safetensors file: the same sha256."""
    found = answer(capsys, "evaluate", "--subject", "digits_mlp", "--amount", "0.6")
    weights = {layer["name"]: None for layer in found["layers"]}
    stored = load_file(SAMPLES / "digits_mlp" / "weights.safetensors")
    flat = np.concatenate([np.abs(stored[name]).reshape(-1) for name in weights])
    order = np.argsort(flat, kind="stable")
    keep = np.ones(flat.size, bool)
    keep[order[: round(0.6 * flat.size)]] = False
    digest, start, parts = hashlib.sha256(), 0, {}
    for name in weights:
        size = stored[name].size
        parts[name] = keep[start : start + size]
        start += size
    for name in sorted(parts):
        digest.update(name.encode() + b"\0" + json.dumps(list(stored[name].shape)).encode())
        digest.update(np.packbits(parts[name], bitorder="little").tobytes())
    assert found["mask_sha256"] == digest.hexdigest()
    assert found["threshold"] == pytest.approx(float(flat[order[round(0.6 * flat.size) - 1]]), abs=0)


@pytest.mark.parametrize("criterion", ["magnitude", "gradient", "obd", "random"])
@pytest.mark.parametrize("scope", ["global", "layer", "std", "erk", "lamp"])
def test_a_curve_has_the_points_of_evaluate(capsys, criterion, scope):
    common = ("--subject", "digits_mlp", "--criterion", criterion, "--scope", scope)
    found = answer(capsys, "curve", *common, "--amounts", "0,.5,1")
    one = answer(capsys, "evaluate", *common, "--amount", ".5")
    assert [point["amount"] for point in found["points"]] == [0.0, 0.5, 1.0]
    assert {key: found["points"][1][key] for key in ("value", "correct", "n", "sparsity", "interval")} == {
        key: one[key] for key in ("value", "correct", "n", "sparsity", "interval")
    }
    assert found["points"][0]["value"] == found["dense_value"] == one["dense_value"]
    assert (one["threshold"] is None) == (scope != "global")


def test_the_seed_is_the_draw(capsys):
    command = ("evaluate", "--subject", "digits_mlp", "--criterion", "random", "--amount", ".5")
    one, same, other = (answer(capsys, *command, "--seed", seed)["mask_sha256"] for seed in ("1", "1", "2"))
    assert one == same != other


def test_held_out_calibration_sets_a_quarter_aside(capsys):
    command = ("evaluate", "--subject", "digits_mlp", "--amount", ".5", "--calibration", "held-out")
    found = answer(capsys, *command, "--criterion", "gradient")
    assert (found["calibration"], found["calibration_n"], found["n"]) == ("held-out", 125, 375)
    assert answer(capsys, *command, "--criterion", "magnitude")["n"] == 500


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--criterion", "taylr"), "unknown criterion 'taylr'; there are"),
        (("--scope", "galaxy"), "unknown scope 'galaxy'; there are"),
        (("--granularity", "atom"), "unknown granularity 'atom'; there are weight"),
        (("--subject", "nobody"), "nobody"),
        (("--spare", "nowhere"), "no layer 'nowhere'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(capsys, arguments, said):
    code, out, err = run(capsys, "evaluate", "--subject", "digits_mlp", *arguments)
    assert code == 2 and out == "" and said in err and err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--amount", "2"),
        ("--amount", "nan"),
        ("--amount", "half"),
        ("--nonfinite", "maybe"),
        ("--own", "fc1.weight"),
        ("--own", "fc1.weight=2"),
        ("--seed", "-1"),
    ],
)
def test_bad_numbers_are_one_sentence_and_exit_2(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "--subject", "digits_mlp", *arguments])
    said = capsys.readouterr()
    assert stop.value.code == 2 and said.out == "" and said.err.count("\n") == 1


def test_no_amounts_are_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["curve", "--subject", "digits_mlp", "--amounts", ","])
    assert stop.value.code == 2 and "holds no amount" in capsys.readouterr().err


def test_a_nan_bias_leaves_no_half_an_answer(capsys, tmp_path):
    """A bias that is NaN makes the loss NaN: the JSON says null, whole; a note names the parameter."""
    stored = load_file(SAMPLES / "digits_mlp" / "weights.safetensors")
    bias = next(name for name in stored if name.endswith("bias"))
    stored[bias] = np.full_like(stored[bias], np.nan)
    save_file(stored, tmp_path / "weights.safetensors")
    shutil.copy(SAMPLES / "digits_mlp" / "subject.toml", tmp_path)
    found = answer(capsys, "evaluate", "--subject", str(tmp_path / "subject.toml"), "--amount", ".5")
    assert found["loss"] is None and any(bias in note for note in found["notes"])


@pytest.mark.parametrize(("subject", "kind"), [("digits_cnn", "filter"), ("digits_mlp", "neuron"), ("digits_vit", "head")])
def test_evaluate_takes_every_kind_of_unit(capsys, subject, kind):
    found = answer(capsys, "evaluate", "--subject", subject, "--granularity", kind, "--amount", ".3", "--scope", "layer")
    groups = [group for group in found["groups"] if not group["reason"]]
    assert (found["granularity"], found["pool"]) == (kind, "mean")
    assert found["units"] == sum(group["units"] for group in groups) and found["units_removed"] == round(
        0.3 * found["units"]
    )
    assert found["units_removed"] == sum(group["units"] - group["kept"] for group in groups)
    assert all(len(group["gone"]) == group["units"] - group["kept"] for group in found["groups"])
    assert 0 < found["parameters_left"] < found["parameters"] and 0 < found["macs_left"] < found["macs"]
    assert found["removed"] == found["weights"] - sum(layer["kept"] for layer in found["layers"]) > 0


def test_layers_go_as_wholes(capsys):
    found = answer(capsys, "evaluate", "--subject", "digits_vit", "--granularity", "layer", "--amount", ".25")
    assert (found["units"], found["units_removed"]) == (4, 1) and found["parameters_left"] < 0.8 * found["parameters"]


def test_a_curve_of_units_has_the_points_of_evaluate(capsys):
    common = ("--subject", "digits_cnn", "--granularity", "filter", "--pool", "l2", "--criterion", "gradient")
    found = answer(capsys, "curve", *common, "--amounts", "0,.3")
    one = answer(capsys, "evaluate", *common, "--amount", ".3")
    same = ("value", "correct", "n", "sparsity", "interval")
    assert {key: found["points"][1][key] for key in same} == {key: one[key] for key in same}
    assert found["pool"] == "l2" and found["points"][0]["value"] == found["dense_value"]


def test_units_by_hand_and_the_floor(capsys):
    common = ("evaluate", "--subject", "digits_cnn", "--granularity", "filter")
    moved = answer(capsys, *common, "--amount", "0", "--gone", "conv1:3", "--gone", "conv1:5", "--back", "conv1:0")
    assert {group["name"]: group["gone"] for group in moved["groups"]}["conv1"] == [3, 5] and moved["units_removed"] == 2
    for floor, left in (("1", 3), ("0", 0)):
        found = answer(capsys, *common, "--amount", "1", "--floor", floor)
        assert found["units"] - found["units_removed"] == left
        assert (
            sum(("one of each group always stays" in note) or ("No filter is left" in note) for note in found["notes"]) == 1
        )


def test_a_pattern_needs_no_amount(capsys):
    command = ("evaluate", "--subject", "digits_cnn", "--granularity", "2:4")
    found = answer(capsys, *command)
    assert found["amount"] == 0.5 and found["mask_sha256"] == answer(capsys, *command, "--amount", ".5")["mask_sha256"]
    kept = {layer["name"]: layer["kept"] / layer["weights"] for layer in found["layers"]}
    assert kept == {"conv1.weight": 1.0, "conv2.weight": 0.5, "conv3.weight": 0.5, "fc.weight": 0.5}
    assert any("conv1" in note for note in found["notes"])
    assert answer(capsys, *command[:-1], "1:4")["amount"] == 0.75


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--granularity", "2:4", "--amount", ".3"), "2:4 removes 0.5 of the weights, not 0.3"),
        (("--granularity", "2:4", "--amount", "0"), "2:4 removes 0.5 of the weights, not 0"),
        (("--granularity", "4:2"), "no pattern N:M: give 1 ≤ N < M ≤ 32"),
        (("--granularity", "head"), "has no head that can go"),
        (("--granularity", "neuron", "--scope", "erk"), "'erk' is about single weights; here there are global, layer"),
        (("--granularity", "neuron", "--pool", "median"), "unknown pool 'median'; there are mean, l1, l2, max"),
        (("--granularity", "neuron", "--gone", "fc9:1"), "no neuron 'fc9:1' that can go"),
        (("--granularity", "neuron", "--criterion", "block_influence"), "scores layers, not neurons; choose one of"),
    ],
)
def test_units_that_cannot_go_are_one_sentence_and_exit_2(capsys, arguments, said):
    code, out, err = run(capsys, "evaluate", "--subject", "digits_mlp", *arguments)
    assert code == 2 and out == "" and said in err and err.count("\n") == 1 and "Traceback" not in err


def test_doctor_knows_what_is_here(capsys):
    found = answer(capsys, "doctor")
    assert found["ok"] and found["packages"]["torch"] and "digits_cnn" in found["samples"]


@pytest.mark.parametrize("there", ["chromium", "chromium-browser", "chromium-headless-shell", ""])
def test_doctor_is_content_with_any_browser_that_the_tests_take(there, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}" if name == there else None)
    told = [one for one in doctor.examine()["advice"] if "chromium" in one]
    assert len(told) == (not there) and all("chromium-headless-shell" in one for one in told)

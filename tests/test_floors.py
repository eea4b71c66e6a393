"""Version floors: known versions, faked; one sentence; and everything that the app pins stands above them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from pruneviz import doctor, floors
from pruneviz.__main__ import main

SAFE = {"torch": "2.10.0", "streamlit": "1.54.0", "starlette": "1.1.0", "python-multipart": "0.0.22", "onnx": "1.21.0"}
"""The floors of the reliability table, written here a second time."""


def test_the_floors_are_those_of_the_table():
    assert {floor.name: floor.least for floor in floors.FLOORS} == SAFE


@pytest.mark.parametrize("name", SAFE)
def test_the_floor_itself_is_safe_and_the_version_below_is_not(name):
    assert floors.below(SAFE.get) == []
    major, minor, patch = (int(part) for part in SAFE[name].split("."))
    older = f"{major}.{minor}.{patch - 1}" if patch else f"{major}.{minor - 1}.99"
    (low,) = floors.below({**SAFE, name: older}.get)
    assert (low[0].name, low[1]) == (name, older)
    with pytest.raises(
        ValueError, match=f"^{name} {older} is too old to be safe .*CVE-.*pip install '{name}>={SAFE[name]}'$"
    ):
        floors.hold({**SAFE, name: older}.get, {})


@pytest.mark.parametrize(
    ("had", "safe"),
    [
        ("2.10.0", True), ("2.10", True), ("2.10.0+cu126", True), ("2.10.1", True), ("2.11.0a0+git1", True), ("3", True),
        ("2.10.0.post1", True), ("10.0.0", True),
        ("2.9.1", False), ("2.9.1+cpu", False), ("2.10.0rc1", False), ("2.10.0a0+git", False), ("2.10.0.dev2025", False),
        ("1.13.1", False), ("", False), ("unknown", False),
    ],
)  # fmt: skip
def test_versions_are_compared_as_numbers(had, safe):
    assert (floors.below({"torch": had}.get) == []) is safe


def test_what_is_not_installed_is_not_asked_for():
    assert floors.below({}.get) == []
    floors.hold({}.get, {})


def test_several_old_packages_make_one_sentence():
    said = floors.sentence(floors.below({"torch": "2.5.1", "onnx": "1.16.0"}.get))
    assert said.count("pip install 'torch>=2.10.0' 'onnx>=1.21.0'") == 1 and "\n" not in said


def test_torchs_unsafe_switch_is_taken_away():
    environment = {floors.UNSAFE_SWITCH: "1", "HOME": "/"}
    floors.hold(SAFE.get, environment)
    assert environment == {"HOME": "/"}


def test_everything_the_app_pins_and_everything_installed_here_stands_above_the_floors():
    assert floors.below(doctor.pins().get) == []
    assert floors.below() == []


def test_the_command_line_refuses_in_one_sentence_and_exits_with_2(monkeypatch, capsys):
    monkeypatch.setattr(floors, "installed", {**SAFE, "torch": "2.5.1"}.get)
    assert main(["evaluate", "--subject", "digits_mlp"]) == 2
    said = capsys.readouterr()
    assert (
        said.out == "" and said.err.startswith("pruneviz: torch 2.5.1 is too old to be safe") and said.err.count("\n") == 1
    )


def test_the_doctor_says_so_too_and_still_runs(monkeypatch, capsys):
    monkeypatch.setattr(floors, "installed", {**SAFE, "torch": "2.5.1"}.get)
    assert main(["doctor"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False and any(line.startswith("torch 2.5.1 is too old to be safe") for line in told["advice"])


def test_a_server_with_an_old_package_does_not_start(tmp_path):
    """A real process, with an older torch's metadata first on its path."""
    folder = tmp_path / "torch-2.9.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.9.1\n", "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", "0"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, cwd=doctor.ROOT)
    said = ended.stderr.strip().splitlines()
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert said[-1].startswith("pruneviz: torch 2.9.1 is too old to be safe")

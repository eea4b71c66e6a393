"""Runs that come with a sample: what is written is read, equal runs give equal bytes, and other weights have none."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest

from pruneviz import shipped_runs
from pruneviz.course import Course
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.shipped_runs import Origin
from pruneviz.traced import Traced

RECIPE = Recipe(subject="tiny", amount=0.9, seed=3, course=Course(lab="schedule", schedule="cubic"))
SHIPPED = [path for path in sorted(shipped_runs.SAMPLES.glob("*/runs/*.safetensors"))]


def made() -> Traced:
    moments = (
        Moment(0, 10, "start", {"accuracy": 0.5}, {"alive": np.ones(2), "cuts": np.zeros((0, 5))}),
        Moment(10, 10, "schedule", {"accuracy": 1 / 3, "loss": math.nan}, {"alive": np.array([0.5, 0.25])}),
    )
    return Traced(RECIPE, "a run", "done", 10, 10, moments, "", 1.25)


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """A sample of two bytes of weights, with one run."""
    monkeypatch.setattr(shipped_runs, "SAMPLES", tmp_path)
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "weights.safetensors").write_bytes(b"ww")
    origin = Origin("ab" * 32, hashlib.sha256(b"ww").hexdigest(), "cd" * 32, {"torch": "1"})
    return shipped_runs.write(tmp_path / "tiny" / "runs", made(), origin)


def test_what_is_written_is_read(sample):
    (run,) = shipped_runs.read("tiny", "schedule")
    assert sample.name == "schedule-abababababab.safetensors"
    assert run.recipe == RECIPE and run.done and run.shipped and (run.step, run.of) == (10, 10)
    assert all(one.same(other) for one, other in zip(run.moments, made().moments, strict=True))
    assert shipped_runs.origin(sample).versions == {"torch": "1"} and run.key == "ab" * 32


def test_equal_runs_give_equal_bytes(sample):
    before = sample.read_bytes()
    assert shipped_runs.write(sample.parent, made(), shipped_runs.origin(sample)).read_bytes() == before


def test_a_model_with_other_weights_has_none_of_them(sample):
    (sample.parent.parent / "weights.safetensors").write_bytes(b"other")
    assert shipped_runs.read("tiny", "schedule") == []


@pytest.mark.parametrize("name", ["", "..", "../tiny", "/tmp/tiny", "no_such_sample", "brought:abc"])
def test_other_names_have_none(sample, name):
    assert shipped_runs.read(name, "schedule") == [] and shipped_runs.read("tiny", "../schedule") == []


def test_who_has_runs_is_told_by_lab(sample):
    assert shipped_runs.subjects("schedule") == ["tiny"] and shipped_runs.subjects("lottery") == []


def test_a_file_of_another_version_is_named(sample, monkeypatch):
    monkeypatch.setattr(shipped_runs, "to_pin", lambda recipe: "m=tiny&zzz=1")
    path = shipped_runs.write(sample.parent, made(), replace(shipped_runs.origin(sample), key="ef" * 32))
    with pytest.raises(ValueError, match=f"{path.name}.*make runs"):
        shipped_runs.read("tiny", "schedule")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_run_is_small_and_of_the_sample_s_own_weights(path):
    origin = shipped_runs.origin(path)
    weights = (path.parent.parent / "weights.safetensors").read_bytes()
    assert origin.subject_sha256 == hashlib.sha256(weights).hexdigest()
    assert path.stat().st_size < 300_000 and origin.key.startswith(path.stem.partition("-")[2])


def test_all_of_them_together_are_small():
    assert SHIPPED and sum(path.stat().st_size for path in SHIPPED) < 6_000_000

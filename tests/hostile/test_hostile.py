"""Every hostile file is refused in one sentence, or read where nothing in it does anything; none runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.corpus import CASES
from tests.hostile.pickles import call, table, text
from tests.hostile.verdict import judge

# These take seconds to make; `make hostile` brings them, too.
SLOW = ("parquet_bomb", "zip_of_20002_files", "images_without_end", "pt_too_many_numbers", "pt_20001_tensors")


def test_there_are_enough():
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", [name for name in CASES if name not in SLOW])
def test_hostile(name, tmp_path):
    verdict = judge(CASES[name], tmp_path)
    assert not verdict.canary, "it ran"
    assert verdict.expected, f"{verdict.code}: {verdict.sentence}"
    # Time and memory are `make hostile`'s: there nothing else runs, and everything was imported before.
    assert not {"no sentence"} & set(verdict.faults), verdict.sentence
    assert str(tmp_path) not in verdict.sentence, "a sentence says where the server keeps files"


def test_the_canary_sings_where_a_pickle_is_believed(tmp_path):
    """The positive control: in a process of its own the same bytes do run."""
    canary = tmp_path / "canary"
    (tmp_path / "evil").write_bytes(table(call("os", "system", text(f"touch {canary}"))))
    code = f"import pickle; pickle.load(open({str(tmp_path / 'evil')!r}, 'rb'))"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert canary.exists()


def test_nothing_of_a_hostile_file_is_left(tmp_path, monkeypatch):
    import tempfile

    from tests.hostile.doors import weights

    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    for name in ("pt_os_system", "pt_expanded", "pt_doubling_hash", "pt_shared_storage"):
        path = CASES[name].make(tmp_path, tmp_path / "canary")
        with pytest.raises(ValueError):
            weights(Path(path))
    assert not list(own.iterdir())

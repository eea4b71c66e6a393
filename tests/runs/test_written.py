"""What a worker writes lies there whole, the last few of each ending; what has another ending is left alone."""

from __future__ import annotations

import os

from pruneviz.recipe import Recipe
from pruneviz.runs import written
from pruneviz.runs.jobs import Job


def test_the_last_few_files_of_an_ending_stay(tmp_path):
    paths = []
    for at, amount in enumerate((0.1, 0.2, 0.3)):
        job = Job("script", Recipe(amount=amount), "card")
        paths.append(written.keep(str(tmp_path), job, ".script.zip", str(amount).encode()))
        os.utime(paths[-1], (at, at))
        other = written.keep(str(tmp_path), job, ".network.zip", b"network")
    assert [path.exists() for path in paths] == [False, True, True] and written.FEW == 2
    assert paths[2].read_bytes() == b"0.3" and other.read_bytes() == b"network"
    assert not list(tmp_path.glob("*.part"))
    again = written.keep(str(tmp_path), Job("script", Recipe(amount=0.1), "card"), ".script.zip", b"again")
    assert again == paths[0] and again.read_bytes() == b"again" and not paths[1].exists()

"""Threads that wait sleep: said to torch before it is loaded, in every process of ours, unless somebody says otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ASKED = "import json, os, sys, pruneviz; print(json.dumps([os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules]))"


@pytest.mark.parametrize(("said", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_the_policy_is_there_before_torch_is(said, found):
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_WAIT_POLICY": said} if said else {}
    asked = [sys.executable, "-c", ASKED]
    done = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [found, False]

"""One new file is a new criterion: on the shelf, in the menu, in the law tests, in the README's table. Nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLANTED = '''"""Removes the weights nearest to the mean of their layer.

A planted opinion.
"""

from pruneviz.engine.criterion import Evidence, Paper

name = "centred magnitude"
formula = r"|w - \\\\bar{w}|"
paper = Paper("Nobody 2026", "a test", "https://example.org")
needs = ("weight",)


def saliency(evidence: Evidence):
    return (evidence.weight - evidence.weight.mean()).abs()
'''
LOOK = """
from pruneviz.engine import criterion
from pruneviz.studio import catalogue
from tests.readme_table import README, criteria_table, with_tables
from streamlit.testing.v1 import AppTest

assert criterion.find("centred").name == "centred magnitude"
assert catalogue.order() == ["magnitude", "centred", "gradient", "obd", "ria", "wanda", "random"]
assert "centred magnitude" == catalogue.criteria()["centred"].name
assert "`centred`: Removes the weights nearest to the mean" in criteria_table()
assert with_tables(README.read_text("utf-8")) != README.read_text("utf-8"), "the README check sees that its table is old"
app = AppTest.from_file("app.py", default_timeout=180)
app.query_params["c"] = "centred"
app.query_params["m"] = "digits_mlp"
app.run()
assert not app.exception, app.exception
assert "centred magnitude" in app.segmented_control(key="criterion").options
assert app.segmented_control(key="criterion").value == "centred"
"""


def test_one_file_is_enough(tmp_path):
    house = tmp_path / "house"
    for part in ("pruneviz", "pages", "sample_models", "tests"):
        shutil.copytree(ROOT / part, house / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("app.py", "README.md", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / part, house / part)
    (house / "pruneviz" / "engine" / "criteria" / "centred.py").write_text(PLANTED.replace("\\\\", "\\"), "utf-8")
    run(house, "-c", LOOK)
    laws = run(house, "-m", "pytest", "-q", "tests/engine/test_criteria.py", "-k", "centred")
    assert " passed" in laws and "failed" not in laws
    evaluated = run(
        house, "-m", "pruneviz", "evaluate", "--subject", "digits_mlp", "--criterion", "centred", "--amount", ".5"
    )
    assert '"criterion": "centred"' in evaluated


def run(house: Path, *arguments: str) -> str:
    found = subprocess.run([sys.executable, *arguments], cwd=house, capture_output=True, text=True, check=False)
    assert found.returncode == 0, (found.stdout + found.stderr)[-3000:]
    return found.stdout

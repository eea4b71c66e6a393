"""Python command: `python -m pruneviz python` writes one setting as plain PyTorch, which runs without this app."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.recipe import Recipe

if TYPE_CHECKING:
    from pruneviz.engine.subject import Subject

ENDINGS = (".py", ".zip")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes beside a Recipe."""
    words = "the script, and beside it the files that it reads; or a .zip of all of them"
    parser.add_argument("--out", required=True, type=path, metavar="FILE.py", help=words)


def write(subject: Subject, recipe: Recipe, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measures the setting, writes the files, and answers with their paths, sizes and sha256 and what was measured."""
    from pruneviz.engine import evaluate
    from pruneviz.engine.export import script
    from pruneviz.engine.measure import Workspace

    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured, recipe.device)
    score = evaluate.evaluate(subject, recipe, standing, workspace).score
    files = script.write(script.script(subject, recipe, standing, score), Path(chosen.out))
    return {
        "files": [_told(file) for file in files],
        "metric": score.metric,
        "value": score.value,
        "correct": score.correct,
        "n": score.n,
        "interval": list(score.interval),
    }


def path(text: str) -> str:
    """Where a script, or an archive, is to be written."""
    if Path(text).suffix not in ENDINGS:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a script nor an archive; give one that ends in .py or .zip")
    return text


def _told(file: Path) -> dict[str, Any]:
    data = file.read_bytes()
    return {"path": str(file), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}

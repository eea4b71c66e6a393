"""The solver against uniform and global pruning at equal budget: accuracy on the half of the data that nobody chose on.

Not a speed: a row's ratio is the solver's accuracy over its peer's, both of as many weights left, one shot, no fine-tuning.
`python -m benchmarks.allocation digits_vit` runs one model and prints its amounts, too.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pruneviz.allocation import Allocation, Setting
from pruneviz.engine import allocation, evaluate
from pruneviz.engine.sources import card
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe
from tests.engine.test_real_networks import RESNET20
from tests.engine.test_real_units import MOBILENET

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TOLERANCE = 0.02
CARDS = {"resnet20": RESNET20, "mobilenet_v2": MOBILENET}
NAMES = ("digits_resnet", "digits_vit", "resnet20", "mobilenet_v2")


def rows(names: tuple[str, ...] = NAMES) -> list[dict]:
    """Two rows for each model whose files are here."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            if name in CARDS and not DATA.is_dir():
                continue
            started = time.perf_counter()
            solved = solve(subject(name, Path(folder)))
            found += _rows(name, solved, time.perf_counter() - started)
    return found


def subject(name: str, folder: Path) -> Subject:
    """A sample, or one of the real networks on its real data."""
    if name not in CARDS:
        return card.load(name)
    if name == "mobilenet_v2":
        _crops(folder / "photographs.npz")
    (folder / "subject.toml").write_text(CARDS[name].format(data=DATA), "utf-8")
    return card.load(folder / "subject.toml")


def solve(model: Subject, granularity: str = "weight") -> Allocation:
    """The whole search, magnitude, a budget of parameters."""
    recipe = Recipe(subject=model.name, granularity=granularity, tolerance=TOLERANCE)
    *_, last = allocation.solve(model, recipe, evaluate.stand(model, recipe))
    return last


def _crops(path: Path) -> None:
    """The 500 photographs as arrays, once."""
    from PIL import Image

    with tarfile.open(DATA / "imagenet_samples" / "imagenet500_224.tar") as source:
        table = source.extractfile("labels.tsv").read().decode().splitlines()
        pairs = [line.split("\t")[:2] for line in table if line.split("\t")[-1].strip()]
        pairs = [(name, int(label)) for name, label in pairs if label.strip().isdigit()]
        pictures = [np.asarray(Image.open(source.extractfile(name)).convert("RGB")) for name, _ in pairs]
    np.savez(path, x_test=np.stack(pictures), y_test=np.array([label for _, label in pairs]))


def _rows(name: str, solved: Allocation, seconds: float) -> Iterator[dict]:
    mine, dense = solved.best.reporting, solved.dense.reporting
    for peer in solved.peers:
        theirs = peer.reporting
        note = (
            f"solver {_said(solved.best)}, {peer.name} {_said(peer)}, dense {dense.correct}/{dense.n}; only the solver "
            f"right: {peer.losses}, only {peer.name}: {peer.gains} (McNemar p = {peer.p:.2g}); {solved.best.left:,.0f} of "
            f"{solved.whole:,.0f} parameters left ({peer.left:,.0f} with {peer.name}); one shot, no fine-tuning; "
            f"{solved.tried} evaluations on {solved.best.choosing.n} samples, {seconds:.0f} s"
        )
        yield {
            "name": f"{name}: {1 - TOLERANCE:.0%} of the accuracy, {peer.name} at the same budget",
            "ours_ms": None,
            "peer": peer.name,
            "peer_ms": None,
            "ratio": round(mine.value / max(theirs.value, 1e-9), 3),
            "unit": "× its accuracy",
            "note": note,
        }


def _said(setting: Setting) -> str:
    half = setting.reporting
    low, high = half.interval
    return f"{half.correct}/{half.n} ({100 * half.value:.1f} %, {100 * low:.1f} to {100 * high:.1f})"


if __name__ == "__main__":
    for row in rows(tuple(sys.argv[1:]) or NAMES):
        sys.stdout.write(f"{row['ratio']:>9} {row['unit']}  {row['name']}\n    {row['note']}\n")
        sys.stdout.flush()

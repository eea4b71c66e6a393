"""A small model that counts as a heavy one: its numbers are asked of the worker process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pruneviz.studio import kitchen, models, orders

ROOT = Path(__file__).resolve().parents[2]


def card(folder: Path, samples: int = 80, training: int = 60) -> str:
    """The path of a card of the small digits network, with data of its own."""
    chance = np.random.default_rng(0)
    images = {
        "x_test": chance.integers(0, 17, (samples, 8, 8), dtype=np.uint8),
        "y_test": np.arange(samples) % 10,
        "x_train": chance.integers(0, 17, (training, 8, 8), dtype=np.uint8),
        "y_train": np.arange(training) % 10,
    }
    np.savez(folder / "data.npz", **images)
    weights = ROOT / "sample_models" / "digits_mlp" / "weights.safetensors"
    (folder / "subject.toml").write_text(
        f'name = "Heavy"\ntask = "image_classification"\nweights = "{weights}"\n'
        '[architecture]\nbuild = "digits_mlp"\n[data]\nfile = "data.npz"\nsplit = "test"\nscale = 16\n',
        "utf-8",
    )
    return str((folder / "subject.toml").resolve())


@contextmanager
def weighing(monkeypatch, seconds: str) -> Iterator[None]:
    """Whatever takes longer than so many seconds is heavy; afterwards nothing is asked of the worker any more."""
    monkeypatch.setenv(orders.SETTING, seconds)
    try:
        yield
    finally:
        for me in list(orders._watched):
            orders._gone(me)


def forget(path: str) -> None:
    """All that is kept of a model, here and in the worker."""
    models.forget(path)
    assert path not in kitchen.larder.held()

"""A small model as a visitor brings it: laid out in the library, and theirs."""

from __future__ import annotations

import io
from pathlib import Path

from pruneviz.caps import Caps
from pruneviz.studio import library
from pruneviz.studio.bring import draft
from tests.studio import heavy

CARD = {
    "name": "Mine",
    "task": "image_classification",
    "weights": "model/weights.safetensors",
    "architecture": {"build": "digits_mlp"},
    "data": {"file": "data/data.npz", "split": "test", "scale": 16},
}


def model(owner: str, folder: Path, name: str = "Mine", samples: int = 80) -> str:
    """The reference of the small digits network with data of its own, brought by this visitor under that name."""
    heavy.card(folder, samples)
    weights = heavy.ROOT / "sample_models" / "digits_mlp" / "weights.safetensors"
    given = {"model/weights.safetensors": weights, "data/data.npz": folder / "data.npz"}
    caps, table = Caps(), {**CARD, "name": name}
    files = {place: library.keep(owner, path.name, io.BytesIO(path.read_bytes()), caps) for place, path in given.items()}
    reference = library.lay(owner, table, files, lambda at: draft.identified(table, at))
    library.take(owner, reference, ("", ""), caps)
    return reference

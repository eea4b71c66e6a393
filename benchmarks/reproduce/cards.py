"""Cards: the networks and data that tables are about. The samples that the app ships, and real ones that lie elsewhere."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmarks.reproduce.asked import Asked
from pruneviz.engine.sources import architecture, card
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import labs, private
from pruneviz.engine.training.initial import initialise
from pruneviz.recipe import Recipe
from pruneviz.runs.store import Store, naming
from pruneviz.runs.store.records import Run

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
LENET300 = {
    "task": "image_classification",
    "weights": "weights.safetensors",
    "architecture": {"build": "lenet300"},
}
RESNET20 = {
    "name": "CIFAR ResNet-20",
    "task": "image_classification",
    "weights": "{data}/cifar10_resnet20/resnet20.safetensors",
    "architecture": {"build": "cifar_resnet", "arguments": {"depth": 20}},
    "data": {
        "file": "{data}/cifar10/cifar10_lossless_5k.npz",
        "split": "test",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
}
STORIES260K = {
    "name": "stories260K",
    "task": "language_modelling",
    "weights": "{data}/stories260k/stories260K.bin",
    "architecture": {
        "build": "llama",
        "arguments": {"vocabulary": 512, "width": 64, "hidden": 172, "layers": 5, "heads": 8, "key_value_heads": 4},
    },
    "data": {
        "file": "{data}/texts/tinystories_train_head.txt",
        "tokenizer": "{data}/stories260k/tok512.bin",
        "windows": 242,
        "context": 512,
    },
}
REAL = {
    "mnist": LENET300 | {"name": "MNIST", "data": {"file": "{data}/mnist/mnist.npz", "split": "test"}},
    "fashion": LENET300
    | {"name": "Fashion-MNIST", "data": {"file": "{data}/fashion_mnist/fashion_mnist.npz", "split": "test"}},
    "resnet20": RESNET20,
    "stories260k": STORIES260K,
}
"""Cards by the name that a Recipe calls them; `{data}` is the folder of the real data. LeNet's weights are fresh ones: its
runs start from weights of their own seed."""


class Cards:
    """Subjects of Recipes, each read once. Real ones are written as cards to a folder."""

    def __init__(self, folder: Path, store: Store, data: Path = DATA) -> None:
        self._folder, self._store, self._data = folder, store, data
        self._subjects: dict[str, Subject] = {}

    def missing(self, asked: Asked) -> bool:
        """Whether the data that it is about are not here."""
        return self.lacks(asked.recipe.subject)

    def lacks(self, name: str) -> bool:
        """Whether the data of a subject are not here."""
        return name in REAL and not self._data.is_dir()

    def base(self, recipe: Recipe) -> Subject:
        """The subject of a Recipe, as its card has it."""
        name = recipe.subject
        if name not in self._subjects:
            self._subjects[name] = card.load(self._written(name) if name in REAL else name)
        return self._subjects[name]

    def run(self, asked: Asked) -> Run:
        """What the store knows of a run; ValueError where it was never entered."""
        return self._store.find(naming.key(asked.recipe, *self.hashes(asked)))

    def hashes(self, asked: Asked) -> tuple[str, str]:
        """What a run starts from: the sha256 of the model and of the data. A network that came of a run is named by it."""
        base = self.base(asked.recipe)
        if asked.parent is None:
            return base.sha256, base.data_sha256
        parent = naming.key(asked.parent.recipe, *self.hashes(asked.parent))
        return hashlib.sha256(f"the network of run {parent}".encode()).hexdigest(), base.data_sha256

    def subject(self, asked: Asked) -> Subject | None:
        """What a run starts from; None while its parent is not done."""
        base = self.base(asked.recipe)
        if asked.parent is None:
            return base
        parent = self.run(asked.parent)
        if parent.state != "done":
            return None
        network = private.trained(base)
        network.load_state_dict(labs.concluded(self._store.memory(parent))[0])
        return replace(base, network=network.eval().requires_grad_(False), sha256=self.hashes(asked)[0])

    def _written(self, name: str) -> Path:
        """The card, and where its weights are fresh ones, these too: from one seed, the same on every machine."""
        place, table = self._folder / name, _filled(REAL[name], str(self._data))
        place.mkdir(parents=True, exist_ok=True)
        if table["weights"] == LENET300["weights"] and not (place / table["weights"]).is_file():
            network = architecture.build(table["architecture"]["build"], None)
            initialise(network, torch.Generator().manual_seed(0))
            unfinished = place / f"unfinished-{os.getpid()}"
            save_file(network.state_dict(), unfinished)
            unfinished.replace(place / table["weights"])
        return card.write(table, place)


def _filled(said: object, data: str) -> object:
    """The same with the folder of the data wherever it is named."""
    if isinstance(said, dict):
        return {key: _filled(value, data) for key, value in said.items()}
    return said.replace("{data}", data) if isinstance(said, str) else said

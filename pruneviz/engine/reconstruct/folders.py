"""Folders: the tensors of a folder of transformers, read by name and written file by file, never all in memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pruneviz.engine.sources.gate import SubjectError, brief

CONFIG, INDEX, TOKENIZER = "config.json", "model.safetensors.index.json", "tokenizer.json"
WEIGHTS = "*.safetensors"
COPIED = 64 << 20
"""Bytes that a file beside the weights may have to be taken along: a tokenizer, a configuration."""


class Stored:
    """The tensors of a folder, by name. A file is open only while it is read: what is open stays in memory."""

    def __init__(self, source: Path) -> None:
        self._where: dict[str, Path] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for path in sorted(source.glob(WEIGHTS)):
            try:
                with safe_open(path, framework="pt") as opened:
                    shapes = {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
            except Exception as error:  # the library refuses in many ways
                raise SubjectError(f"{path.name} is no file of safetensors ({brief(error)}): save the model again") from None
            self._where |= dict.fromkeys(shapes, path)
            self._shapes |= shapes
        if not self._where:
            raise SubjectError(f"{source.name} holds no *.safetensors: save the model with save_pretrained")
        self.names = tuple(self._where)

    def tensors(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Some of them, in memory of their own."""
        found = {}
        for path in dict.fromkeys(self._where[name] for name in names):
            with safe_open(path, framework="pt") as opened:
                found |= {name: opened.get_tensor(name).clone() for name in names if self._where[name] == path}
        return found

    def check(self, network: nn.Module) -> None:
        """Refuses a folder whose tensors go by other names, or have other shapes, than the library's; one that lacks some;
        and one where tensors differ that are tied."""
        wanted, doubles = network.state_dict(), tied(network)
        for name in self.names:
            if name not in wanted:
                raise SubjectError(
                    f"the folder's tensors go by other names than the library's ({name}): --stream does not know how this "
                    "kind of model is stored, so leave --stream out"
                )
            if (shape := self._shapes[name]) != tuple(wanted[name].shape):
                raise SubjectError(f"{name} is {list(shape)} in the file and {list(wanted[name].shape)} in the network")
        for name in wanted:
            if name not in self._where and doubles.get(name) not in self._where:
                raise SubjectError(f"the folder has no {name}, and nothing that is tied to it: get the whole model again")
        for name, first in doubles.items():
            if name in self._where and first in self._where and not torch.equal(*self.tensors([name, first]).values()):
                raise SubjectError(
                    f"{name} and {first} differ in the folder, and its {CONFIG} ties them: say tie_word_embeddings = false "
                    "there, or save the model again"
                )


def tied(network: nn.Module) -> dict[str, str]:
    """The names under which a parameter stands once more, and the one under which it is stored."""
    second = set(getattr(network, "_tied_weights_keys", None) or ())
    first: dict[int, str] = {}
    found = {}
    for name, one in sorted(network.named_parameters(remove_duplicate=False), key=lambda pair: pair[0] in second):
        if first.setdefault(id(one), name) != name:
            found[name] = first[id(one)]
    return found


class Shards:
    """The files that are written, one after the other, and the index that says what lies where."""

    def __init__(self, target: Path, many: int) -> None:
        self._target, self._many, self._at = target, many, 0
        self._index: dict[str, str] = {}
        self._bytes = 0

    def write(self, tensors: dict[str, Tensor]) -> None:
        self._at += 1
        name = f"model-{self._at:05d}-of-{self._many:05d}.safetensors"
        save_file({key: one.contiguous().cpu() for key, one in tensors.items()}, self._target / name, {"format": "pt"})
        self._index |= dict.fromkeys(tensors, name)
        self._bytes += sum(one.nbytes for one in tensors.values())

    def close(self) -> None:
        table = {"metadata": {"total_size": self._bytes}, "weight_map": self._index}
        (self._target / INDEX).write_text(json.dumps(table, indent=1), encoding="utf-8")


def beside(source: Path, target: Path) -> None:
    """Takes the small files along that are no weights; the configuration last, for with it the folder is a model."""
    others = [path for path in sorted(source.iterdir()) if path.is_file() and path.suffix in (".json", ".txt", ".model")]
    for path in sorted(others, key=lambda one: one.name == CONFIG):
        if not path.name.endswith(".index.json") and path.stat().st_size <= COPIED:
            shutil.copyfile(path, target / path.name)

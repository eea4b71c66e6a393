"""What the app ships: the architectures in `sample_models/`."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from pruneviz.engine.sources.offer import Offer

title = "Shipped with PruneViz"
words = "Small networks for digits, CIFAR-10's ResNets, two LeNets, and a Llama of any size."
argument = "classes"

SHIPPED = Path(__file__).resolve().parents[4] / "sample_models"

Shapes = Mapping[str, tuple[int, ...]]


def missing() -> str:
    """Nothing: it comes with the app."""
    return ""


def names() -> list[str]:
    """The architectures that the app ships, by name."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/model.py"))


def maker(name: str, arguments: Mapping[str, Any], folder: Path | None = None) -> Callable[[], nn.Module]:
    """The network that the app's own model.py of that name builds."""
    return partial(_module(name).build, **arguments)


def preparation(name: str) -> dict[str, Any]:
    """Unknown: whoever trained the weights chose it."""
    return {}


def weights(name: str) -> tuple[Offer, ...]:
    """None to be fetched: samples bring theirs."""
    return ()


def proposals(shapes: Shapes, config: Mapping[str, Any] | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every architecture, in the sizes that the shapes tell. There are few, and small: comparing decides."""
    for name in names():
        found = _SIZES.get(name, lambda shapes, config: {})(shapes, config or {})
        if found is not None:
            yield name, found


@cache
def _module(name: str) -> ModuleType:
    """The app's own model.py of that name, imported by its path."""
    key = f"pruneviz_sample_models.{name}"
    spec = importlib.util.spec_from_file_location(key, SHIPPED / name / "model.py")
    module = importlib.util.module_from_spec(spec)
    # Registered, so that what the module defines can be pickled and inspected like anything else.
    sys.modules[key] = module
    spec.loader.exec_module(module)
    return module


def _count(shapes: Shapes, pattern: str) -> int:
    """How many numbers stand at the pattern's place: blocks, layers."""
    return len({found[1] for key in shapes if (found := re.match(pattern, key))})


def _size(shapes: Shapes, name: str, axis: int, otherwise: int = 0) -> int:
    """How long one axis is; `otherwise` where there is no such axis."""
    shape = shapes.get(name, ())
    return shape[axis] if axis < len(shape) else otherwise


def _head(shapes: Shapes, name: str) -> dict[str, Any]:
    return {"classes": shapes[name][0]} if shapes.get(name) else {}


def _cifar_resnet(shapes: Shapes, _: Mapping[str, Any]) -> dict[str, Any]:
    depth = 6 * _count(shapes, r"layer1\.(\d+)\.conv1\.weight") + 2
    return {"depth": depth if depth in _module("cifar_resnet").DEPTHS else 20} | _head(shapes, "linear.weight")


def _digits_mlp(shapes: Shapes, _: Mapping[str, Any]) -> dict[str, Any]:
    return {"pixels": _size(shapes, "fc1.weight", 1, 64)} | _head(shapes, "fc3.weight")


def _digits_resnet(shapes: Shapes, _: Mapping[str, Any]) -> dict[str, Any]:
    return {"width": _size(shapes, "conv1.weight", 0, 20)} | _head(shapes, "fc.weight")


def _digits_vit(shapes: Shapes, _: Mapping[str, Any]) -> dict[str, Any]:
    layers, width = _count(shapes, r"layers\.(\d+)\.norm1\.weight"), _size(shapes, "position", 2, 64)
    return {"width": width, "layers": layers or 4} | _head(shapes, "head.weight")


def _llama(shapes: Shapes, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Sizes from the shapes, by transformers' names or llama2.c's; how many heads is in no shape, so `config` has to say."""
    ours = "model.embed_tokens.weight" in shapes
    embedding = "model.embed_tokens.weight" if ours else "tok.weight"
    start = "model.layers." if ours else "layers."
    gate, keys = ("mlp.gate_proj.weight", "self_attn.k_proj.weight") if ours else ("w1.weight", "wk.weight")
    vocabulary, width = (_size(shapes, embedding, axis) for axis in (0, 1))
    heads = next((config[key] for key in ("n_heads", "num_attention_heads") if type(config.get(key)) is int), 0)
    if heads < 1 or width < heads or width % heads:
        return None
    sizes = {"vocabulary": vocabulary, "width": width, "hidden": _size(shapes, f"{start}0.{gate}", 0)}
    sizes |= {"layers": _count(shapes, rf"{re.escape(start)}(\d+)\."), "heads": heads}
    sizes["key_value_heads"] = max(1, _size(shapes, f"{start}0.{keys}", 0) * heads // width)
    return sizes | {"tied": not {"lm_head.weight", "out.weight"} & set(shapes)}


_SIZES: dict[str, Callable[[Shapes, Mapping[str, Any]], dict[str, Any] | None]] = {
    "cifar_resnet": _cifar_resnet,
    "cifar_resnet8": lambda shapes, _: _head(shapes, "fc.weight"),
    "digits_cnn": lambda shapes, _: _head(shapes, "fc.weight"),
    "digits_mlp": _digits_mlp,
    "digits_resnet": _digits_resnet,
    "digits_vit": _digits_vit,
    "lenet300": lambda shapes, _: _head(shapes, "ip3.weight"),
    "lenet5": lambda shapes, _: _head(shapes, "linear2.weight"),
    "llama": _llama,
}
"""How to read an architecture's arguments off a file's shapes. An architecture that is not here is tried as it is."""

"""Architectures that a card may name: the app's own, in `sample_models/`, and torchvision's. A card never brings code."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

from pruneviz.engine.sources.gate import SubjectError, brief

SHIPPED = Path(__file__).resolve().parents[3] / "sample_models"

# What would fill new parameters with random numbers.
_INITIALISERS = "normal_ trunc_normal_ kaiming_normal_ xavier_normal_ uniform_ kaiming_uniform_ xavier_uniform_ erfinv_"
_RANDOM = frozenset(_INITIALISERS.split(" "))


class _Unfilled(TorchFunctionMode):
    """In this thread, new parameters are left as they are: a card's weights will replace every one of them.

    It spares the time, and it spares the process-wide random stream, which other visitors' work must not feel.
    """

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__name__", "") in _RANDOM:
            # Zero, not whatever lay in that memory: some initialisers draw again until all values lie within their bounds.
            return (args[0] if args else kwargs["tensor"]).detach().zero_()
        return function(*args, **kwargs)


def offered() -> list[str]:
    """The architectures that the app ships, by name."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/model.py"))


def build(name: str, arguments: Mapping[str, Any] | None = None) -> nn.Module:
    """The network of that name, its parameters not filled: load weights into it, or initialise it."""
    arguments = dict(arguments or {})
    family, _, model = name.rpartition(":")
    with _Unfilled():
        if family == "torchvision":
            return _torchvision(model, arguments)
        if family or model not in offered():
            raise SubjectError(_unknown(name))
        return _called(name, _module(model).build, arguments)


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


def _torchvision(model: str, arguments: dict[str, Any]) -> nn.Module:
    # torchvision fetches pretrained weights from the net if asked; a card brings its own.
    refused = sorted({"weights", "weights_backbone", "pretrained", "progress"} & set(arguments))
    if refused:
        raise SubjectError(f"torchvision:{model} is not built with {refused[0]!r}: leave it out, the card names its weights")
    try:
        import torchvision.models
    except ImportError:
        raise SubjectError(f"torchvision:{model} needs the package torchvision: install it, or name a shipped one") from None
    known = torchvision.models.list_models(module=torchvision.models)
    if model not in known:
        raise SubjectError(_unknown(f"torchvision:{model}", tuple(known)))
    if model in ("googlenet", "inception_v3"):
        # Both warn unless they are told, and both have a second head for training that is never run here.
        arguments = {"init_weights": False, **arguments}
    return _called(
        f"torchvision:{model}", lambda **rest: torchvision.models.get_model(model, weights=None, **rest), arguments
    )


def _called(name: str, maker: Any, arguments: dict[str, Any]) -> nn.Module:
    try:
        return maker(**arguments)
    except Exception as error:  # an architecture may refuse its arguments in any way it likes
        why = f"with arguments {brief(repr(arguments))} ({brief(error)})"
        raise SubjectError(f"{name} cannot be built {why}: correct [architecture] arguments") from None


def _unknown(name: str, known: tuple[str, ...] = ()) -> str:
    import difflib

    near = difflib.get_close_matches(name.removeprefix("torchvision:"), known, 3)
    hint = f", such as {' or '.join(f'torchvision:{one}' for one in near)}" if near else ""
    possible = f"{', '.join(offered())}, and torchvision's classifiers as 'torchvision:<name>'{hint}"
    return f"unknown architecture {name[:64]!r}; there are {possible}"

"""timm: its image classifiers by name. An optional package."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.sources.offer import Offer

title = "timm"
words = "Over a thousand image classifiers of PyTorch Image Models by name, with weights from the hub or with yours."
argument = "num_classes"

HOST = "huggingface.co"
# What would make timm fetch something, read a file by itself, or give something that is no classifier.
_REFUSED = {"pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_strict", "checkpoint_path", "cache_dir"}
_REFUSED |= {"features_only", "scriptable", "exportable", "no_jit", "model_name"}


def missing() -> str:
    """What to install, where timm is not there."""
    return "" if importlib.util.find_spec("timm") else "install the package timm"


def names() -> list[str]:
    """All image classifiers."""
    import timm

    return sorted(timm.list_models())


def maker(name: str, arguments: Mapping[str, Any], folder: Path | None = None) -> Callable[[], nn.Module]:
    """The classifier of that name, without weights."""
    refused = sorted(_REFUSED & set(arguments))
    if refused:
        raise SubjectError(f"timm:{name} is not built with {refused[0]!r}: leave it out, the card names its weights")
    import timm

    return partial(timm.create_model, name, pretrained=False, **arguments)


def preparation(name: str) -> dict[str, Any]:
    """The [data] keys of the images that timm's default weights take."""
    import timm

    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return _preparation(config) if config else {}


def weights(name: str) -> tuple[Offer, ...]:
    """What is on the hub for a classifier, the default last."""
    import timm

    tags = [one.partition(".")[2] for one in timm.list_pretrained(f"{name}.*")]
    configs = {tag: timm.get_pretrained_cfg(f"{name}.{tag}" if tag else name) for tag in tags}
    default = getattr(timm.get_pretrained_cfg(name), "tag", "") if configs else ""
    ordered = sorted(configs.items(), key=lambda one: one[0] == default)
    return tuple(_offer(name, tag, config) for tag, config in ordered if config and config.hf_hub_id)


def named(reference: str) -> tuple[str, Offer]:
    """«resnet18.a1_in1k» → the classifier's name, and the offer."""
    name, _, tag = reference.partition(".")
    offers = weights(name) if name in names() else ()
    chosen = [one for one in offers if one.reference == f"timm:{reference}"] or list(offers[-1:] if not tag else ())
    if not chosen:
        said = ", ".join(one.reference for one in offers[:6]) or "none of that name"
        raise SubjectError(f"timm has no weights {reference[:64]!r} on the hub; there are {said}", "unknown-weights")
    return name, chosen[0]


def proposals(
    shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a config.json of timm's says; of a thousand networks none is guessed."""
    name = (config or {}).get("architecture")
    if not isinstance(name, str) or missing() or name.partition(".")[0] not in names():
        return
    given = config.get("model_args")
    arguments = {key: one for key, one in given.items() if key not in _REFUSED} if isinstance(given, Mapping) else {}
    classes = config.get("num_classes")
    yield name.partition(".")[0], arguments | ({argument: classes} if type(classes) is int else {})


def _offer(name: str, tag: str, config: Any) -> Offer:
    return Offer(
        reference=f"timm:{name}.{tag}" if tag else f"timm:{name}",
        title=f"{name}.{tag}" if tag else name,
        bytes=None,
        licence=config.license or "not said: see the model's page on the hub",
        host=HOST,
        url=f"https://{HOST}/{config.hf_hub_id}",
        preparation=_preparation(config),
        arguments={} if config.num_classes == 1000 else {argument: config.num_classes},
    )


def _preparation(config: Any) -> dict[str, Any]:
    """timm's own words as [data] keys: to 0..1, the shorter side resized, the middle cropped, normalised."""
    side = config.input_size[-1]
    return {
        "scale": 255.0,
        "mean": [float(one) for one in config.mean],
        "std": [float(one) for one in config.std],
        "resize": math.floor(side / config.crop_pct),
        "crop": int(side),
        "interpolation": config.interpolation if config.interpolation in ("bilinear", "bicubic", "nearest") else "bicubic",
    }

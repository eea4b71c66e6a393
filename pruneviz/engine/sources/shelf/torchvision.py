"""torchvision: its image classifiers by name, and the weights that it publishes for each."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from torch import nn

from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.sources.offer import Offer

title = "torchvision"
words = "Every image classifier of torchvision by name, with its published weights or with yours."
argument = "num_classes"

# What would make torchvision fetch something.
_REFUSED = {"weights", "weights_backbone", "pretrained", "progress"}
# Both were trained on images scaled to −1..1, and published to be given images scaled as for all others.
_TRANSFORM = ("googlenet", "inception_v3")


def missing() -> str:
    """What to install, where torchvision is not there."""
    return "" if importlib.util.find_spec("torchvision") else "install the package torchvision"


def names() -> list[str]:
    """All image classifiers."""
    import torchvision.models

    return torchvision.models.list_models(module=torchvision.models)


def maker(name: str, arguments: Mapping[str, Any], folder: Path | None = None) -> Callable[[], nn.Module]:
    """The classifier of that name, without weights."""
    refused = sorted(_REFUSED & set(arguments))
    if refused:
        raise SubjectError(f"torchvision:{name} is not built with {refused[0]!r}: leave it out, the card names its weights")
    import torchvision.models

    if name in _TRANSFORM:
        # Both warn unless they are told, and both have a second head for training that is never run here.
        arguments = {"init_weights": False, **arguments}
    return partial(torchvision.models.get_model, name, weights=None, **arguments)


def preparation(name: str) -> dict[str, Any]:
    """The [data] keys of the images that torchvision's default weights take."""
    offers = weights(name)
    return dict(offers[-1].preparation) if offers else {}


def weights(name: str) -> tuple[Offer, ...]:
    """What torchvision publishes for a classifier, the default last."""
    import torchvision.models

    enum = torchvision.models.get_model_weights(name)
    ordered = sorted(enum, key=lambda one: one is enum.DEFAULT if hasattr(enum, "DEFAULT") else False)
    return tuple(_offer(name, one) for one in ordered)


def named(reference: str) -> tuple[str, Offer]:
    """«MobileNet_V2_Weights.IMAGENET1K_V1» → the classifier's name, and the offer."""
    import torchvision.models

    try:
        found = torchvision.models.get_weight(reference)
        name = next(one for one in names() if torchvision.models.get_model_weights(one) is type(found))
    except (ValueError, KeyError, AttributeError, StopIteration):
        near = reference.partition("_Weights")[0].lower()
        some = next((one for one in names() if one.replace("_", "") == near.replace("_", "")), "mobilenet_v2")
        offered = ", ".join(offer.reference for offer in weights(some))
        raise SubjectError(
            f"torchvision publishes no weights {reference[:64]!r}; there are such as {offered}", "unknown-weights"
        ) from None
    return name, _offer(name, found)


def proposals(
    shapes: Mapping[str, tuple[int, ...]], config: Mapping[str, Any] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The classifiers of whose tensors the file has the most, with as many classes as the file has."""
    if missing():
        return
    scored = sorted(((_likeness(shapes, _signature(name)), name) for name in names()), key=lambda one: -one[0])
    for likeness, name in scored[:3]:
        if likeness > 0.5:
            yield name, _arguments(name, shapes)


def renamed(own: Collection[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """The same by the names that torchvision has now, where `own` has these: its oldest published files keep older ones."""
    names = {name: _newer(name) for name in found if name not in own}
    return {(names[name] if names.get(name) in own else name): one for name, one in found.items()}


def _newer(name: str) -> str:
    for pattern, new in _OLDER:
        name = pattern.sub(new, name)
    return name


def _offer(name: str, weight: Any) -> Offer:
    meta = weight.meta
    metrics = meta.get("_metrics", {}).get("ImageNet-1K", {})
    licence = meta.get("license") or "BSD-3-Clause, as torchvision; trained on ImageNet-1K, which has terms of its own"
    digest = re.search(r"-([0-9a-f]{8,64})\.", weight.url)
    kind = f"{type(weight).__name__}.{weight.name}"
    return Offer(
        reference=f"torchvision:{kind}",
        title=kind,
        bytes=round(meta["_file_size"] * 2**20) if "_file_size" in meta else None,
        licence=str(licence),
        host=urlsplit(weight.url).hostname or "",
        accuracy=metrics["acc@1"] / 100 if "acc@1" in metrics else None,
        url=weight.url,
        sha256=digest[1] if digest else "",
        preparation=_preparation(weight.transforms()),
        classes=tuple(meta.get("categories", ())),
        arguments={"transform_input": True} if name in _TRANSFORM else {},
    )


def _preparation(preset: Any) -> dict[str, Any]:
    """torchvision's own preset as [data] keys: to 0..1, the shorter side resized, the middle cropped, normalised."""
    size, crop = (one[0] if isinstance(one, list | tuple) else one for one in (preset.resize_size, preset.crop_size))
    return {
        "scale": 255.0,
        "mean": [float(one) for one in preset.mean],
        "std": [float(one) for one in preset.std],
        "resize": int(size),
        "crop": int(crop),
        "interpolation": str(preset.interpolation.value),
    }


# DenseNet's layers and the transformers' matrices were called otherwise when their weights were published.
_OLDER = (
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)
_CLASSES = 1009  # a number of classes that is no width of any network: where it shows, there is the head
_signatures: dict[str, dict[str, tuple[int, ...]]] = {}


def _signature(name: str) -> dict[str, tuple[int, ...]]:
    """Every tensor's name and shape, worked out once; no tensor is ever held."""
    if name not in _signatures:
        from pruneviz.engine.sources.outline import outline

        network = outline(maker(name, {argument: _CLASSES}))
        _signatures[name] = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    return _signatures[name]


def _likeness(shapes: Mapping[str, tuple[int, ...]], signature: Mapping[str, tuple[int, ...]]) -> float:
    """Of all names that either has, the share that both have in the same shape; heads may differ in their classes."""
    shapes = renamed(signature, shapes)
    same = sum(_fits(shapes[key], shape) for key, shape in signature.items() if key in shapes)
    counters = sum(key.endswith("num_batches_tracked") and key not in shapes for key in signature)
    return same / max(1, len(shapes.keys() | signature.keys()) - counters)


def _fits(stored: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return stored == wanted or (wanted[:1] == (_CLASSES,) and stored[1:] == wanted[1:])


def _arguments(name: str, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    heads = (shapes[key] for key, shape in _signature(name).items() if shape[:1] == (_CLASSES,) and shapes.get(key))
    classes = next((shape[0] for shape in heads), 1000)
    found: dict[str, Any] = {} if classes == 1000 else {argument: classes}
    if name in _TRANSFORM and classes == 1000:
        found["transform_input"] = True
    place, patch = shapes.get("encoder.pos_embedding", ()), shapes.get("conv_proj.weight", ())
    if name.startswith("vit_") and len(place) == 3 and len(patch) == 4:
        side = math.isqrt(max(0, place[1] - 1)) * patch[2]
        found |= {"image_size": side} if side and side != 224 else {}
    if not any(key.startswith("aux") for key in (one.lower() for one in shapes)) and name in _TRANSFORM:
        found["aux_logits"] = False
    return found

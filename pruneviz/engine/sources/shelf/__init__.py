"""The shelf of sources: who knows architectures by name. One file is one source, found by its name.

A card's `build` is «source:name», or the bare name of what the app ships. A source file has `title` and `words` (for the
menu), `argument` (what it calls the number of classes) and these verbs:

`missing() -> str` what to install, or ""; `names() -> list[str]` all it can build, by name;
`maker(name, arguments, folder) -> () -> Module` what makes the untrained network (`architecture.build` calls it where no
parameter is filled and no random number drawn; it fetches nothing);
`preparation(name) -> dict` the [data] keys of the images that its best-known weights were trained on;
`weights(name) -> tuple[Offer, …]` what is published for it (and `named(reference) -> (name, Offer)`, where anything is);
`proposals(shapes, config) -> Iterator[(name, arguments)]` which of its networks a file of such tensors may belong to, the
likeliest first.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from pruneviz.engine import looking

SHIPPED = "shipped"


def offered() -> list[str]:
    """The sources by name."""
    return looking.names(__name__)


def find(name: str) -> ModuleType:
    """The source of that name."""
    if name not in offered():
        raise ValueError(f"unknown source {name[:64]!r}; there are {', '.join(offered())}")
    return importlib.import_module(f"{__name__}.{name}")


def split(build: str) -> tuple[str, str]:
    """«torchvision:resnet18» → torchvision, resnet18; «lenet5» → shipped, lenet5; «transformers» → transformers."""
    source, colon, name = build.partition(":")
    if colon:
        return source, name
    return (build, "") if build in offered() and build != SHIPPED else (SHIPPED, build)

"""The data sets of torchvision that can be named: what each holds, weighs, and may be used for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pruneviz.engine.sources.limits import printed
from pruneviz.engine.sources.refusal import SubjectError

PREFIX = "torchvision:"


@dataclass(frozen=True, slots=True)
class Offered:
    """A data set: its name, how many images it holds out, of how many classes, and the bytes that a download takes (about).

    `held_out` and `training` are what torchvision wants to hear for either split; None where there is no training split.
    """

    name: str
    samples: int
    classes: int
    bytes: int
    licence: str
    held_out: Mapping[str, Any]
    training: Mapping[str, Any] | None

    @property
    def words(self) -> str:
        """One line for a menu."""
        return f"{self.name}: {self.samples:,} held-out images, {self.classes} classes, {printed(self.bytes)}"


def _by(key: str, held_out: Any, training: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {key: held_out}, {key: training}


def _sized(held_out: str, training: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"split": held_out, "size": "160px"}, {"split": training, "size": "160px"}


_FREE, _ASK = "free to use; see its publisher", "for research; see its publisher"
_SETS = (
    Offered("MNIST", 10_000, 10, 11_594_722, "CC BY-SA 3.0, as commonly stated", *_by("train", False, True)),
    Offered("FashionMNIST", 10_000, 10, 30_878_645, "MIT", *_by("train", False, True)),
    Offered("KMNIST", 10_000, 10, 21_240_888, "CC BY-SA 4.0", *_by("train", False, True)),
    Offered("CIFAR10", 10_000, 10, 170_498_071, _FREE, *_by("train", False, True)),
    Offered("CIFAR100", 10_000, 100, 169_001_437, _FREE, *_by("train", False, True)),
    Offered("SVHN", 26_032, 10, 246_316_178, "not for commercial use", *_by("split", "test", "train")),
    Offered("STL10", 8_000, 10, 2_640_397_119, _ASK, *_by("split", "test", "train")),
    Offered("USPS", 2_007, 10, 8_411_109, _FREE, *_by("train", False, True)),
    Offered("GTSRB", 12_630, 43, 276_000_000, _FREE, *_by("split", "test", "train")),
    Offered("DTD", 1_880, 47, 625_239_812, _ASK, *_by("split", "test", "train")),
    Offered("EuroSAT", 27_000, 10, 94_280_567, "MIT", {}, None),
    Offered("Flowers102", 6_149, 102, 344_900_000, _ASK, *_by("split", "test", "train")),
    Offered("Food101", 25_250, 101, 4_996_278_331, _ASK, *_by("split", "test", "train")),
    Offered("OxfordIIITPet", 3_669, 37, 811_000_000, "CC BY-SA 4.0", *_by("split", "test", "trainval")),
    Offered("FGVCAircraft", 3_333, 100, 2_753_340_328, "not for commercial use", *_by("split", "test", "trainval")),
    Offered("Imagenette", 3_925, 10, 98_948_031, "Apache-2.0", *_sized("val", "train")),
)  # fmt: skip


def offered() -> tuple[Offered, ...]:
    """The data sets that can be named."""
    return _SETS


def find(name: str) -> Offered:
    """The data set of that name, with or without «torchvision:» before it."""
    plain = name.removeprefix(PREFIX)
    for one in _SETS:
        if one.name.casefold() == plain.casefold():
            return one
    raise SubjectError(
        f"unknown data set {name[:64]!r}; there are {', '.join(PREFIX + one.name for one in _SETS)}, and digits", "set"
    )

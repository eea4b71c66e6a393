"""torchvision's data sets by name: from a folder where they lie, or downloaded where that is allowed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pruneviz.engine.sources import class_names, fetching, found, pixels
from pruneviz.engine.sources.fetching import Fetch
from pruneviz.engine.sources.found import Data, Wants
from pruneviz.engine.sources.limits import LOCAL, Limits
from pruneviz.engine.sources.published_sets import PREFIX, Offered, find, offered
from pruneviz.engine.sources.refusal import SubjectError, brief
from pruneviz.engine.subject import Preparation, Samples

__all__ = ["PREFIX", "Offered", "fetch", "find", "here", "offered", "read", "root"]

STALLED = 120.0
"""Seconds without a new byte, once some have come, after which a download is given up: hashes and unpacking take a while."""


_fetching: dict[str, threading.Lock] = {one.name: threading.Lock() for one in offered()}


def root(table: Mapping[str, Any], folder: Path) -> Path:
    """Where a data set lies: the card's `root`, else `PRUNEVIZ_DATA`, else the usual folder of this account."""
    if "root" in table:
        return folder / Path(table["root"]).expanduser()
    said = os.environ.get("PRUNEVIZ_DATA")
    return Path(said) if said else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pruneviz" / "data"


def here(name: str, where: Path) -> bool:
    """Whether a data set lies in a folder already."""
    one = find(name)
    return os.path.isdir(where) and _opened(one, one.held_out, where) is not None


def read(table: Mapping[str, Any], folder: Path, wants: Wants, limits: Limits = LOCAL) -> Data:
    """The data set that a card names, as samples; fetched first where it is not there and that is allowed."""
    one, where = find(table["set"]), root(table, folder)
    held = _opened(one, one.held_out, where)
    if held is None:
        fetch(one, where, Fetch(wants.allowed and table.get("download", True), wants.told))
        held = _opened(one, one.held_out, where)
        if held is None:
            raise SubjectError(f"{one.name} came incomplete: remove the folder {where.name}, and fetch it again", "changed")
    classes = _classes(held)
    places = _places(classes, wants)
    held_out, notes = _samples(held, places, (table, wants), limits)
    others = _opened(one, one.training, where) if one.training is not None else None
    training, more = _samples(others, places, (table, wants), limits) if others is not None else (None, ())
    if training is not None and training.stored.shape[1:] != held_out.stored.shape[1:]:
        training = None  # images that grow as they are used may have other sizes there; nobody needs them to measure
    return Data(held_out, training, _sha256(one, held_out), () if wants.classes else classes, (*notes, *more))


def fetch(one: Offered, where: Path, fetch: Fetch) -> None:
    """Downloads a data set beside its place, and moves it there once it is whole; `fetch` hears how far it is."""
    fetching.refuse_unless(fetch, one.name, one.bytes)
    fetching.refuse_over(fetch, one.name, one.bytes)
    with _fetching[one.name]:
        try:
            where.mkdir(parents=True, exist_ok=True)
            stage = Path(tempfile.mkdtemp(dir=where, prefix=".fetch-"))
        except OSError as error:
            why = f"{where.name} cannot be written ({brief(error)})"
            raise SubjectError(f"{why}: say another [data] root", "cache") from None
        try:
            _fetched(one, stage, fetch)
            for part in stage.iterdir():
                if not (where / part.name).exists():
                    os.replace(part, where / part.name)
        finally:
            shutil.rmtree(stage, ignore_errors=True)


@dataclass(slots=True)
class _Errand:
    """What a thread that fetches leaves behind."""

    done: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


def _fetched(one: Offered, stage: Path, fetch: Fetch) -> None:
    """torchvision fetches in a thread; what grows on the disk says how far it is, and whether anything comes at all."""
    errand = _Errand()

    def run() -> None:
        try:
            for how in filter(lambda how: how is not None, (one.held_out, one.training)):
                _kind(one)(stage, download=True, **how)
        except BaseException as error:  # whatever it is, the one who waits hears of it
            errand.error = error
        finally:
            errand.done.set()

    threading.Thread(target=run, daemon=True, name="pruneviz-fetch").start()
    size, since = 0, time.monotonic()
    while not errand.done.wait(0.25):
        now = _size(stage)
        if now > size:
            size, since = now, time.monotonic()
            fetch.told(min(size, one.bytes), one.bytes)
        if time.monotonic() - since > (STALLED if size else fetching.PATIENCE):
            raise fetching.unreachable("the publisher of " + one.name, "nothing comes")
    if errand.error is not None:
        raise fetching.unreachable("the publisher of " + one.name, errand.error)
    fetch.told(one.bytes, one.bytes)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _kind(one: Offered) -> type:
    try:
        import torchvision.datasets
    except ImportError:
        way = "install it, or bring a file"
        raise SubjectError(f"{PREFIX}{one.name} needs the package torchvision: {way}", "missing") from None
    return getattr(torchvision.datasets, one.name)


def _opened(one: Offered, how: Mapping[str, Any], where: Path) -> Any:
    """torchvision's data set in a folder; None where it is not there, or not whole."""
    try:
        return _kind(one)(where, download=False, **how)
    except SubjectError:
        raise
    except Exception:  # torchvision says «not found» in many ways, and what is broken is not there
        return None


def _classes(held: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in getattr(held, "classes", ()))


def _places(classes: tuple[str, ...], wants: Wants) -> np.ndarray | None:
    """The output of each class, where the names say that the network has them in another order; None: as they are."""
    if not classes or len(wants.classes) != len(classes):
        return None
    known = {class_names.plain(name): place for place, name in enumerate(wants.classes)}
    found_ = [known.get(class_names.plain(name)) for name in classes]
    return None if None in found_ or len(set(found_)) < len(found_) else np.array(found_)


def _labels(held: Any) -> np.ndarray:
    """The label of each sample, from whichever attribute this data set keeps them in."""
    for name in ("targets", "labels", "_labels"):
        if len(labels := getattr(held, name, ())):
            return np.asarray(labels, dtype=np.int64)
    return np.array([label for _, label in held._samples], dtype=np.int64)


def _samples(
    held: Any, places: np.ndarray | None, asked: tuple[Mapping[str, Any], Wants], limits: Limits
) -> tuple[Samples, tuple[str, ...]]:
    """The samples of one split, and what there is to say about them."""
    table, wants = asked
    labels = _labels(held)
    chosen = found.thinned(labels, limits.samples)
    sizes = {key: table[key] for key in ("resize", "crop", "interpolation") if key in table}
    stored = _stored(held, chosen, wants.channels, found.preparation(sizes, 1), limits)
    told = labels[chosen] if places is None else places[labels[chosen]]
    samples = Samples(stored, torch.from_numpy(told), found.preparation(table, stored.shape[1]))
    return samples, found.thinning(len(chosen), len(labels), "images")


def _stored(held: Any, chosen: np.ndarray, channels: int | None, how: Preparation, limits: Limits) -> torch.Tensor:
    def images(how: Preparation) -> Iterator[tuple[int, np.ndarray]]:
        for place, index in enumerate(chosen.tolist()):
            yield place, pixels.ready(held[index][0], channels, how)

    try:
        return pixels.grown(len(chosen), images, how, limits)
    except (OSError, ValueError) as error:
        if isinstance(error, SubjectError):
            raise
        raise SubjectError(f"an image of the data set cannot be read ({brief(error)}): fetch it again", "image") from None


def _sha256(one: Offered, samples: Samples) -> str:
    """A name for these very images in this very order."""
    digest = hashlib.sha256(one.name.encode())
    for part in (samples.stored, samples.labels):
        digest.update(str(tuple(part.shape)).encode())
        digest.update(part.numpy().tobytes())
    return digest.hexdigest()

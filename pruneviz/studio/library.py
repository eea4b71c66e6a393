"""Library: what visitors brought, each seen by the one who brought it, and given back when they have gone.

Files lie once each, named by their content. A model is a folder with a card beside links to its files, and its reference
follows from the files and the card alone: the same files give the same reference anywhere. Two visitors who bring the same
share one folder; neither can tell.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pruneviz import plain
from pruneviz.caps import Caps
from pruneviz.studio import folders, holdings
from pruneviz.studio.holdings import File, Held, Visitor

PREFIX = "own:"
_REFERENCE = re.compile(r"own:[0-9a-f]{24}")
_PLACE = re.compile(r"(?:model|data|tokenizer)/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_CHUNK = 1 << 20
_ELSEWHERE = ("root", "download")


class Full(ValueError):
    """There is no room for what somebody brings; the message says so in one sentence."""

    code = "held-bytes"


_lock = threading.RLock()
_visitors: dict[str, Visitor] = {}
_models: dict[str, Held] = {}
_stamps: dict[str, tuple] = {}
_files: dict[str, File] = {}
_coming: Counter[str] = Counter()
_claims = count(1)
_listeners: list[Callable[[str], None]] = []


def is_own(reference: str) -> bool:
    """Whether a reference is of a model that somebody brought."""
    return reference.startswith(PREFIX)


def portable(table: Mapping[str, Any]) -> dict[str, Any]:
    """A card without what is about one machine only: where a published data set lies, and whether it may be fetched."""
    data = table.get("data")
    if not isinstance(data, Mapping):
        return dict(table)
    return {**table, "data": {key: one for key, one in data.items() if key not in _ELSEWHERE}}


def keep(owner: str, name: str, stream: BinaryIO, caps: Caps, tab: str = "") -> File:
    """Takes an uploaded file in: written once, named by its content. `Full` where it is too large or nothing fits.

    It stays while a model needs it; until then, while `tab` is open and the visitor does not let it go.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    _reserve(owner, plain.file_name(name), size, caps)
    try:
        return _kept(owner, plain.file_name(name), stream, (size, tab))
    finally:
        with _lock:
            _coming[owner] -= size
            if not _coming[owner]:
                del _coming[owner]


def refer(path: Path) -> File:
    """A file on one's own machine: it stays where it is."""
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size = os.fstat(stream.fileno()).st_size
    return File(plain.file_name(path.name), sha256, size, path.resolve(), ours=False)


def let_go(owner: str, files: Mapping[str, File]) -> None:
    """Gives back files that a visitor brought and wants no longer; what a model or another of their drafts needs stays."""
    with _lock:
        if owner in _visitors:
            holdings.drop_claims(_visitors[owner], files)
        _sweep_files()


def lay(owner: str, table: Mapping[str, Any], files: Mapping[str, File], identify: Callable[[Path], str]) -> str:
    """Lays out the model that a visitor is trying, in place of the one they tried before, and says its reference.

    `identify` writes the card into the folder that it is given, where the files already lie, and answers its 24 letters.
    """
    if wrong := [place for place in files if not _PLACE.fullmatch(place) or ".." in place]:
        raise ValueError(f"{wrong[0][:64]!r} is no place in a model's folder")
    with folders.furnished({place: one.path for place, one in files.items()}) as folder:
        reference = PREFIX + identify(folder)
        if not _REFERENCE.fullmatch(reference):
            raise ValueError(f"{reference[:64]!r} is no reference of a model")
        with _lock:
            if place(reference) is None:
                folders.move(folder, _folder(reference))
                _models[reference] = Held(reference, dict(table), dict(files))
                _stamps[reference] = _stamp(_models[reference])
            here = _visitor(owner)
            here.trial, here.files[reference] = reference, dict(files)
            forgotten = _sweep_models()
            _sweep_files()
    _tell(forgotten)
    return reference


def take(
    owner: str, reference: str, hashes: tuple[str, str], caps: Caps, turn: Callable[[], None] = lambda: None
) -> tuple[str, ...]:
    """The model that a visitor tried becomes theirs. The titles of those that made room: the ones used longest ago.

    `turn` turns the page to it once it is theirs. Where either fails, all is as it was.
    """
    known = _hold(owner, reference)
    try:
        turn()
    except BaseException:
        if not known:
            _put_back(owner, reference)
        raise
    with _lock:
        here = _visitor(owner)
        _models[reference] = replace(_models[reference], sha256=hashes[0], data_sha256=hashes[1])
        here.trial = "" if here.trial == reference else here.trial
        titles = tuple(_models[one].title for one in holdings.make_room(here, caps, _files))
        holdings.drop_claims(here, here.files[reference])
        forgotten = _sweep_models()
        _sweep_files()
    _tell(forgotten)
    return titles


def folder(reference: str, owner: str) -> Path | None:
    """The folder of a model that this visitor brought, while its files are what they were; None otherwise."""
    with _lock:
        here = _visitors.get(owner)
        if here is None or (reference not in here.models and reference != here.trial):
            return None
        if reference in here.models:
            here.models.move_to_end(reference)
    return place(reference)


def place(reference: str) -> Path | None:
    """The folder of a model, whoever brought it: for work that was allowed before. None where it is no longer here."""
    with _lock:
        held = _models.get(reference)
        return _folder(reference) if held is not None and _stamp(held) == _stamps.get(reference) else None


def changed(reference: str) -> list[str]:
    """Reads all files of a model again: the names, as its card has them, of those whose content is no longer what it was."""
    held = _models.get(reference)
    if held is None:
        return [reference]
    return [PurePosixPath(at).name for at, one in held.files.items() if _hash(_folder(reference) / at) != one.sha256]


def facts(reference: str, owner: str = "") -> Held | None:
    """What is known of a model: its card, its files and their hashes. Files are called as `owner` calls them."""
    with _lock:
        held, here = _models.get(reference), _visitors.get(owner)
        files = here.files.get(reference) if here is not None else None
    if held is None:
        return None
    # Nobody hears what another visitor called the same file.
    nameless = {at: replace(one, name=PurePosixPath(at).name) for at, one in held.files.items()}
    return replace(held, files=nameless if files is None else files)


def listed(owner: str) -> dict[str, str]:
    """The models that a visitor brought, for a menu: reference → title."""
    with _lock:
        here = _visitors.get(owner)
        titles = {one: _models[one].title for one in sorted(here.models)} if here else {}
    many = Counter(titles.values())
    # Of two models with one name, each says how its reference begins.
    return {one: f"{title} ({one[4:10]})" if many[title] > 1 else title for one, title in titles.items()}


def enter(owner: str, tab: str) -> None:
    """A visitor opened a tab: what they brought stays."""
    with _lock:
        here = _visitor(owner)
        here.tabs.add(tab)
        here.gone = 0.0


def leave(owner: str, tab: str, seconds: float) -> None:
    """A tab is gone. When the last one has been gone for so many seconds, what the visitor brought is given back."""
    with _lock:
        here = _visitors.get(owner)
        if here is None or tab not in here.tabs:
            return
        here.tabs.discard(tab)
        here.drafts = {claim: one for claim, one in here.drafts.items() if one[1] != tab}
        _sweep_files()
        if here.tabs:
            return
        here.gone = since = time.monotonic()
    timer = threading.Timer(seconds, _forget, args=(owner, since))
    timer.daemon = True
    timer.start()


def release(owner: str) -> None:
    """Gives back all that a visitor brought, at once."""
    with _lock:
        _visitors.pop(owner, None)
        forgotten = _sweep_models()
        _sweep_files()
    _tell(forgotten)


def on_forgotten(listener: Callable[[str], None]) -> None:
    """Who wants to hear that nobody holds a model any more: what was kept of it can go."""
    _listeners.append(listener)


def held_bytes() -> int:
    """Bytes that all visitors' files fill."""
    with _lock:
        return sum(one.bytes for one in _files.values())


def _kept(owner: str, name: str, stream: BinaryIO, about: tuple[int, str]) -> File:
    digest, (size, tab) = hashlib.sha256(), about
    with folders.arriving() as (target, path):
        while piece := stream.read(_CHUNK):
            digest.update(piece)
            target.write(piece)
        target.flush()
        sha256 = digest.hexdigest()
        with _lock:
            if sha256 not in _files or not _files[sha256].path.is_file():
                _files[sha256] = File(name, sha256, size, folders.settle(path, sha256))
            claim = next(_claims)
            _visitor(owner).drafts[claim] = (sha256, tab)
            return replace(_files[sha256], name=name, claim=claim)


def _reserve(owner: str, name: str, size: int, caps: Caps) -> None:
    """Counts a file that is coming, if it may."""
    elsewhere = "or run PruneViz on your own machine"
    if size > caps.upload_bytes:
        most = plain.size(caps.upload_bytes)
        raise Full(f"{name} has {plain.size(size)}; one file may have {most} here: give a smaller one, {elsewhere}")
    with _lock:
        here = _visitors.get(owner) or Visitor()
        if holdings.loose_bytes(here, _files) + _coming[owner] + size > holdings.share(caps):
            most = plain.size(holdings.share(caps))
            raise Full(
                f"{name} does not fit: you may give {most} here that no model of yours uses yet: let go of what you do not "
                f"need with «Another model» or «Other data», {elsewhere}"
            )
        if held_bytes() + _coming.total() + size > caps.held_bytes:
            most = plain.size(caps.held_bytes)
            raise Full(
                f"{name} does not fit: this server keeps at most {most} for all its visitors together, and is full just "
                f"now: come back later, {elsewhere}"
            )
        _coming[owner] += size


def _hold(owner: str, reference: str) -> bool:
    """The model is the visitor's and cannot go; whether it was before."""
    with _lock:
        here = _visitor(owner)
        if reference not in _models or reference not in (*here.models, here.trial):
            raise KeyError(f"{reference} was given back meanwhile: bring the files again")
        known = reference in here.models
        here.models[reference] = None
        here.models.move_to_end(reference)
        return known


def _put_back(owner: str, reference: str) -> None:
    with _lock:
        _visitor(owner).models.pop(reference, None)
        forgotten = _sweep_models()
        _sweep_files()
    _tell(forgotten)


def _visitor(owner: str) -> Visitor:
    return _visitors.setdefault(owner, Visitor())


def _forget(owner: str, since: float) -> None:
    """Forgets a visitor who left then, unless they have come back."""
    with _lock:
        here = _visitors.get(owner)
        back = here is None or bool(here.tabs) or here.gone != since
    if not back:
        release(owner)


def _sweep_models() -> list[str]:
    """Removes the models that nobody holds or tries, and says which."""
    for here in _visitors.values():
        here.files = {one: files for one, files in here.files.items() if one in here.models or one == here.trial}
    wanted = {one for here in _visitors.values() for one in (*here.models, here.trial)}
    forgotten = [one for one in _models if one not in wanted]
    for one in forgotten:
        del _models[one]
        _stamps.pop(one, None)
        folders.remove(_folder(one))
    return forgotten


def _sweep_files() -> None:
    wanted = {sha256 for here in _visitors.values() for sha256, _ in here.drafts.values()}
    wanted |= {one.sha256 for held in _models.values() for one in held.files.values()}
    for sha256 in [one for one in _files if one not in wanted]:
        folders.remove(_files.pop(sha256).path)


def _tell(forgotten: list[str]) -> None:
    for reference in forgotten:
        for listener in _listeners:
            listener(reference)


def _folder(reference: str) -> Path:
    return folders.root() / "models" / reference.removeprefix(PREFIX)


def _stamp(held: Held) -> tuple:
    """What tells cheaply that a file was touched: its size, the time of its last change, and where it lies."""
    try:
        found = [os.stat(_folder(held.reference) / at) for at in sorted(held.files)]
    except OSError:
        return ("gone",)
    return tuple((one.st_size, one.st_mtime_ns, one.st_ino) for one in found)


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""

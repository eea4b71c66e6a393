"""Heap: the files that somebody put down as a model, by their names in one folder; an archive of a folder is unpacked.

Names are looked up in here and shown; where a file really lies has nothing to do with what it is called.
"""

from __future__ import annotations

import io
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from pruneviz.caps import Caps
from pruneviz.studio import library, visitor
from pruneviz.studio.library import File

MOST = 64
"""Files that a model's folder has at most. A folder of samples has more, and is data."""
_ARCHIVES = ("zip", "tar", "gzip")
_PLAIN = re.compile(r"[^A-Za-z0-9_.-]+")


def gathered(owner: str, files: Sequence[File], caps: Caps) -> dict[str, File]:
    """The files by name. One archive stands for the files in it, without the folder that holds them all."""
    from pruneviz.engine.sources import sniff

    if len(files) == 1 and sniff.family(files[0].path) in _ARCHIVES:
        return _unpacked(owner, files[0], caps)
    return {one.name: one for one in files}


def folder(path: Path) -> dict[str, File]:
    """The files of a folder on one's own machine. In folders inside it, only what its card names is looked at."""
    from pruneviz.engine.sources.gate import SubjectError

    found = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
    found += _named_beside(path)
    if not found or len(found) > MOST:
        said = f"{len(found)} files" if found else "no files"
        raise SubjectError(
            f"the folder has {said}; a model's folder has 1 to {MOST}, such as config.json and model.safetensors: name "
            "another one, or the file itself",
            "folder",
        )
    return {one.relative_to(path).as_posix(): library.refer(one) for one in found}


def from_path(owner: str, path: Path, caps: Caps) -> dict[str, File]:
    """A file on one's own machine. One that names others stands for the folder it lies in."""
    if path.name.endswith((".index.json", "config.json", "subject.toml")):
        return folder(path.parent)
    return gathered(owner, [library.refer(path)], caps)


def place(room: str, name: str, taken: Mapping[str, File]) -> str:
    """A place of its own in the model's folder for a file of that name: plain letters, its ending kept."""
    stem = _PLAIN.sub("_", PurePosixPath(name).name)[-60:].lstrip(".-") or "file"
    at, count = f"{room}/{stem}", 1
    while at in taken:
        count += 1
        at = f"{room}/{count}_{stem}"
    return at


def _named_beside(path: Path) -> list[Path]:
    """The files in folders inside a folder that its card names: a tokenizer, data."""
    from pruneviz.engine.sources import card, gate

    if not (path / card.CARD).is_file():
        return []
    try:
        named = [path / one for one in card.named(tomllib.loads(gate.text(path / card.CARD))).values()]
    except (ValueError, RecursionError):  # a card that cannot be read is refused where it is read for good
        return []
    within = [file for one in named if one != path for file in (sorted(one.iterdir()) if one.is_dir() else [one])]
    return sorted({one for one in within if one.is_file() and one.parent != path})


def _unpacked(owner: str, packed: File, caps: Caps) -> dict[str, File]:
    from pruneviz.engine.sources import archive, gate

    found: dict[str, File] = {}
    try:
        for name, data in archive.members(packed.path, gate.limits(caps), model=True):
            if len(found) == MOST:
                raise gate.SubjectError(
                    f"{packed.name} holds more than {MOST} files, which is no model's folder: if these are images or texts, "
                    "give them under «Data»",
                    "many-files",
                )
            found[name] = library.keep(owner, PurePosixPath(name).name, io.BytesIO(data), caps, visitor.tab())
    except Exception:
        library.let_go(owner, found)
        raise
    library.let_go(owner, {packed.name: packed})
    return _without_top(found)


def _without_top(found: Mapping[str, File]) -> dict[str, File]:
    """The names without the one folder that everything lies in."""
    parts = {name: PurePosixPath(name).parts for name in found}
    tops = {one[0] for one in parts.values() if len(one) > 1}
    if len(tops) == 1 and all(len(one) > 1 for one in parts.values()):
        return {"/".join(parts[name][1:]): one for name, one in found.items()}
    return dict(found)

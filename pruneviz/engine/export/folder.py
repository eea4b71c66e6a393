"""The folder that an export goes to: whole or not at all, and never over anything that somebody else put there."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pruneviz.engine.export.carried import DATA, KNOWN, TOKENIZER
from pruneviz.engine.export.removal import FORMAT, NAME
from pruneviz.engine.sources import card_files, gate
from pruneviz.engine.sources.gate import SubjectError, brief

_FILES = "weights.safetensors subject.toml rebuild.py model.py slim.py dropping.py model.onnx transformers __pycache__"
OURS = frozenset([NAME, *_FILES.split(" ")])
"""What an export consists of, beside its card's files in `CARRIED`. A folder that holds anything else is not replaced."""
CARRIED = (TOKENIZER, DATA)


def check(out: str | Path) -> Path:
    """The folder as a full path, if an export may go there: it does not exist, is empty, or holds an earlier export."""
    try:
        target = Path(out).expanduser().resolve()
        there, is_folder = target.exists(), target.is_dir()
        held = sorted(path.name for path in target.iterdir()) if is_folder else []
    except (OSError, ValueError, RuntimeError) as error:
        raise SubjectError(f"{str(out)[:256]!r} cannot be a folder ({brief(error)}): name another one") from None
    if not str(out) or (there and not is_folder):
        raise SubjectError(f"{str(out)[:256]!r} is not a folder: name a new or an empty one")
    if held and not _is_export(target):
        raise SubjectError(f"{str(out)[:256]!r} holds files and is no export: name a new or an empty folder")
    foreign = [name for name in held if name not in OURS and name not in CARRIED] + (_uncarried(target) if held else [])
    if foreign:
        raise SubjectError(
            f"{str(out)[:256]!r} holds {foreign[0][:64]!r} beside an export: move it away, or name another folder"
        )
    return target


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, which takes its place when the block ends well, and is gone when it does not."""
    mark = uuid.uuid4().hex[:12]
    place, before = (target.with_name(f".{target.name}.{mark}.{word}") for word in ("new", "old"))
    try:
        place.mkdir(parents=True)
    except OSError as error:
        raise SubjectError(f"{str(target)[:256]!r} cannot be written ({brief(error)}): name another folder") from None
    try:
        yield place
        check(target)
        if target.exists():
            os.replace(target, before)
        try:
            os.replace(place, target)
        except OSError:
            if before.exists():
                os.replace(before, target)
            raise
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if target.exists():
            shutil.rmtree(before, ignore_errors=True)


def _uncarried(target: Path) -> list[str]:
    """What lies in the folders of carried files and is named by no card: somebody else put it there."""
    places = [target / name for name in CARRIED]
    there = {one for place in places for one in ([place] if place.is_file() else place.rglob("*"))}
    if not there:
        return []
    try:
        found = card_files.files(tomllib.loads(gate.text(target / "subject.toml")), target)
    except (ValueError, RecursionError):
        found = {}
    # A tokenizer that is a whole folder is named by all that lies in it: of that, what a tokenizer has is ours.
    known = {path for key, path in found.items() if not key.startswith("data.tokenizer/")}
    known |= {target / TOKENIZER / name for name in KNOWN}
    return [one.relative_to(target).as_posix() for one in sorted(there - known)]


def _is_export(target: Path) -> bool:
    try:
        with (target / NAME).open(encoding="utf-8") as stream:
            return json.load(stream).get("format") == FORMAT
    except (OSError, ValueError, AttributeError, RecursionError):
        return False

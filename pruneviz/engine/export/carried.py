"""Carried: what a language or text model cannot be loaded without goes into its export: the tokenizer, and its texts.

    tokenizer/   the tokenizer's files, by the names that they had      data/   the held-out text, and one to learn from

So the folder can be moved or downloaded, and what it was written from can be deleted. A published set stays a name.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pruneviz import plain
from pruneviz.engine.sources import encoder, files

TOKENIZER, DATA = "tokenizer", "data"
"""The folders inside an export that hold what is carried."""
MOST = 16_000_000
"""A text of up to so many bytes is carried; a larger one would make the export something else than a network."""
TASKS = ("language_modelling", "text_classification")
"""Whose exports carry their files. Images are larger than the networks that they are shown to."""
NOTES = ("tokenizer_config.json", "special_tokens_map.json")
"""What says how a tokenizer is used, whatever it is called itself."""
PIECES = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "added_tokens.json", "spiece.model", "tokenizer.model")
KNOWN = (*PIECES, *NOTES, "chat_template.jinja")
"""The files of a tokenizer as the transformers library names them."""
_ODD = re.compile(r"[^A-Za-z0-9_.-]+")
# Without a word about its class, the library would make a tokenizer of its own from the pieces in the file.
_AS_IT_IS = {"tokenizer_class": "PreTrainedTokenizerFast"}


def carry(data: Mapping[str, Any], start: Path, place: Path) -> tuple[dict[str, str | None], list[str]]:
    """Copies what a card's [data] names from `start` into `place`: its plain names by their keys, None of what is left out,
    and what a reader should know. A held-out text that is too large stays where it is; one to learn from is left out."""
    names: dict[str, str | None] = {}
    notes = []
    if isinstance(named := data.get("tokenizer"), str) and (found := _tokenizer(start / named, place / TOKENIZER)):
        names["tokenizer"] = found
    for key in ("file", "training_file"):
        path = start / data[key] if isinstance(data.get(key), str) else None
        if path is None or not files.is_file(path):
            continue
        if (size := path.stat().st_size) <= MOST:
            names[key] = _copied(path, place / DATA)
            continue
        large = f"{files.shown(path)} has {plain.size(size)}, and an export carries texts of at most {plain.size(MOST)}"
        if key == "training_file":
            names[key] = None
            notes.append(f"{large}: the text to learn from was left out of the card.")
        else:
            notes.append(f"{large}: it has to stay where the card names it.")
    return names, notes


def for_transformers(place: Path, folder: Path) -> None:
    """Puts the carried tokenizer into the export's folder of the transformers library, where the library reads it."""
    there = place / TOKENIZER
    if not folder.is_dir() or not there.is_dir():
        return
    for path in sorted(there.iterdir()):
        name = path.name if path.name in KNOWN else {".json": "tokenizer.json", ".txt": "vocab.txt"}.get(path.suffix)
        if name is not None:
            shutil.copyfile(path, folder / name)
    if (folder / "tokenizer.json").is_file() and not (folder / NOTES[0]).exists():
        (folder / NOTES[0]).write_text(json.dumps(_AS_IT_IS) + "\n", encoding="utf-8")


def _tokenizer(path: Path, folder: Path) -> str:
    """Copies a tokenizer, a file or a folder of them, with all that is read beside it: its name in the export."""
    if files.is_folder(path):
        names, home, known = [], path, KNOWN
    elif files.is_file(path):
        names, home = [path.name], path.parent
        known = () if not encoder.is_encoder(path) else KNOWN if path.name in KNOWN else NOTES
    else:
        return ""
    names += [one for one in known if one not in names and files.is_file(home / one)]
    if not names:
        return ""
    copied = [_copied(home / one, folder) for one in names]
    return TOKENIZER if files.is_folder(path) or path.name == PIECES[0] else copied[0]


def _copied(path: Path, folder: Path) -> str:
    """Copies one file under a plain name that no other has: where it lies in the export."""
    folder.mkdir(exist_ok=True)
    wanted = _ODD.sub("_", path.name)[-100:].lstrip(".-") or "file"
    name, count = wanted, 1
    while (folder / name).exists():
        count += 1
        name = f"{count}_{wanted}"
    shutil.copyfile(path, folder / name)
    return f"{folder.name}/{name}"

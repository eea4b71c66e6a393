"""Model: what the files are that somebody put down as a model, as far as that can be told before there are data."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from pruneviz import plain
from pruneviz.caps import Caps
from pruneviz.studio import folders, library, visitor
from pruneviz.studio.bring import heap
from pruneviz.studio.library import File

WEIGHTS = ("safetensors", "torch-zip", "torch-legacy", "torchscript", "torch-export", "llama2c", "pickle", "keras", "onnx")
"""What a file of weights can turn out to be; most of these are refused, each with a way out."""
TOKENIZERS = (
    "tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "tok512.bin", "tokenizer.bin",
)  # fmt: skip
_CARD, _CONFIG, _INDEX = "subject.toml", "config.json", ".safetensors.index.json"
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What was recognised: the part of a card that it makes, its files by their places, and what there is to say.

    `candidates` are the architectures that its tensors may belong to, the likeliest first; empty where it says so itself.
    `data` are the keys of [data] that come with the weights: how images are prepared, which tokenizer.
    """

    title: str
    table: Mapping[str, Any]
    files: Mapping[str, File]
    data: Mapping[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    candidates: tuple[Any, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether an architecture is known that every tensor fits."""
        return not self.candidates or self.candidates[0].match.ok

    @property
    def task(self) -> str:
        return str(self.table.get("task", ""))


def recognised(files: Mapping[str, File], build: str, caps: Caps) -> Model:
    """What these files are. `build` is the architecture that the visitor named, if they did."""
    if _CARD in files:
        return _card(files, caps)
    key = tuple(sorted((name, one.sha256, str(one.path), one.ours) for name, one in files.items()))
    found = _recognised(_Heap(key, dict(files)), build, caps)
    # What somebody else was told of the same files was of theirs: their names, and theirs to let go of.
    return replace(found, files={at: files[name] for name, at in _placed(files).items()})


@dataclass(frozen=True, slots=True)
class _Heap:
    """Files by name, known by their content: what was recognised once is not read again."""

    key: tuple
    files: dict[str, File] = field(compare=False)


@lru_cache(maxsize=8)
def _recognised(found: _Heap, build: str, caps: Caps) -> Model:
    files = found.files
    main = _weights(files)
    placed = _placed(files)
    table: dict[str, Any] = {"name": _title(files, main), "weights": placed[main]}
    config = _config(files.get(_CONFIG))
    with folders.furnished({placed[name]: one.path for name, one in files.items()}) as folder:
        data = _beside(folder, placed)
        if config is not None and "model_type" in config and not build:
            return _configured(table, config, (files, placed, data))
        return _compared(table, config, build, (files, placed, data, folder, caps))


def _configured(table: dict[str, Any], config: Mapping[str, Any], at: tuple) -> Model:
    """A folder of transformers': its configuration says what it is. What it is for, the configuration may leave open."""
    from pruneviz.engine.sources.shelf import transformers

    files, placed, data = at
    checked = transformers.checked(config)
    task = transformers.task_of(checked)
    table["architecture"] = {"build": "transformers", "config": placed[_CONFIG]}
    table |= {"task": task} if task else {}
    said = (f"A {checked['model_type']} of the transformers library, by its config.json.",)
    return Model(table["name"], table, {placed[name]: one for name, one in files.items()}, data, said)


def _compared(table: dict[str, Any], config: Mapping[str, Any] | None, build: str, at: tuple) -> Model:
    """A file of weights: its tensors' names and shapes say what they may belong to."""
    from pruneviz.engine.sources import checkpoint, gate, recognise

    files, placed, data, folder, caps = at
    read = checkpoint.read(folder / table["weights"], gate.limits(caps))
    given = config or read.config or None
    candidates = tuple(recognise.recognise(read.tensors, config=given, build=build))
    if candidates:
        table |= with_architecture(candidates[0])
    said, longest = tuple(read.words), given.get("max_seq_len") if given else None
    if table.get("task") == "language_modelling" and type(longest) is int and longest >= 2:
        data = {**data, "context": longest}  # it was trained on windows of so many tokens
    return Model(table["name"], table, {placed[name]: one for name, one in files.items()}, data, said, candidates)


def with_architecture(candidate: Any) -> dict[str, Any]:
    """The part of a card that an architecture makes."""
    from pruneviz.engine.sources import recognise

    return {"architecture": recognise.architecture_table(candidate), "task": candidate.task}


def _card(files: Mapping[str, File], caps: Caps) -> Model:
    """A card with the files that it names, as an export writes it. A stranger may have written it: only what was given is
    looked at, whatever the card names."""
    from pruneviz.engine.sources import card, gate, schema

    try:
        table = tomllib.loads(gate.text(files[_CARD].path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise gate.SubjectError(f"{_CARD} is not TOML ({gate.brief(error)}): correct it there", "toml") from None
    schema.check(table)
    placed: dict[str, File] = {}
    for key, name in card.named(table).items():
        found, at = _meant(key, name, files, caps)
        if lacking := next((one for one in found.values() if one not in files), "" if found else name):
            raise gate.SubjectError(
                f"the card names {plain.one_line(lacking, 80)}, which was not given: give the card and all its files as "
                "one .zip",
                "no-file",
            )
        found, at = _apart(found, at, placed)
        placed |= {place: files[one] for place, one in found.items()}
        _put(table, key, at)
    title = plain.one_line(table.get("name", "Model"), 80)
    table = table if visitor.own_machine() else library.portable(table)
    data = dict(table.pop("data"))
    return Model(title, table | {"name": title}, placed, data, ("A card.",))


def _meant(key: str, name: str, files: Mapping[str, File], caps: Caps) -> tuple[dict[str, str], str]:
    """The given files that a card means by a name, by the places they are to have; and the place that stands for them all.

    An index stands for its shards, and a folder for a tokenizer's files: these name one another and keep their names.
    """
    from pruneviz.engine.sources import checkpoint, gate

    if key == "weights" and name.endswith(_INDEX) and name in files:
        shards = sorted(set(checkpoint.shard_names(files[name].path, gate.limits(caps)).values()))
        beside = PurePosixPath(name).parent
        index = heap.place("model", name, {})
        return {index: name, **{f"model/{one}": (beside / one).as_posix() for one in shards}}, index
    if key == "data.tokenizer" and name not in files:
        within = [one for one in sorted(files) if str(PurePosixPath(one).parent) == name]
        within = [one for one in within if name != "." or one in TOKENIZERS]
        return {f"tokenizer/{PurePosixPath(one).name}": one for one in within}, "tokenizer"
    at = heap.place("data" if key.startswith("data.") else "model", name, {})
    return {at: name}, at


def _apart(found: dict[str, str], at: str, placed: Mapping[str, File]) -> tuple[dict[str, str], str]:
    """The same files, a single one in a place that no other has."""
    if len(found) > 1 or at not in found:
        return found, at
    room, _, name = at.partition("/")
    free = heap.place(room, name, placed)
    return {free: found[at]}, free


def _put(table: dict[str, Any], key: str, value: str) -> None:
    outer, _, inner = key.partition(".")
    if inner and isinstance(table.get(outer), dict):
        table[outer] = {**table[outer], inner: value}
    elif not inner:
        table[key] = value


def _weights(files: Mapping[str, File]) -> str:
    """The file that holds the weights: an index of shards, else the largest that is one; refused where none is."""
    from pruneviz.engine.sources import sniff

    if index := next((name for name in sorted(files) if name.endswith(_INDEX)), ""):
        return index
    families = {name: sniff.family(one.path) for name, one in files.items()}
    found = [name for name, family in families.items() if family in WEIGHTS]
    if found:
        return max(found, key=lambda name: (families[name] == "safetensors", files[name].bytes))
    largest = max(files, key=lambda name: files[name].bytes)
    raise sniff.refusal(families[largest], files[largest].name)


def _placed(files: Mapping[str, File]) -> dict[str, str]:
    """A place in the model's folder for each file. Known names stay what they are: files name one another."""
    placed: dict[str, str] = {}
    for name in sorted(files):
        room = "tokenizer" if name in TOKENIZERS else "model"
        plainly = bool(_PLAIN.fullmatch(name)) and ".." not in name
        placed[name] = f"{room}/{name}" if plainly else heap.place(room, name, dict.fromkeys(placed.values()))
    return placed


def _beside(folder: Path, placed: Mapping[str, str]) -> dict[str, Any]:
    """What lies beside the weights and concerns the data: a tokenizer, how images are prepared."""
    from pruneviz.engine.sources import model_folder

    alone = next((placed[name] for name in TOKENIZERS[-2:] if name in placed), "")
    tokenizer = alone or ("tokenizer" if any(name in placed for name in TOKENIZERS) else "")
    return ({"tokenizer": tokenizer} if tokenizer else {}) | dict(model_folder.preparation(folder / "model"))


def _config(file: File | None) -> Mapping[str, Any] | None:
    from pruneviz.engine.sources.gate import SubjectError, content

    if file is None:
        return None
    try:
        table = json.loads(content(file.path, 1 << 20))
    except (ValueError, RecursionError) as error:
        if isinstance(error, SubjectError):
            raise
        raise SubjectError("config.json is not JSON: give the file as it came with the model", "config") from None
    return table if isinstance(table, dict) else None


def _title(files: Mapping[str, File], main: str) -> str:
    """What the model is called in menus: its file's name without the ending."""
    name = files[main].name
    stem = name.removesuffix(_INDEX).rsplit(".", 1)[0]
    return plain.one_line(stem or "model", 60)

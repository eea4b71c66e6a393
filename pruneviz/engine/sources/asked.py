"""Asked: a subject as a command line names it: a sample, a card, one's own function, or an architecture with its files.

--subject torchvision:mobilenet_v2 --weights mobilenet_v2.pth --data images.zip --say data.scale=127.5
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz import language_reference
from pruneviz.engine.sources import card, code, download, model_folder, recognise, shelf
from pruneviz.engine.sources.fetching import NEVER, Fetch
from pruneviz.engine.sources.gate import SubjectError, brief
from pruneviz.engine.subject import Subject

HUB = "hub:"
PREPARED = ("scale", "mean", "std", "resize", "crop", "interpolation")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line said: a name or a path, files of weights and data, and lines of a card («data.mean=[0.5]»)."""

    subject: str
    weights: str = ""
    data: str = ""
    say: tuple[str, ...] = ()


def subject(asked: Asked, fetch: Fetch = NEVER) -> Subject:
    """The subject, in whichever of the ways it was named."""
    if asked.weights or asked.data or asked.say:
        return card.from_table(table(asked, fetch), Path.cwd(), asked.subject, fetch=fetch)
    if code.named(asked.subject) and shelf.split(asked.subject)[0] not in (*shelf.offered(), "hub"):
        return code.load(asked.subject)
    if (
        shelf.split(asked.subject)[0] not in (shelf.SHIPPED, "transformers")
        and ":" in asked.subject
        and _known(asked.subject)
    ):
        raise SubjectError(f"{asked.subject[:96]} needs held-out data: add --data FILE (and --weights FILE)", "no-data")
    return card.load(asked.subject, fetch=fetch)


def table(asked: Asked, fetch: Fetch = NEVER) -> dict[str, Any]:
    """The card that the command line amounts to; its paths are absolute."""
    said: dict[str, Any] = {}
    for line in asked.say:
        _merge(said, _said(line))
    made = _model(asked, fetch)
    if asked.data:
        named = asked.data in ("digits", language_reference.NAME) or asked.data.startswith("torchvision:")
        made["data"] = {**made.get("data", {}), **({"set": asked.data} if named else {"file": _absolute(asked.data)})}
    if set(PREPARED) & set(said.get("data", {})):  # one's own preparation, and nothing of another
        made["data"] = {key: one for key, one in made["data"].items() if key not in PREPARED}
    _merge(made, said)
    if not {"file", "set"} & set(made.get("data", {})):
        raise SubjectError(f"{asked.subject[:96]} needs held-out data: add --data FILE", "no-data")
    return made


def inspected(path: Path, *, config: Path | None = None, build: str = "") -> dict[str, Any]:
    """What a file of weights, or a model's folder, is recognised as, as plain data; tensors that do not fit first."""
    path = Path(path).expanduser()
    if path.is_dir():
        config, path = path / "config.json", path / model_folder.weights(path)
    said = model_folder.build_of(config.parent) if config is not None and config.name == "config.json" else None
    found, candidates = recognise.file(path, config=said, build=build)
    return {
        "file": path.name,
        "sha256": found.sha256,
        "tensors": len(found.tensors),
        "parameters": sum(one.numel() for one in found.tensors.values() if one.is_floating_point()),
        "notes": list(found.words),
        "candidates": [_candidate(one) for one in candidates[:5]],
    }


def _candidate(one: recognise.Candidate) -> dict[str, Any]:
    wrong = [row for row in one.match.rows if row.verdict != "fits"]
    rows = [
        {
            "name": row.name,
            "file": row.stored and list(row.stored),
            "network": row.wanted and list(row.wanted),
            "verdict": row.verdict,
        }
        for row in wrong[:100]
    ]
    return {
        "build": one.build,
        "arguments": dict(one.arguments),
        "title": one.title,
        "task": one.task,
        "classes": one.classes,
        "exact": one.match.ok,
        "words": one.match.words,
        "mismatches": rows,
    }


def _model(asked: Asked, fetch: Fetch) -> dict[str, Any]:
    """Architecture and weights, with the preparation that the weights came with."""
    if asked.subject.startswith(HUB):
        name, _, revision = asked.subject.removeprefix(HUB).partition("@")
        return _folder(download.hub(name, revision or None, fetch))
    place = Path(asked.subject).expanduser()
    if place.is_dir() and (place / "config.json").is_file():
        return _folder(place.resolve())
    if place.is_file() and place.suffix != ".toml" and not asked.weights:
        return _recognised("", str(place))
    if not _known(asked.subject):
        raise SubjectError(
            f"{asked.subject[:96]!r} is no architecture, no model's folder and no file of weights; name one, such as "
            "torchvision:resnet18",
            "unknown-subject",
        )
    if asked.weights and not card.published(asked.weights):
        return _recognised(asked.subject, asked.weights)
    source, name = shelf.split(asked.subject)
    offers = shelf.find(source).weights(name)
    if not asked.weights and not offers:
        raise SubjectError(f"nobody publishes weights for {asked.subject[:96]}: add --weights FILE", "no-weights")
    return {"weights": asked.weights or offers[-1].reference, "architecture": {"build": asked.subject}, "data": {}}


def _recognised(build: str, weights: str) -> dict[str, Any]:
    """The architecture that a file of weights fits exactly."""
    path = Path(_absolute(weights))
    _, candidates = recognise.file(path, build=build)
    if not candidates:
        raise SubjectError(f"{path.name} fits no architecture that is known here: name one with --subject", "mismatch")
    if not candidates[0].match.ok:
        nearest = f"does not fit {build}" if build else f"fits no architecture; the nearest is {candidates[0].build}"
        raise SubjectError(f"{path.name} {nearest}: {candidates[0].match.words}", "mismatch")
    first = candidates[0]
    source, name = shelf.split(first.build)
    prepared = shelf.find(source).preparation(name) if first.task == "image_classification" else {}
    wanted = recognise.architecture_table(first)
    return {"task": first.task, "weights": str(path), "architecture": wanted, "data": prepared}


def _folder(place: Path) -> dict[str, Any]:
    """A model's folder as a card, its files by their whole paths."""
    made = model_folder.read(place).table()
    made["weights"] = str(place / made["weights"])
    made["architecture"]["config"] = str(place / made["architecture"]["config"])
    if "tokenizer" in made["data"]:
        made["data"]["tokenizer"] = str((place / made["data"]["tokenizer"]).resolve())
    return made


def _known(build: str) -> bool:
    source, name = shelf.split(build)
    return source in shelf.offered() and (source != shelf.SHIPPED or name in shelf.find(source).names())


def _said(line: str) -> dict[str, Any]:
    """One line of a card, «data.scale=127.5»; a value that is no TOML is a text."""
    key, equals, value = line.partition("=")
    for text in (f"{key} = {value}", f"{key} = {_quoted(value)}") if equals else ():
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
    raise SubjectError(f"{brief(line)!r} is no line of a card; write for example data.scale=127.5", "say")


def _quoted(value: str) -> str:
    from pruneviz.engine.export import toml

    return toml.value(value)


def _merge(made: dict[str, Any], said: Mapping[str, Any]) -> None:
    for key, value in said.items():
        if isinstance(value, Mapping) and isinstance(made.get(key), Mapping):
            made[key] = dict(made[key])
            _merge(made[key], value)
        else:
            made[key] = value


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().resolve())

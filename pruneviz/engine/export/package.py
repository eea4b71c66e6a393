"""Package: an export as a folder, or as one .zip. What is written is read back and compared before anybody gets it.

removal.json          what was removed, as plain data        subject.toml   the card: this app loads the folder again
weights.safetensors   what is left                           rebuild.py     the same with plain PyTorch
model.onnx            for every other runtime                transformers/  for from_pretrained, where it can be
tokenizer/            of a language or text model            data/          its texts, up to a size (`carried`)
"""

from __future__ import annotations

import hashlib
import io
import platform
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from pruneviz.engine import evaluate, storage
from pruneviz.engine.export import apart, carried, companions, folder, onnx, pretrained, removal
from pruneviz.engine.export.cut import Cut, bare, cut, parameters, probe
from pruneviz.engine.structure.surgery import Proof, SurgeryError, logits
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: files with their bytes, what was claimed to go, and how far each check was from equality.

    `claimed` is the fraction of all stored numbers' bytes that the smaller network keeps, counted on its tensors; `real`
    is the same fraction of the weights' file. `converted` is None where no ONNX file was asked for.
    """

    out: str
    files: tuple[tuple[str, int], ...]
    parameters: int
    parameters_left: int
    claimed: float
    real: float
    proof: Proof | None
    converted: onnx.Converted | None
    notes: tuple[str, ...]

    def answer(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "out": self.out,
            "files": [{"name": name, "bytes": size} for name, size in self.files],
            "parameters": self.parameters,
            "parameters_left": self.parameters_left,
            "size_claimed": self.claimed,
            "size_real": self.real,
            "proof": asdict(self.proof) if self.proof else None,
            "onnx": {"difference": self.converted.difference, "ok": self.converted.ok} if self.converted else None,
            "notes": list(self.notes),
        }


def write(
    subject: Subject,
    recipe: Recipe,
    standing: evaluate.Standing,
    out: str | Path,
    *,
    convert: bool = True,
    fold: bool = False,
) -> Exported:
    """Exports to the folder `out`, whole or not at all; with `convert`, an ONNX file too. `fold` is surgery's.

    Raises ValueError where `out` holds anything but an earlier export, SurgeryError where the removal fails its proof.
    """
    folder.check(out)
    return keep(subject, cut(subject, recipe, standing, fold=fold), out, convert=convert)


def keep(subject: Subject, made: Cut, out: str | Path, *, convert: bool = True) -> Exported:
    """The same of a network that was cut already."""
    target = folder.check(out)
    with folder.replacing(target) as place:
        return _fill(subject, made, place, target, convert)


def archive(
    subject: Subject, recipe: Recipe, standing: evaluate.Standing, *, convert: bool = True, fold: bool = False
) -> tuple[bytes, Exported]:
    """The same as the bytes of a .zip, without the transformers folder, which only `write` makes. It names no folder of
    this machine: images have to be put beside the card."""
    made = cut(subject, recipe, standing, fold=fold)
    with tempfile.TemporaryDirectory() as place:
        exported = _fill(subject, made, Path(place), None, convert)
        return _zipped(Path(place)), exported


def _fill(subject: Subject, made: Cut, place: Path, target: Path | None, convert: bool) -> Exported:
    inputs, notes = probe(subject), list(made.notes)
    dense, left = storage.tensors(subject.network), storage.tensors(made.network)
    weights = storage.file(left)
    (place / WEIGHTS).write_bytes(weights)
    before, after = parameters(subject.network), parameters(made.network)
    stored = [sum(one.nbytes for one in tensors.values()) for tensors in (dense, left)]
    sizes = {"parameters": {"before": before, "after": after}, "bytes": {"before": stored[0], "after": stored[1]}}
    record = _record(subject, made, hashlib.sha256(weights).hexdigest(), sizes)
    (place / removal.NAME).write_text(removal.text(record), encoding="utf-8")
    notes += companions.write(subject, record, place, target)
    _reread(subject, made, place, inputs)
    converted = _converted(subject, place, inputs) if convert else None
    notes += [f"{converted.problem}."] if converted and converted.problem else []
    # transformers sets process-wide switches while it loads: an archive is made beside other visitors, so it goes without.
    problem = pretrained.save(record, made.network, inputs, place / pretrained.NAME) if target else ""
    notes += [f"{problem}."] if problem else []
    carried.for_transformers(place, place / pretrained.NAME)
    files = [(path.relative_to(place).as_posix(), path.stat().st_size) for path in _files(place)]
    real = len(weights) / len(storage.file(dense))
    claimed = stored[1] / max(1, stored[0])
    where = str(target) if target else ""
    return Exported(where, tuple(files), before, after, claimed, real, made.proof, converted, tuple(notes))


def _record(subject: Subject, made: Cut, sha256: str, sizes: Mapping[str, Any]) -> removal.Record:
    origin = subject.origin
    wanted = origin.card["architecture"] if origin else {"build": ""}
    steps = (*(origin.steps if origin else ()), *((made.step,) if made.step else ()))
    facts = {
        "subject": {"name": bare(subject.name), "title": subject.title, "sha256": subject.sha256},
        "mask": made.mask,
        "proof": asdict(made.proof) if made.proof else None,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        **sizes,
    }
    return removal.Record(wanted["build"], wanted.get("arguments", {}), steps, sha256, facts)


def _reread(subject: Subject, made: Cut, place: Path, inputs: torch.Tensor | dict[str, torch.Tensor]) -> None:
    """What the folder says is done again to the architecture: it must compute the very same numbers."""
    if subject.origin is None:
        removal.read(place / removal.NAME)
        return
    again = companions.load(place)
    with torch.inference_mode():
        one, other = (
            logits(net(**inputs) if isinstance(inputs, dict) else net(inputs)) for net in (made.network, again.eval())
        )
    if one.shape != other.shape or not torch.equal(one.nan_to_num(), other.nan_to_num()):
        raise SurgeryError("", "the folder, read again, computes other numbers than the network it was written from")


def _converted(subject: Subject, place: Path, inputs: torch.Tensor | dict[str, torch.Tensor]) -> onnx.Converted:
    """The ONNX file, made in another process, which has to build the network from what was written."""
    if subject.origin is None:
        words = "this network was not built from a card, so no other process can build it"
        return onnx.Converted(None, f"no ONNX file: {words}; pruneviz.engine.export.onnx.convert does it in your own")
    return apart.convert(place, inputs)


def _zipped(place: Path) -> bytes:
    """All files under `place`, in order; each with one and the same date, so that equal exports are equal bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in _files(place):
            member = zipfile.ZipInfo(path.relative_to(place).as_posix(), (1980, 1, 1, 0, 0, 0))
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, path.read_bytes())
    return packed.getvalue()


def _files(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*") if path.is_file())

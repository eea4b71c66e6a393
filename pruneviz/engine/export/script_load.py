"""Script, first part: the network with its weights, and the samples that it is measured on."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from pruneviz import plain
from pruneviz.engine import storage
from pruneviz.engine.export import script_parts
from pruneviz.engine.export.script_piece import Piece, literal, pasted
from pruneviz.engine.sources import digits, shelf
from pruneviz.engine.sources.shelf import shipped
from pruneviz.engine.splits import Split
from pruneviz.engine.subject import Samples, Sentences, Subject, Windows

WEIGHTS, DATA = "weights.safetensors", "data.npz"
_LOAD = '''WEIGHTS = {names}
WEIGHTS_SHA256 = "{sha256}"


def load() -> nn.Module:
    """The trained network."""
    network = {build}.eval()
    own = network.state_dict()
    with torch.no_grad():
        for name, one in load_file(find(WEIGHTS, WEIGHTS_SHA256)).items():
            own[name].copy_(one)  # tied tensors are stored once
    return network'''
_TRANSFORMERS = '''CONFIG = {config}


def build() -> nn.Module:
    """The transformers library's own class with this configuration."""
    rest = {{key: value for key, value in CONFIG.items() if key != "model_type"}}
    config = transformers.AutoConfig.for_model(CONFIG["model_type"], **rest, attn_implementation="eager")
    return getattr(transformers, CONFIG["architectures"][0])(config)'''
_SAMPLES = '''def samples() -> dict[str, Tensor]:
    """The held-out samples that are measured, as they are stored."""
{body}'''
_INPUTS = '''def inputs(data: dict[str, Tensor], at: slice) -> Tensor | dict[str, Tensor]:
    """What the network takes of some of the samples."""
    return {how}'''


def network(subject: Subject) -> Piece:
    """`load()`: the architecture by its code or its library, the weights from a file. Refuses what no card describes."""
    if subject.origin is None:
        raise ValueError(
            f"{plain.one_line(subject.title, 96)} was made by a function of your own, which a script cannot repeat: call "
            "that function yourself, or bring the model as a file of weights"
        )
    if subject.origin.steps:
        raise ValueError(
            f"{plain.one_line(subject.title, 96)} was made smaller before: its folder has a rebuild.py, which loads it with "
            "plain PyTorch"
        )
    build, code = _built(subject.origin.card["architecture"])
    names, file = _weights(subject)
    text = _LOAD.format(build=build, names=json.dumps(names), sha256=hashlib.sha256(file).hexdigest())
    whole = f"{code.text}\n\n\n{text}" if code.text else text
    return Piece(whole, (script_parts.find,), code.imports, ((WEIGHTS, file),))


def _built(wanted: Mapping[str, Any]) -> tuple[str, Piece]:
    """The expression that builds an architecture, and the code that has to stand before it."""
    source, name = shelf.split(wanted["build"])
    arguments = dict(wanted.get("arguments") or {})
    if source == "transformers":
        return "build()", Piece(_TRANSFORMERS.format(config=literal(arguments["config"])))
    given = f"**{literal(arguments)}" if arguments else ""
    if source == "torchvision":
        quiet = ["init_weights=False"] if name in ("googlenet", "inception_v3") and "init_weights" not in arguments else []
        told = ", ".join(filter(None, (json.dumps(name), "weights=None", *quiet, given)))
        return f"torchvision.models.get_model({told})", Piece("")
    if source == "timm":
        return f"timm.create_model({', '.join(filter(None, (json.dumps(name), 'pretrained=False', given)))})", Piece("")
    return f"build({given})", pasted((shipped.SHIPPED / name / "model.py").read_text("utf-8"))


def _weights(subject: Subject) -> tuple[list[str], bytes]:
    """Under which names the weights' file is looked for, and the file: the very one that the app ships, where it does."""
    held = storage.tensors(subject.network)
    place = Path(subject.origin.folder)
    if place.parent == shipped.SHIPPED and (place / WEIGHTS).is_file():
        data = (place / WEIGHTS).read_bytes()
        mine = safetensors.torch.load(data)
        if all(name in held and torch.equal(one, held[name]) for name, one in mine.items()):
            return [WEIGHTS, f"{shipped.SHIPPED.name}/{place.name}/{WEIGHTS}"], data
    return [WEIGHTS], storage.file(held)


def samples(subject: Subject, split: Split, seed: int, most: int | None) -> Piece:
    """`samples()` and `inputs(data, at)`: what is measured, and what the network takes of it.

    The digits come from scikit-learn; all else comes as a file, of at most so many bytes where a bound is given.
    """
    held = subject.held_out
    inputs, parts = _inputs(held)
    if _is_digits(subject):
        body, needed = _digits(held, split, seed)
        return Piece(f"{_SAMPLES.format(body=body)}\n\n\n{inputs}", (*needed, *parts))
    data = _stored(held, split.measured, most)
    sha256 = hashlib.sha256(data).hexdigest()
    body = f'    with np.load(find(["{DATA}"], DATA_SHA256)) as file:\n'
    body += "        return {name: torch.from_numpy(file[name]) for name in file.files}"
    known = f'DATA_SHA256 = "{sha256}"'
    return Piece(
        f"{known}\n\n\n{_SAMPLES.format(body=body)}\n\n\n{inputs}", (script_parts.find, *parts), (), ((DATA, data),)
    )


def _inputs(held: Samples | Windows | Sentences) -> tuple[str, tuple]:
    if isinstance(held, Windows):
        return _INPUTS.format(how='data["x"][at]'), ()
    if isinstance(held, Sentences):
        return _INPUTS.format(how=f"padded(data, at, {literal(held.names)})"), (script_parts.padded,)
    how = held.preparation
    given = f'data["x"][at], scale={how.scale!r}, mean={literal(how.mean)}, std={literal(how.std)}'
    if how.resize and not how.crop:
        mode = "bicubic" if how.interpolation == "bicubic" else "bilinear"
        given += f", side={how.resize}, mode={mode!r}"
    return _INPUTS.format(how=f"prepared({given})"), (script_parts.prepared,)


def _is_digits(subject: Subject) -> bool:
    """Whether the held-out samples are scikit-learn's digits, in their order."""
    held = subject.held_out
    if not isinstance(held, Samples) or len(held) != 500 or held.stored[0].numel() != 64:
        return False
    known = digits.split()
    same = torch.equal(held.stored.reshape(500, 8, 8).double(), torch.tensor(known["x_test"]).double())
    return same and torch.equal(held.labels, torch.tensor(known["y_test"]))


def _digits(held: Samples, split: Split, seed: int) -> tuple[str, tuple]:
    shape = literal(tuple(held.stored.shape[1:]))
    if split.source != "held-out":
        return f"    return digits({shape})", (script_parts.digits,)
    body = f"    data, at = digits({shape}), not_looked_at({len(held)}, seed={seed})\n"
    body += "    return {name: one[at] for name, one in data.items()}"
    return body, (script_parts.digits, script_parts.not_looked_at)


def _stored(held: Samples | Windows | Sentences, measured: Tensor, most: int | None) -> bytes:
    """The measured samples as an .npz file."""
    arrays = {"x": held.stored, "y": held.labels}
    if isinstance(held, Sentences):
        arrays |= {"lengths": held.lengths, "types": held.types}
    size = sum(one[:1].nbytes * len(measured) for one in arrays.values())
    if most is not None and size > most:
        raise ValueError(
            f"the measured samples take {plain.size(size)}, and {plain.size(most)} is the most that is packed here: use "
            "python -m pruneviz python"
        )
    file = io.BytesIO()
    np.savez(file, **{name: one[measured].numpy() for name, one in arrays.items()})
    return file.getvalue()

"""The gate: all that anybody brings comes in here, sizes and headers first, and nothing in it can run.

Weights come as safetensors, or as PyTorch's state dicts through a child process; arrays as `.npz` without pickles; samples
in checked archives. Whatever is wrong with a file, the answer is one `SubjectError` with one sentence and a code.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from pruneviz.engine.sources import files, pickled, sniff
from pruneviz.engine.sources.files import content, same, sha256, text
from pruneviz.engine.sources.limits import LOCAL, Limits, limits, room
from pruneviz.engine.sources.npz import arrays, names
from pruneviz.engine.sources.refusal import SubjectError, brief, printable
from pruneviz.engine.sources.tensor_file import check_header, header, tensors

__all__ = [
    "LOCAL",
    "Limits",
    "SubjectError",
    "arrays",
    "brief",
    "check_header",
    "content",
    "header",
    "limits",
    "names",
    "printable",
    "room",
    "same",
    "sha256",
    "state",
    "tensors",
    "text",
]


def state(path: Path, bounds: Limits = LOCAL, *, trusted: bool = False) -> tuple[dict[str, Tensor], str]:
    """The tensors of a file of weights, the levels of nested tables joined by «/», and the SHA-256 of the file as it is.

    Safetensors are read here, a .pt or .pth in a child process; all else is refused with a way to something that is not.
    `trusted` lets in PyTorch's old format: for downloads whose hash was verified.
    """
    family = sniff.family(path, bounds)
    if family == "safetensors":
        return tensors(path, bounds)
    if family == "torch-zip" or (trusted and family == "torch-legacy"):
        return pickled.state(path, bounds, trusted=trusted)
    raise sniff.refusal(family, files.shown(path))

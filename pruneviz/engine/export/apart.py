"""Apart: the conversion to ONNX in a process of its own, of what an exported folder says and nothing else.

While torch's exporter runs it turns switches of the whole process (mkldnn off, «exporting» and «compiling» on). In a server
others compute in the same process, and their numbers would change in the last digits. So the folder is converted elsewhere:

    python -m pruneviz.engine.export.apart FOLDER INPUTS [NAME ...]

builds the folder's network, writes its model.onnx, compares it and prints JSON. It ends when its standard input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from torch import Tensor

from pruneviz.engine import storage
from pruneviz.engine.export import companions, onnx
from pruneviz.engine.export.onnx import Converted
from pruneviz.engine.sources import gate

ROOT = Path(__file__).resolve().parents[3]
LONGEST = 300.0
"""Seconds after which a conversion is given up."""
_ALONE = "input"
"""What inputs are called that have no name."""

# A converting process takes as much memory as a small server: one at a time, the others wait.
_turn = threading.Lock()


def convert(place: Path, inputs: Tensor | dict[str, Tensor], seconds: float = LONGEST) -> Converted:
    """Writes model.onnx into a folder that holds everything else, and compares it on `inputs`. Nothing runs in here."""
    missing = onnx.missing()
    if missing:
        return Converted(None, f"no ONNX file: the package {missing} is not installed")
    file = place / onnx.NAME
    named = inputs if isinstance(inputs, dict) else {_ALONE: inputs}
    with _turn, tempfile.TemporaryDirectory() as desk:
        given = Path(desk, "inputs.safetensors")
        given.write_bytes(storage.file({name: one.contiguous() for name, one in named.items()}))
        # The file sorts its tensors; in which order the network takes them, only their names say.
        names = tuple(inputs) if isinstance(inputs, dict) else ()
        found = _answer((str(place.resolve()), str(given), *names), seconds)
    if not found.ok:
        file.unlink(missing_ok=True)
    return found


def _answer(arguments: Sequence[str], seconds: float) -> Converted:
    """What the worker says, or in one sentence how it ended without saying anything."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors:
        try:
            code = _run(arguments, seconds, said, errors)
        except subprocess.TimeoutExpired:
            return Converted(None, f"no ONNX file: the conversion was given up after {seconds:g} seconds")
        except OSError as error:
            return Converted(None, f"no ONNX file: no process could be started for it ({gate.brief(error)})")
        try:
            # Whatever a library prints at its own end comes before: the answer is the last line.
            found = json.loads(_lines(said)[-1])
            return Converted(found["difference"], found["problem"])
        except (IndexError, ValueError, KeyError, TypeError):
            last = gate.brief((_lines(errors) or [f"exit status {code}"])[-1])
            return Converted(None, f"no ONNX file: the process that converts ended without an answer ({last})")


def _run(arguments: Sequence[str], seconds: float, said: BinaryIO, errors: BinaryIO) -> int:
    """Runs the worker to its end, its time limit or ours: whatever happens here, it does not live on."""
    environment = {key: one for key, one in os.environ.items() if not key.endswith("_NUM_THREADS")}
    # One thread sums in one order: the difference that is reported does not depend on the machine's load.
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": _path()}
    command = [sys.executable, "-m", __name__, *arguments]
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=said, stderr=errors)
    try:
        return worker.wait(seconds)
    finally:
        worker.kill()
        worker.wait()
        worker.stdin.close()


def _path() -> str:
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))


def _lines(stream: BinaryIO) -> list[str]:
    """The lines that somebody else wrote, the empty ones left out."""
    stream.seek(0)
    return [line for line in stream.read().decode("utf-8", "replace").splitlines() if line.strip()]


def main(folder: str, inputs: str, *names: str) -> None:
    """In the worker: converts, and prints what became of it."""
    threading.Thread(target=_end_with_whoever_started_it, daemon=True).start()
    stored, _ = gate.tensors(Path(inputs))
    given = {name: stored[name] for name in names} if names else stored[_ALONE]
    with contextlib.redirect_stdout(sys.stderr):
        found = onnx.convert(companions.load(Path(folder)), given, Path(folder, onnx.NAME))
    print(json.dumps(asdict(found)), flush=True)


def _end_with_whoever_started_it() -> None:
    """Its standard input is held open by the process that waits for it: once that is gone, nobody reads the answer."""
    with contextlib.suppress(OSError):
        # Not sys.stdin: a thread that waits inside it is a fatal error when Python ends.
        if os.read(0, 1) == b"":
            os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])

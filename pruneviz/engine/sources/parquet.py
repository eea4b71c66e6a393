"""Parquet tables. Reading one runs a large library of C++ over a stranger's bytes, so a child process does it.

The child writes plain rows as JSON, a line each, and only those are read here.
"""

from __future__ import annotations

import io
import json
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, BinaryIO

from pruneviz import nursery
from pruneviz.engine.sources import files, throwaway
from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import SubjectError, brief
from pruneviz.engine.sources.throwaway import Errand

CHILD = "pruneviz.engine.sources.parquet:read_in_child"
ADVICE = "write it again as Parquet, or as .csv"
LIBRARY = "pyarrow.parquet"
_ROWS = 1_000
_MANY = 200
"""So many times more rows are read than texts are kept."""
_SPARE, _MOST = 512 << 20, 3 << 30
_SECONDS, _RATE = 1.2, 2 << 20
"""Seconds that a child may compute: some, and one for each so many bytes of the file."""


def read(path: Path, limits: Limits = LOCAL) -> tuple[tuple[str, ...], Callable[[], Iterator[tuple[str, ...]]]]:
    """The columns that hold texts, numbers or truths, by name, and a way through their rows, as texts."""
    name = files.shown(path)
    with files.opened(path, limits.data_bytes) as (_, size):
        unpacked = min(limits.unpacked_bytes, limits.ratio * max(size, 1))
        room(name, 4 * size, limits)
    most = asdict(limits) | {"file_bytes": size, "seconds": _SECONDS + size / _RATE}
    with tempfile.TemporaryDirectory(prefix="pruneviz-") as folder:
        target = Path(folder) / "rows.json"
        throwaway.run(Errand(CHILD, path, target, most, bounds(size, unpacked, target)), name, ADVICE)
        written = files.content(target, 2 * limits.unpacked_bytes)
    # Lines are smaller than what is in them: each is read when it is asked for.
    rows = lambda: (_line(name, line) for line in islice(io.BytesIO(written), 1, None))  # noqa: E731
    return _line(name, written.split(b"\n", 1)[0]), rows


def bounds(size: int, unpacked: int, target: Path) -> nursery.Bounds:
    """What the child may take for a file of so many bytes that unpacks to at most so many."""
    return nursery.Bounds(
        address_bytes=min(_SPARE + 3 * unpacked, max(_MOST, 3 * size)),
        cpu_seconds=20 + size // _RATE,
        # A row's texts in quotation marks, with marks of their own escaped.
        file_bytes=2 * unpacked + (1 << 20),
        alone=True,
        imports=(LIBRARY,),
        writes=(str(target),),
    )


def _line(name: str, line: bytes) -> tuple[str, ...]:
    """One row, believed no more than the file was."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise SubjectError(f"{name} could not be read: {ADVICE}", "child")
    return tuple(found)


def read_in_child(connection: Connection, source: str, target: str, limits: dict[str, Any]) -> None:
    """Reads `source`, writes its rows to `target`, and says in JSON how that went."""
    signal.setitimer(signal.ITIMER_PROF, limits["seconds"])
    with open(source, "rb") as stream:
        answer = answered(stream, target, limits)
    connection.send_bytes(json.dumps(answer).encode())


def answered(source: BinaryIO, target: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Nothing where the rows were written, or why they were not. For the child alone."""
    try:
        with open(target, "w", encoding="utf-8", errors="replace") as lines:
            _write(source, lines, limits)
    except SubjectError as error:
        return {"why": str(error), "code": error.code}
    except MemoryError:
        return {"why": "asks for more memory than its size explains", "code": "memory"}
    except Exception as error:  # whatever the library makes of it, it means the same
        if "malloc" in str(error) or "realloc" in str(error):
            return {"why": "asks for more memory than its size explains", "code": "memory"}
        return {"why": f"cannot be read as Parquet ({brief(error)})", "code": "parquet"}
    return {}


def _write(source: BinaryIO, lines: Any, limits: dict[str, Any]) -> None:
    import pyarrow
    import pyarrow.parquet

    # Other pools take addresses in advance, of which there are few here.
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    held = pyarrow.parquet.ParquetFile(source, pre_buffer=False)
    meta = held.metadata
    cells = [meta.row_group(at).column(place) for at in range(meta.num_row_groups) for place in range(meta.num_columns)]
    loose, most = sum(one.total_uncompressed_size for one in cells), limits["ratio"] * max(limits["file_bytes"], 1)
    if loose > min(limits["unpacked_bytes"], most):
        why = f"unpacks to {loose:,} bytes, which is over {limits['ratio']:,} times its size or too much"
        raise SubjectError(why, "zip-ratio")
    if meta.num_rows > _MANY * limits["samples"]:
        raise SubjectError(f"has {meta.num_rows:,} rows; {limits['samples']:,} texts are kept: give fewer", "samples")
    columns = [one.name for one in held.schema_arrow if _plain(one.type)]
    lines.write(json.dumps(columns) + "\n")
    written = 0
    for batch in held.iter_batches(_ROWS, columns=columns, use_threads=False) if columns else ():
        for row in zip(*(map(_cell, one.to_pylist()) for one in batch.columns), strict=True):
            written += lines.write(json.dumps(row) + "\n")
        # A dictionary may write one long text a million times: its size says nothing of that.
        if written > limits["unpacked_bytes"]:
            raise SubjectError(f"unpacks to over {limits['unpacked_bytes']:,} characters", "unpacked-too-large")


def _plain(kind: Any) -> bool:
    """Whether cells of this type are texts, numbers or truths."""
    import pyarrow.types as types

    tests = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean, types.is_floating)
    return any(test(kind.value_type if types.is_dictionary(kind) else kind) for test in tests)


def _cell(value: Any) -> str:
    return "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)

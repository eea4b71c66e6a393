"""In the child: a thousand files of PyTorch or of Parquet, one after another, as the reader would read each alone."""

from __future__ import annotations

import io
import json
import signal
from multiprocessing.connection import Connection
from typing import Any

from pruneviz.engine.sources import parquet, state_dict

TARGET = "tests.fuzz.child:read_many"


def read_many(connection: Connection, pack: str, first: int, target: str, limits: dict[str, Any]) -> None:
    """Reads the files of a pack from number `first` on; says of each whether it was read (b"ok") or its code."""
    with open(pack, "rb") as file:
        sizes = json.loads(file.readline())
        contents = [file.read(size) for size in sizes]
    answered = parquet.answered if limits["kind"] == "parquet" else state_dict.answered
    for content in contents[first:]:
        signal.setitimer(signal.ITIMER_PROF, limits["seconds"])
        answer = answered(io.BytesIO(content), target, limits)
        signal.setitimer(signal.ITIMER_PROF, 0)
        connection.send_bytes(answer.get("code", "ok").encode())

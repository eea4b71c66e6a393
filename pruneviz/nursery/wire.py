"""Wire: tables as JSON with their length before them, and descriptors that travel along, over a pair of sockets."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Sequence

LENGTH = struct.Struct("<I")


def say(line: socket.socket, table: dict, descriptors: Sequence[int] = ()) -> None:
    """Sends one table; copies of the descriptors arrive with it."""
    body = json.dumps(table).encode()
    if descriptors:
        # Four bytes never arrive in parts, so the descriptors are there with the length.
        socket.send_fds(line, [LENGTH.pack(len(body))], list(descriptors))
        line.sendall(body)
    else:
        line.sendall(LENGTH.pack(len(body)) + body)


def hear(line: socket.socket) -> tuple[dict, list[int]] | None:
    """The next table with its descriptors; None once the other end is closed."""
    try:
        head, descriptors, _, _ = socket.recv_fds(line, LENGTH.size, 2)
        body = _exactly(line, LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else None
    except OSError:
        return None
    if body is None:
        for descriptor in descriptors:
            os.close(descriptor)
        return None
    return json.loads(body), descriptors


def _exactly(line: socket.socket, length: int) -> bytes | None:
    parts = []
    while length:
        part = line.recv(min(length, 1 << 20))
        if not part:
            return None
        parts.append(part)
        length -= len(part)
    return b"".join(parts)

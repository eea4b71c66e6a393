"""Children that do not do what they are asked to."""

from __future__ import annotations

import json
import os
import signal
import struct
import time


def by_sigsegv(connection, source, target, most):
    _write(target, {"w": 1})
    signal.raise_signal(signal.SIGSEGV)


def by_sigkill(connection, source, target, most):
    _write(target, {"w": 1})
    signal.raise_signal(signal.SIGKILL)


def by_sigabrt(connection, source, target, most):
    _write(target, {"w": 1})
    os.abort()


def by_waiting(connection, source, target, most):
    time.sleep(60)


def by_running(connection, source, target, most):
    os.system("true")


def says_no_json(connection, source, target, most):
    connection.send_bytes(b"\x80\x04}.")


def says_a_list(connection, source, target, most):
    connection.send_bytes(b"[" * 100_000)


def says_nothing(connection, source, target, most):
    pass


def says_a_lie(connection, source, target, most):
    """That all went well, and there is no file."""
    connection.send_bytes(b'{"aliases": {}}')


def says_aliases_to_nowhere(connection, source, target, most):
    _write(target, {"w": 1})
    connection.send_bytes(json.dumps({"aliases": {"\u202e": "w"}}).encode())


def says_too_much(connection, source, target, most):
    connection.send_bytes(b'"' + b"a" * (17 << 20) + b'"')


def _write(target, tensors):
    header = {name: {"dtype": "U8", "shape": [], "data_offsets": [0, 1]} for name in tensors}
    text = json.dumps(header).encode()
    with open(target, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"\0")

"""Ground: where a child that is alone may write at all, said to the kernel (Landlock): beside the paths that it was given.

It holds for Python and machine code alike, and cannot be widened again. Reading stays free; what was read has no way out.
Where the kernel has no Landlock (before 5.13, or another system), the hook in `cage` stands alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys

CREATE, ADD, RESTRICT = 444, 445, 446
"""System calls, the same on every processor."""
VERSION, BENEATH = 1, 1
EXECUTE, WRITE, REMOVE_FILE, MAKE_FILE, REFER, TRUNCATE = 1 << 0, 1 << 1, 1 << 5, 1 << 8, 1 << 13, 1 << 14
CHANGES = sum(1 << bit for bit in (0, 1, *range(4, 13)))
"""To execute a file, to write one, and to remove or make whatever there is. Later kernels know more."""


def restrict(writes: tuple[str, ...]) -> bool:
    """From now on this process changes files only in the folders of `writes`, and executes none; whether the kernel agreed.

    The process must have given up gaining rights before.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    version = library.syscall(CREATE, None, 0, VERSION)
    if version < 1:
        return False
    handled = CHANGES | (REFER if version >= 2 else 0) | (TRUNCATE if version >= 3 else 0)
    rules = library.syscall(CREATE, struct.pack("<Q", handled), 8, 0)
    if rules < 0:
        return False
    try:
        for folder in {os.path.dirname(os.path.abspath(path)) for path in writes}:
            _allow(library, rules, folder, handled & (WRITE | REMOVE_FILE | MAKE_FILE | REFER | TRUNCATE))
        _allow(library, rules, os.devnull, handled & (WRITE | TRUNCATE))
        return library.syscall(RESTRICT, rules, 0) == 0
    finally:
        os.close(rules)


def _allow(library: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    with contextlib.suppress(OSError):  # where there is no such folder, nothing can be written in it
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            library.syscall(ADD, rules, BENEATH, struct.pack("<Qi", rights, place), 0)
        finally:
            os.close(place)

"""Cage: what a child that reads a file nobody trusts can do is compute, read files, and answer.

Readers refuse code themselves (`weights_only=True`); this is the wall behind them, for the day when a reader is wrong. The
child has an empty environment, no network where the system allows that, no right to gain rights, no new processes or
threads, and gates that cannot be taken out again. A hook ends it when Python is about to start a program, open a socket,
call into a library by `ctypes`, send a signal, write, move or remove files, or import what reading needs not. The hook sees
Python; the kernel sees whatever else would try the same, down to a reader whose memory is corrupted: system calls are
filtered (`filter`), and files change only beside where it was told to write (`ground`).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

from pruneviz.nursery.filter import install
from pruneviz.nursery.ground import restrict

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_NO_NEW_PRIVS = 38
FORBIDDEN = 77
"""The exit status of a child that tried what it must not."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
EVENTS = frozenset((
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty.spawn",
    "os.kill", "os.killpg", "signal.pthread_kill", "os.putenv", "os.unsetenv", "os.chdir", "os.fchdir",
    "os.chmod", "os.chown", "os.chflags", "os.link", "os.symlink", "os.setxattr", "os.removexattr", "os.truncate",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.utime", "shutil.rmtree", "shutil.move", "shutil.chown",
    "shutil.make_archive", "shutil.unpack_archive", "sys.addaudithook", "sys.setprofile", "sys.settrace",
    "gc.get_objects", "gc.get_referrers", "webbrowser.open",
))  # fmt: skip
"""What Python says to a hook before it does what could lead out."""
FAMILIES = frozenset((
    "subprocess", "socket", "ctypes", "urllib", "http", "ftplib", "smtplib", "poplib", "imaplib", "nntplib", "telnetlib",
    "sqlite3", "syslog", "fcntl", "winreg", "msvcrt", "_winapi",
))  # fmt: skip
"""All that these modules say to a hook."""

READERS = frozenset(("torch", "numpy", "safetensors", "pruneviz"))
"""Packages that may still be imported from, and of Python's own modules all but these:"""
RUNNERS = frozenset((
    "subprocess", "_posixsubprocess", "multiprocessing", "_multiprocessing", "concurrent", "asyncio", "pty", "socket",
    "_socket", "socketserver", "ssl", "_ssl", "ctypes", "_ctypes", "http", "urllib", "ftplib", "smtplib", "poplib",
    "imaplib", "telnetlib", "xmlrpc", "wsgiref", "webbrowser", "antigravity", "runpy", "code", "codeop", "pdb", "bdb", "cmd",
    "doctest", "timeit", "trace", "profile", "cProfile", "venv", "ensurepip", "idlelib", "tkinter", "turtle", "lib2to3",
    "sqlite3", "dbm", "shelve", "pydoc", "zipapp", "distutils", "site", "faulthandler", "signal", "resource", "fcntl",
))  # fmt: skip


def separate() -> None:
    """No network, no gaining of rights, no new processes; each where the system allows it."""
    import resource

    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None, use_errno=True)
        library.unshare(CLONE_NEWUSER | CLONE_NEWNET)
        library.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def close(imports: tuple[str, ...], writes: tuple[str, ...]) -> None:
    """Shuts the door behind this process: nothing from here on leads out of it, but for writing to `writes`."""
    os.environ.clear()
    restrict(writes)
    install()
    sys.addaudithook(_hook(READERS | {name.partition(".")[0] for name in imports}, frozenset((*writes, os.devnull))))


def _hook(packages: frozenset[str], writes: frozenset[str]):
    """The hook. All that it uses it has: what a file runs could change modules, but not what is bound here."""
    leave, status, writing, events, families = os._exit, FORBIDDEN, WRITING, EVENTS, FAMILIES
    allowed = packages | (frozenset(sys.stdlib_module_names) - RUNNERS)

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            if flags & writing and not isinstance(path, int) and path not in writes:
                leave(status)
        elif event == "import":
            if arguments[0].partition(".")[0] not in allowed:
                leave(status)
        elif event in events or event.partition(".")[0] in families:
            leave(status)

    return hook

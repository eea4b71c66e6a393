"""What children of the nursery do in its tests."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

LIBRARY = ctypes.CDLL(None)
NATIVE = {
    name: getattr(LIBRARY, name)
    for name in ("system", "execv", "socket", "unlink", "rename", "creat", "open", "kill", "chmod", "ptrace")
}
"""Calls into the system's library, looked up before any door closes: Python's hook does not hear of them."""


def greet(connection, *arguments):
    """Who it is: its number, its group, its parent, its threads, and whether torch was there from the start."""
    threads = len(os.listdir("/proc/self/task"))
    connection.send((os.getpid(), os.getpgid(0), os.getppid(), threads, "torch" in sys.modules, arguments))


def echo(connection):
    connection.send_bytes(connection.recv_bytes())


def fail(connection):
    raise ValueError("on purpose")


def leave(connection, status):
    sys.exit(status)


def signalled(connection, number):
    os.kill(os.getpid(), number)
    time.sleep(60)


def stubborn(connection):
    """Does not end when asked, and has a child of its own that does not, either."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    other = os.fork()
    if other == 0:
        time.sleep(300)
        os._exit(0)
    connection.send((os.getpid(), other))
    time.sleep(300)


def bear(connection):
    """Bears a child itself, and says who they are."""
    from pruneviz import nursery

    child = nursery.bear("tests.nursery_children:wait")
    connection.send((os.getpid(), os.getppid(), child.pid, child.connection.recv()))
    time.sleep(300)


def wait(connection):
    connection.send(os.getppid())
    time.sleep(300)


def allocate(connection, size):
    import torch

    try:
        connection.send_bytes(b"%d" % torch.ones(size, dtype=torch.uint8).numel())
    except RuntimeError:
        connection.send_bytes(b"refused")


def spin(connection):
    while True:
        pass


def write(connection, path, size):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with open(path, "wb") as file:
            file.write(b"x" * size)
    except OSError as problem:
        connection.send_bytes(str(problem.errno).encode())
    else:
        connection.send_bytes(b"written")


def surroundings(connection):
    """Environment, descriptors, networks, niceness."""
    with open("/proc/self/net/dev", encoding="ascii") as file:
        networks = [line.partition(":")[0].strip() for line in file.readlines()[2:]]
    found = [sorted(os.environ), sorted(map(int, os.listdir("/proc/self/fd"))), networks, os.nice(0)]
    connection.send_bytes(repr(found).encode())


def convert(connection, source, target):
    """What a reader of weights does."""
    import safetensors.torch
    import torch

    safetensors.torch.save_file(torch.load(source, weights_only=True), target)
    connection.send_bytes(b"done")


def attempt(connection, code):
    """Whatever a hostile file could bring Python to do. Only tests have this door."""
    exec(compile(code, "hostile", "exec"), {"connection": connection})
    connection.send_bytes(b"done")


def native(connection, name, *arguments):
    """Calls the system's library as a reader would whose memory is corrupted."""
    NATIVE[name](*(one.encode() if isinstance(one, str) else one for one in arguments))
    connection.send_bytes(b"done")


def fork_exec(connection, path):
    """The function beneath `subprocess`, which tells no hook what it does."""
    import _posixsubprocess

    ends = os.pipe()
    nothing = (-1,) * 6
    arguments = ([b"touch", path.encode()], [b"/usr/bin/touch"], True, (ends[1],), None, None, *nothing, *ends)
    _posixsubprocess.fork_exec(*arguments, True, False, -1, None, None, None, -1, None, True)
    connection.send_bytes(b"done")

"""The nursery bears children in milliseconds, bounds them, and leaves none behind."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from pruneviz import nursery
from pruneviz.nursery import children, filter
from pruneviz.nursery.filter import CALLS

ROOT = Path(__file__).resolve().parent.parent
MINE = "tests.nursery_children"
ALONE = nursery.Bounds(alone=True)


def lives(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(*pids: int, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while any(map(lives, pids)) and time.monotonic() < end:
        time.sleep(0.01)
    return not any(map(lives, pids))


def test_a_child_is_ready_and_has_one_thread():
    child = nursery.bear(f"{MINE}:greet", 1, "two", [3])
    pid, group, parent, threads, has_torch, arguments = child.connection.recv()
    assert pid == group == child.pid != os.getpid() and parent != os.getpid()
    assert (threads, has_torch, arguments) == (1, True, (1, "two", [3]))
    assert child.wait(5) == child.status == 0 and not child.alive()
    assert gone(pid)


def test_bytes_go_both_ways():
    child = nursery.bear(f"{MINE}:echo", bounds=ALONE)
    child.connection.send_bytes(b"x" * 3_000_000)
    assert child.connection.recv_bytes() == b"x" * 3_000_000
    assert child.wait(5) == 0


def test_any_thread_may_ask():
    pids = []

    def ask():
        for _ in range(4):
            child = nursery.bear(f"{MINE}:greet")
            pids.append(child.connection.recv()[0])
            assert child.wait(5) == 0

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 24


@pytest.mark.parametrize(
    "work, arguments, status",
    [("fail", (), 1), ("leave", (7,), 7), ("signalled", (signal.SIGSEGV,), -11), ("signalled", (signal.SIGKILL,), -9)],
)
def test_how_it_ended(work, arguments, status):
    child = nursery.bear(f"{MINE}:{work}", *arguments)
    assert child.wait(5) == status
    with pytest.raises(EOFError):
        child.connection.recv()


def test_the_end_is_the_end_of_all_its_group():
    child = nursery.bear(f"{MINE}:stubborn")
    pids = child.connection.recv()
    assert all(map(lives, pids))
    assert child.end(grace=0.1) == -signal.SIGKILL
    assert gone(*pids)
    assert child.end() == -signal.SIGKILL  # and can be said again


def test_whoever_ends_when_asked_is_not_forced():
    child = nursery.bear(f"{MINE}:wait")
    child.connection.recv()
    assert child.end(grace=5) == -signal.SIGTERM


def test_memory_is_bounded_from_where_the_child_begins():
    bounds = nursery.Bounds(address_bytes=200 << 20)
    for size, answer in ((100 << 20, b"%d" % (100 << 20)), (400 << 20, b"refused")):
        child = nursery.bear(f"{MINE}:allocate", size, bounds=bounds)
        assert child.connection.recv_bytes() == answer
        assert child.wait(5) == 0


def test_processor_time_is_bounded():
    assert nursery.bear(f"{MINE}:spin", bounds=nursery.Bounds(cpu_seconds=1)).wait(30) == -signal.SIGXCPU


def test_files_are_bounded(tmp_path):
    child = nursery.bear(f"{MINE}:write", str(tmp_path / "large"), 10_000, bounds=nursery.Bounds(file_bytes=1_000))
    assert child.connection.recv_bytes() == b"27"  # EFBIG
    assert child.wait(5) == 0 and (tmp_path / "large").stat().st_size <= 1_000


def test_who_is_alone_has_no_surroundings(monkeypatch):
    monkeypatch.setenv("SECRET", "of the server's")
    child = nursery.bear(f"{MINE}:surroundings", bounds=nursery.Bounds(alone=True, nice=3))
    environment, descriptors, networks, nice = eval(child.connection.recv_bytes().decode())
    assert environment == [] and nice == 3
    assert len(descriptors) <= 5  # stdin, stdout, stderr, its connection, and the one that lists them
    assert set(networks) <= {"lo"} or not _can_separate()


def _can_separate() -> bool:
    code = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x50000000) != 0)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _grounded() -> bool:
    return sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) > 0


HOSTILE = {
    "system": "import os; os.system('touch {canary}')",
    "popen": "import os; os.popen('touch {canary}').read()",
    "exec": "import os; os.execv('/usr/bin/touch', ['touch', '{canary}'])",
    "spawn": "import os; os.posix_spawn('/usr/bin/touch', ['touch', '{canary}'], dict())",
    "fork": "import os; os.fork() or open('{canary}', 'w')",
    "subprocess": "import subprocess; subprocess.run(['touch', '{canary}'])",
    "ctypes": "import ctypes; ctypes.CDLL(None).system(b'touch {canary}')",
    "socket": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "pty": "import pty; pty.spawn(['touch', '{canary}'])",
    "imports": "import streamlit",
    "multiprocessing": "import multiprocessing.pool",
    "kill": "import os; os.kill(os.getppid(), 0)",
    "write": "open('{canary}', 'w').close()",
    "append": "open('{other}', 'a').close()",
    "low": "import os; os.open('{canary}', os.O_CREAT | os.O_WRONLY)",
    "remove": "import os; os.remove('{other}')",
    "rename": "import os; os.rename('{other}', '{canary}')",
    "link": "import os; os.symlink('{other}', '{canary}')",
    "chmod": "import os; os.chmod('{other}', 0o777)",
    "folder": "import os; os.mkdir('{canary}')",
    "hook": "import sys; sys.addaudithook(print)",
    "again": "import sys; sys.modules.pop('subprocess'); import subprocess",
}


@pytest.mark.parametrize("how", HOSTILE)
def test_who_is_alone_leads_nowhere(how, tmp_path):
    canary, other = tmp_path / "canary", tmp_path / "other"
    other.write_text("raise SystemExit(0)")
    before = other.stat().st_mode
    child = nursery.bear(f"{MINE}:attempt", HOSTILE[how].format(canary=canary, other=other), bounds=ALONE)
    assert child.wait(10) == nursery.FORBIDDEN
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert other.stat().st_mode == before and other.read_text() == "raise SystemExit(0)"


filtered = pytest.mark.skipif(
    platform.machine() not in CALLS or sys.platform != "linux", reason="no filter of system calls here"
)


@filtered
@pytest.mark.parametrize(
    "call",
    [("execv", "/bin/false", None), ("socket", 2, 1, 0), ("unlink", "{other}"),
     ("kill", 1, 0), ("chmod", "{other}", 0o777), ("ptrace", 0, 0, 0, 0)],
    ids=lambda call: call[0],
)  # fmt: skip
def test_beneath_python_the_system_refuses(call, tmp_path):
    canary, other = tmp_path / "canary", tmp_path / "other"
    other.write_text("x")
    before = other.stat().st_mode
    call = [one.format(canary=canary, other=other) if isinstance(one, str) else one for one in call]
    child = nursery.bear(f"{MINE}:native", *call, bounds=ALONE)
    assert child.wait(10) == nursery.FORBIDDEN
    assert other.stat().st_mode == before and not canary.exists()


@filtered
@pytest.mark.parametrize("how", ["native", "fork_exec"])
def test_beneath_python_no_process_starts(how, tmp_path):
    canary = tmp_path / "canary"
    arguments = ("system", f"touch {canary}") if how == "native" else (str(canary),)
    # The same without the door: the test can fail.
    assert nursery.bear(f"{MINE}:{how}", *arguments).wait(10) == 0
    end = time.monotonic() + 5
    while not canary.exists() and time.monotonic() < end:
        time.sleep(0.01)
    canary.unlink()
    assert nursery.bear(f"{MINE}:{how}", *arguments, bounds=ALONE).wait(10) in (0, 1)
    time.sleep(0.05)
    assert not canary.exists()


@pytest.mark.skipif(not _grounded(), reason="this kernel has no Landlock")
@pytest.mark.parametrize(
    "call",
    [("creat", "{canary}", 0o600), ("open", "{other}", os.O_WRONLY | os.O_TRUNC), ("rename", "{other}", "{canary}")],
    ids=lambda call: call[0],
)
def test_beneath_python_files_change_only_where_it_was_told(call, tmp_path):
    (tmp_path / "out").mkdir()
    canary, other = tmp_path / "canary", tmp_path / "other"
    other.write_text("x")
    bounds = nursery.Bounds(alone=True, writes=(str(tmp_path / "out" / "file"),))
    arguments = [one.format(canary=canary, other=other) if isinstance(one, str) else one for one in call]
    assert nursery.bear(f"{MINE}:native", *arguments, bounds=bounds).wait(10) == 0
    assert not canary.exists() and other.read_text() == "x"
    # The same where it was told to write, so the test can fail.
    bounds = nursery.Bounds(alone=True, writes=(str(tmp_path / "file"),))
    assert nursery.bear(f"{MINE}:native", *arguments, bounds=bounds).wait(10) == 0
    assert canary.exists() or other.read_text() == ""


def test_the_filter_is_what_the_kernel_reads():
    for machine, (kind, ending, failing) in CALLS.items():
        code = filter.program(machine)
        assert len(code) == 8 * (7 + 2 * len(ending) + 2 * len(failing)) and kind.to_bytes(4, "little") in code
        assert len({*ending.values(), *failing.values()}) == len(ending) + len(failing)


def test_who_is_alone_can_do_its_work(tmp_path):
    source, target = tmp_path / "in.pt", tmp_path / "out.safetensors"
    torch.save({"weight": torch.arange(5.0)}, source)
    bounds = nursery.Bounds(alone=True, writes=(str(target),))
    child = nursery.bear(f"{MINE}:convert", str(source), str(target), bounds=bounds)
    assert child.connection.recv_bytes() == b"done" and child.wait(5) == 0
    from safetensors.torch import load_file

    assert torch.equal(load_file(target)["weight"], torch.arange(5.0))


def test_named_paths_and_packages_are_open(tmp_path):
    path = tmp_path / "out"
    code = f"import PIL.ImageOps, zipfile; open({str(path)!r}, 'w').write('x')"
    bounds = nursery.Bounds(alone=True, writes=(str(path),), imports=("PIL.Image",))
    child = nursery.bear(f"{MINE}:attempt", code, bounds=bounds)
    assert child.connection.recv_bytes() == b"done" and child.wait(5) == 0
    assert path.read_text() == "x"


def test_children_of_children_end_with_them():
    child = nursery.bear(f"{MINE}:bear")
    pid, parent, other, others_parent = child.connection.recv()
    assert parent == others_parent  # one server for all
    assert lives(other)
    child.end(grace=0)
    assert gone(pid, other)


def test_a_server_that_dies_takes_its_children_and_is_replaced():
    child = nursery.bear(f"{MINE}:wait")
    server = child.connection.recv()
    os.kill(server, signal.SIGKILL)
    assert child.wait(5) == -signal.SIGKILL and gone(child.pid, server)
    after = nursery.bear(f"{MINE}:greet")
    assert after.connection.recv()[2] != server
    assert after.wait(5) == 0


def test_without_a_server_there_is_one_sentence(monkeypatch):
    children._close()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(nursery.NurseryError, match="ended twice; restart the app"):
        nursery.bear(f"{MINE}:greet")


LONELY = """
import sys
from pruneviz import nursery
child = nursery.bear("tests.nursery_children:wait")
print(child.connection.recv(), child.pid, flush=True)
{then}
"""


@pytest.mark.parametrize("then, status", [("import os; os.kill(os.getpid(), 9)", -9), ("sys.exit(3)", 3)])
def test_all_end_with_the_app(then, status):
    """However the app ends, and whatever its main module is: here one that has no file."""
    code = LONELY.format(then=then)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == status, run.stderr
    assert gone(*map(int, run.stdout.split()))
    assert run.stderr == ""

"""Filter: what the system itself refuses to a child that is alone, whoever asks: Python, a library, or a reader gone wrong.

A seccomp filter is a short program that the kernel runs at each system call. Ours ends the process where it starts another
program, opens a way to others, or removes a file; new processes and threads fail. It cannot be taken out again. Moving a
file is let through, because safetensors writes beside its target and moves what it wrote there (`ground` says where).
Where there is no seccomp (another system, another processor), the hook in `cage` stands alone.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050001
"""Answers of a filter: go on; end the process (SIGSYS); fail with EPERM."""
LOAD, EQUAL, AT_LEAST, ANSWER = 0x20, 0x15, 0x35, 0x06
"""Instructions: load a word of the call, jump if it equals, jump if it is at least, answer."""
NUMBER, PROCESSOR = 0, 4
"""Where in a call its number lies, and where the processor's kind."""
OTHER_NUMBERS = 0x40000000
"""From here on x86-64 has a second set of the same calls."""

CALLS = {
    "x86_64": (0xC000003E, {
        "execve": 59, "execveat": 322, "socket": 41, "socketpair": 53, "connect": 42, "bind": 49, "kill": 62, "tkill": 200,
        "pidfd_send_signal": 424, "pidfd_getfd": 438, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
        "mount": 165, "unshare": 272, "setns": 308, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425, "keyctl": 250,
        "add_key": 248, "request_key": 249, "perf_event_open": 298, "open_by_handle_at": 304, "unlink": 87, "unlinkat": 263,
        "rmdir": 84, "link": 86, "linkat": 265, "symlink": 88,
        "symlinkat": 266, "chmod": 90, "fchmodat": 268, "fchmodat2": 452, "chown": 92, "lchown": 94, "fchownat": 260,
        "truncate": 76, "mkdir": 83, "mkdirat": 258, "mknod": 133, "mknodat": 259,
    }, {"fork": 57, "vfork": 58, "clone": 56, "clone3": 435}),
    "aarch64": (0xC00000B7, {
        "execve": 221, "execveat": 281, "socket": 198, "socketpair": 199, "connect": 203, "bind": 200, "kill": 129,
        "tkill": 130, "pidfd_send_signal": 424, "pidfd_getfd": 438, "ptrace": 117, "process_vm_readv": 270,
        "process_vm_writev": 271, "mount": 40, "unshare": 97, "setns": 268, "bpf": 280, "userfaultfd": 282,
        "io_uring_setup": 425, "keyctl": 219, "add_key": 217, "request_key": 218, "perf_event_open": 241,
        "open_by_handle_at": 265, "unlinkat": 35, "linkat": 37, "symlinkat": 36,
        "fchmodat": 53, "fchmodat2": 452, "fchownat": 54, "truncate": 45, "mkdirat": 34, "mknodat": 33,
    }, {"clone": 220, "clone3": 435}),
}  # fmt: skip
"""By processor: its kind, the calls that end the process, and those that fail."""


def install() -> bool:
    """Puts the filter in; whether this system has it. The process must have given up gaining rights before."""
    if sys.platform != "linux" or platform.machine() not in CALLS or struct.calcsize("P") != 8:
        return False
    code = program(platform.machine())
    body = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(body))
    library = ctypes.CDLL(None, use_errno=True)
    return library.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(head), 0, 0) == 0


def program(machine: str) -> bytes:
    """The filter for this kind of processor, as the kernel reads it: eight bytes an instruction."""
    kind, ending, failing = CALLS[machine]
    steps = [(LOAD, 0, 0, PROCESSOR), (EQUAL, 1, 0, kind), (ANSWER, 0, 0, KILL), (LOAD, 0, 0, NUMBER)]
    steps += [(AT_LEAST, 0, 1, OTHER_NUMBERS), (ANSWER, 0, 0, KILL)]
    for numbers, answer in ((ending, KILL), (failing, FAIL)):
        for number in numbers.values():
            steps += [(EQUAL, 0, 1, number), (ANSWER, 0, 0, answer)]
    steps.append((ANSWER, 0, 0, ALLOW))
    return b"".join(struct.pack("<HBBI", *step) for step in steps)

"""A seccomp filter: system calls that no probe needs get "operation not permitted".

No sockets, no signals to others, no tracing, no new processes (threads are allowed). It complements
Landlock, whose older versions know nothing of the network or of signals. Threads inherit it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_IF_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
DENY, UNKNOWN = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS

# System call numbers: (x86-64, AArch64).
ARCHITECTURE = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
DENIED = {
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kill": (62, 129),
    "pidfd_send_signal": (424, 424),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "perf_event_open": (298, 241),
    "memfd_create": (319, 279),
}
PROGRAMS = {"execve": (59, 221), "execveat": (322, 281)}
FORKS = {"fork": (57, -1), "vfork": (58, -1)}
CLONE, CLONE3 = (56, 220), 435
CLONE_THREAD = 0x10000
FIRST_ARGUMENT = 16  # offset of its lower half in what the filter sees
X32_BIT = 0x40000000


def available() -> bool:
    """Whether this is Linux on a processor whose numbers are listed above."""
    return sys.platform.startswith("linux") and platform.machine() in ARCHITECTURE


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def program(allow_programs: bool) -> bytes:
    """The filter: the architecture must be right, then the list, then all else is allowed."""
    name, column = ARCHITECTURE[platform.machine()]
    denied = {**DENIED, **({} if allow_programs else {**PROGRAMS, **FORKS})}
    numbers = sorted(pair[column] for pair in denied.values() if pair[column] >= 0)
    lines = [
        _instruction(LOAD, 4),
        _instruction(JUMP_EQUAL, name, 1, 0),
        _instruction(RETURN, KILL),
        _instruction(LOAD, 0),
        _instruction(JUMP_AT_LEAST, X32_BIT, 0, 1),
        _instruction(RETURN, DENY),
    ]
    for number in numbers:
        lines += [_instruction(JUMP_EQUAL, number, 0, 1), _instruction(RETURN, DENY)]
    if not allow_programs:
        # A thread is a clone with CLONE_THREAD; clone3 hides its flags in memory, where a filter
        # cannot look, so it is made to seem unknown and the C library falls back to clone.
        lines += [_instruction(JUMP_EQUAL, CLONE3, 0, 1), _instruction(RETURN, UNKNOWN)]
        lines += [
            _instruction(JUMP_EQUAL, CLONE[column], 0, 4),
            _instruction(LOAD, FIRST_ARGUMENT),
            _instruction(JUMP_IF_SET, CLONE_THREAD, 1, 0),
            _instruction(RETURN, DENY),
            _instruction(RETURN, ALLOW),
        ]
    return b"".join([*lines, _instruction(RETURN, ALLOW)])


def restrict(allow_programs: bool) -> None:
    """Install the filter.

    Raises:
        OSError: the kernel refused.
    """
    code = program(allow_programs)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")

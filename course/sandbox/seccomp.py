"""A seccomp filter: an allow-list of system calls; all others get "operation not permitted".

So there are no sockets, no signals to others, no tracing and no reading of other processes, no
limits set for others, no changed modes, times and attributes of files, no memory shared with
others, no new processes (threads are allowed) and no way to outlive the judge. It complements
Landlock, which knows nothing of most of these. Threads inherit it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

from course.sandbox import calls

PR_SET_NAME, PR_GET_NAME, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 15, 16, 22, 38
PR_SET_VMA = 0x53564D41  # the C library names its memory by it
TCGETS, TIOCGWINSZ, FIOCLEX = 0x5401, 0x5413, 0x5451  # is it a terminal, how wide, not inherited
SECCOMP_MODE_FILTER = 2
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_IF_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
ERROR = 0x00050000  # with the error's number; zero says that all went well
DENY, SEEMS_UNKNOWN = ERROR | errno.EPERM, ERROR | errno.ENOSYS

ARCHITECTURE = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # name, column of `calls`
CLONE_THREAD = 0x10000
ARGUMENTS = 16  # offset of the first argument in what the filter sees; eight bytes each
X32_BIT = 0x40000000

Code = list[bytes]


def available() -> bool:
    """Whether this is Linux on a processor whose numbers are listed."""
    return sys.platform.startswith("linux") and platform.machine() in ARCHITECTURE


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _return(action: int) -> bytes:
    return _instruction(RETURN, action)


def _argument(index: int, upper: bool = False) -> bytes:
    """Load one half of an argument. Numbers of processes, descriptors, options and flags are 32
    bits, of which the kernel, too, looks at the lower half alone."""
    return _instruction(LOAD, ARGUMENTS + 8 * index + 4 * upper)


def _for(number: int, body: Code) -> Code:
    """``body``, which returns, where the call is ``number``; what this processor lacks is none."""
    return [_instruction(JUMP_EQUAL, number, 0, len(body)), *body] if number >= 0 else []


def _one_of(index: int, values: list[int], then: int, other: int) -> Code:
    """Decide by the value of one argument."""
    code = [_argument(index)]
    for value in values:
        code += [_instruction(JUMP_EQUAL, value & 0xFFFFFFFF, 0, 1), _return(then)]
    return [*code, _return(other)]


def _column() -> int:
    return ARCHITECTURE[platform.machine()][1]


def _head() -> Code:
    """The architecture must be right; then the number of the call is loaded."""
    return [
        _instruction(LOAD, 4),
        _instruction(JUMP_EQUAL, ARCHITECTURE[platform.machine()][0], 1, 0),
        _return(KILL),
        _instruction(LOAD, 0),
        _instruction(JUMP_AT_LEAST, X32_BIT, 0, 1),
        _return(DENY),
    ]


def program(allow_programs: bool, other: int = DENY) -> bytes:
    """The filter of a process.

    Args:
        allow_programs: whether a compiler may be started.
        other: what becomes of a call that is not listed; a test records them.
    """
    column, me = _column(), os.getpid()
    listed = {**calls.ALLOWED, **(calls.PROGRAMS if allow_programs else {})}
    code = _head()
    for pair in listed.values():
        code += _for(pair[column], [_return(ALLOW)])
    for pair in calls.UNDONE.values():
        code += _for(pair[column], [_return(ERROR)])
    for pair in calls.UNKNOWN.values():
        code += _for(pair[column], [_return(SEEMS_UNKNOWN)])
    for pair in calls.TO_PROCESSES.values():  # a program that aborts signals itself
        code += _for(pair[column], _one_of(0, [me], ALLOW, DENY))
    is_thread = [
        _argument(0),
        _instruction(JUMP_IF_SET, CLONE_THREAD, 0, 1),
        _return(ALLOW),
        _return(DENY),
    ]
    code += _for(calls.CLONE[column], is_thread)
    options = [PR_SET_NAME, PR_GET_NAME, PR_SET_VMA, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS]
    code += _for(calls.PRCTL[column], _one_of(0, options, ALLOW, DENY))
    code += _for(calls.IOCTL[column], _one_of(1, [TCGETS, TIOCGWINSZ, FIOCLEX], ALLOW, DENY))
    code += _for(calls.PRLIMIT[column], _reads_own_limits(me))
    return b"".join([*code, _return(other)])


def _reads_own_limits(me: int) -> Code:
    """No other process, and no new limit (root could raise its own again)."""
    code: Code = []
    for upper in (False, True):
        code += [_argument(2, upper), _instruction(JUMP_EQUAL, 0, 1, 0), _return(DENY)]
    return [*code, *_one_of(0, [0, me], ALLOW, DENY)]


def channel_program(descriptor: int) -> bytes:
    """The filter of threads that may not touch one descriptor, nor set filters of their own."""
    column = _column()
    code = _head()
    for name in calls.ON_DESCRIPTORS:
        check = [_argument(0), _instruction(JUMP_EQUAL, descriptor, 0, 1), _return(DENY)]
        if name in ("dup2", "dup3", "sendfile"):
            check += [_argument(1), _instruction(JUMP_EQUAL, descriptor, 0, 1), _return(DENY)]
        code += _for(calls.ALLOWED[name][column], [*check, _return(ALLOW)])
    for name in ("sendto", "recvfrom"):  # there is no other socket
        code += _for(calls.ALLOWED[name][column], [_return(DENY)])
    code += _for(calls.IOCTL[column], _one_of(0, [descriptor], DENY, ALLOW))
    code += _for(calls.PRCTL[column], _one_of(0, [PR_SET_SECCOMP], DENY, ALLOW))
    return b"".join([*code, _return(ALLOW)])


def restrict(allow_programs: bool) -> None:
    """Install the filter for the calling thread and all that it starts from now on.

    Raises:
        OSError: the kernel refused.
    """
    _install(program(allow_programs))


def refuse_descriptor(descriptor: int) -> None:
    """Take one descriptor away from the calling thread and all that it starts from now on.

    A thread that runs already keeps it: so the one that answers the judge can be the only one that
    reaches the judge.

    Raises:
        OSError: the kernel refused.
    """
    _install(channel_program(descriptor))


def _install(code: bytes) -> None:
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")

"""Landlock: Linux's fence that needs no root.

After `restrict` the process, and all it starts, can read only what is listed, write only into one
folder, open no TCP connection (ABI 4 and newer), and send no signal and reach no abstract socket
outside its own fence (ABI 6 and newer). See https://docs.kernel.org/userspace-api/landlock.html.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from functools import cache

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION_FLAG = 1
PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, MAKE_DIR = 1 << 4, 1 << 5, 1 << 6, 1 << 7
MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK = 1 << 8, 1 << 9, 1 << 10, 1 << 11
MAKE_SYM, REFER, TRUNCATE, IOCTL_DEV = 1 << 12, 1 << 13, 1 << 14, 1 << 15

READ = EXECUTE | READ_FILE | READ_DIR
FILE_ONLY = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
NETWORK = 0b11  # bind and connect TCP
SCOPED = 0b11  # abstract UNIX sockets, signals


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


@cache
def abi() -> int:
    """The kernel's version of Landlock; 0 where there is none."""
    try:
        return max(0, _libc().syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG))
    except (AttributeError, OSError):
        return 0


def _handled(version: int) -> int:
    """All rights over files that this version knows: what is handled and not granted is denied."""
    rights = (1 << 13) - 1
    if version >= 2:
        rights |= REFER
    if version >= 3:
        rights |= TRUNCATE
    if version >= 5:
        rights |= IOCTL_DEV
    return rights


def restrict(readable: Iterable[str], writable: str) -> None:
    """Give up everything but reading ``readable`` and writing below ``writable``.

    Raises:
        OSError: the kernel refused although `abi` is not 0.
    """
    version = abi()
    handled = _handled(version)
    attributes = struct.pack(
        "<QQQ", handled, NETWORK if version >= 4 else 0, SCOPED if version >= 6 else 0
    )
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    libc = _libc()
    ruleset = libc.syscall(CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    _check(ruleset, "landlock_create_ruleset")
    try:
        for path in readable:
            _allow(libc, ruleset, path, READ & handled)
        for device in ("/dev/null", "/dev/zero", "/dev/full"):
            _allow(libc, ruleset, device, (READ_FILE | WRITE_FILE) & handled)
        _allow(libc, ruleset, writable, handled & ~EXECUTE)
        _check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
        _check(libc.syscall(RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what does not exist needs no rule
    try:
        if not os.path.isdir(path):
            rights &= FILE_ONLY
        rule = struct.pack("<Qi", rights, descriptor)
        _check(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0), "landlock_add_rule")
    finally:
        os.close(descriptor)


def _check(result: int, name: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")

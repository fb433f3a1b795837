"""System calls that a submission could harm others with, or help itself; all must be refused.

``python system.py FOLDER`` goes behind the fence and tries them, and prints a JSON object: name to
the error's number, 0 where the call was allowed. The arguments would do something if they could.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_PTRACER = 1, 4, 0x59616D61

# Numbers on x86-64. "PARENT" is the process that started this one, "ME" this one, "FILE" a file
# that the fence lets it write.
CALLS: dict[str, tuple[object, ...]] = {
    "prlimit64 of the judge": (302, "PARENT", 0, "LIMIT", 0),
    "prlimit64 of the judge, read": (302, "PARENT", 0, 0, "BUFFER"),
    "prlimit64 of its own": (302, 0, 0, "LIMIT", 0),
    "setrlimit": (160, 0, "LIMIT"),
    "kill the judge": (62, "PARENT", 0),
    "kill a group": (62, 0, 0),
    "kill everybody": (62, -1, 0),
    "tgkill the judge": (234, "PARENT", "PARENT", 0),
    "tkill the judge": (200, "PARENT", 0),
    "rt_sigqueueinfo": (129, "PARENT", 0, "BUFFER"),
    "pidfd_open": (434, "PARENT", 0),
    "pidfd_send_signal": (424, 3, 0, 0, 0),
    "pidfd_getfd": (438, 3, 0, 0),
    "setxattr": (188, "FILE", b"user.a", b"b", 1, 0),
    "fsetxattr": (190, 0, b"user.a", b"b", 1, 0),
    "utime": (132, "FILE", 0),
    "utimes": (235, "FILE", 0),
    "utimensat": (280, -100, "FILE", 0, 0),
    "futimesat": (261, -100, "FILE", 0),
    "chown": (92, "FILE", 0, 0),
    "fchownat": (260, -100, "FILE", 0, 0, 0),
    "truncate": (76, "FILE", 0),
    "link": (86, "FILE", "FILE2"),
    "symlink": (88, "FILE", "FILE2"),
    "mknod": (133, "FILE2", 0o010600, 0),
    "shmget": (29, 0, 4096, 0o1600),
    "shmat": (30, 0, 0, 0),
    "shmctl": (31, 0, 0, 0),
    "semget": (64, 0, 1, 0o1600),
    "msgget": (68, 0, 0o1600),
    "mq_open": (240, b"name", 0o102, 0o600, 0),
    "memfd_create": (319, b"name", 0),
    "prctl PDEATHSIG": (157, PR_SET_PDEATHSIG, 0, 0, 0, 0),
    "prctl DUMPABLE": (157, PR_SET_DUMPABLE, 1, 0, 0, 0),
    "prctl PTRACER": (157, PR_SET_PTRACER, -1, 0, 0, 0),
    "ioctl TIOCSTI": (16, 0, 0x5412, "BUFFER"),
    "ioctl FIONBIO": (16, 0, 0x5421, "BUFFER"),
    "socket": (41, 1, 1, 0),
    "socketpair": (53, 1, 1, 0, "BUFFER"),
    "connect": (42, 0, "BUFFER", 16),
    "ptrace": (101, 16, "PARENT", 0, 0),
    "process_vm_readv": (310, "PARENT", "BUFFER", 0, "BUFFER", 0, 0),
    "process_vm_writev": (311, "PARENT", "BUFFER", 0, "BUFFER", 0, 0),
    "process_madvise": (440, 3, "BUFFER", 0, 0, 0),
    "io_uring_setup": (425, 1, "BUFFER"),
    "bpf": (321, 0, "BUFFER", 0),
    "perf_event_open": (298, "BUFFER", 0, -1, -1, 0),
    "userfaultfd": (323, 0),
    "keyctl": (250, 0, 0, 0, 0, 0),
    "add_key": (248, b"user", b"a", b"b", 1, -2),
    "mount": (165, b"a", b"b", b"c", 0, 0),
    "unshare": (272, 0x10000000),
    "setns": (308, 0, 0),
    "clone, a process": (56, 17, 0, 0, 0, 0),
    "clone3": (435, "BUFFER", 64),
    "fork": (57,),
    "vfork": (58,),
    "execve": (59, b"/bin/true", 0, 0),
    "execveat": (322, -100, b"/bin/true", 0, 0, 0),
    "setsid": (112,),
    "setpgid": (109, 0, 0),
    "setpriority of the judge": (141, 0, "PARENT", 19),
    "ioprio_set": (251, 1, "PARENT", 0),
    "sched_setaffinity of the judge": (203, "PARENT", 8, "BUFFER"),
    "sched_setscheduler": (144, "PARENT", 0, "BUFFER"),
    "setuid": (105, 0),
    "chroot": (161, b"/"),
    "personality": (135, 0x0040000),
    "setitimer": (38, 0, "BUFFER", 0),
    "timer_create": (222, 0, 0, "BUFFER"),
    "inotify_init": (253,),
    "seccomp with a listener": (317, 1, 8, "BUFFER"),
    "a number of the x32 interface": (0x40000000 | 39,),
    "a number that nobody knows": (1000,),
}


def main(folder: Path) -> None:
    from course.sandbox import Fence, enter

    file = folder / "file"
    file.write_text("content")
    libc = ctypes.CDLL(None, use_errno=True)
    limit = (ctypes.c_uint64 * 2)(1 << 62, 1 << 62)
    buffer = ctypes.create_string_buffer(4096)
    given = {
        "PARENT": os.getppid(),
        "ME": os.getpid(),
        "FILE": str(file).encode(),
        "FILE2": str(folder / "file2").encode(),
        "LIMIT": ctypes.cast(limit, ctypes.c_void_p),
        "BUFFER": ctypes.cast(buffer, ctypes.c_void_p),
    }
    enter(Fence((sys.prefix, sys.base_prefix, "/usr", "/lib"), str(folder), memory=1 << 30))
    found = {}
    for name, call in CALLS.items():
        arguments = [given[a] if isinstance(a, str) else a for a in call]
        wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
        ctypes.set_errno(0)
        result = libc.syscall(*wide)
        found[name] = ctypes.get_errno() if result == -1 else 0
    os.chmod(file, 0o777)  # seems to succeed
    found["mode"] = file.stat().st_mode & 0o777
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

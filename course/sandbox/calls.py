"""The system calls that a worker needs: name, number on x86-64, number on AArch64 (-1 for none).

Found by recording (`strace`) all graders of all chapters on the solutions, in workers behind the
fence, and `mx.compile` with its compiler; together with the variants of the same call that another
C library may choose. `tests/course/attacks` records again what MLX needs, and names what is missing
here. The numbers of AArch64 are those of the kernel's table (``asm-generic/unistd.h``); nobody has
tried them on such a machine.
"""

from __future__ import annotations


def _table(text: str) -> dict[str, tuple[int, int]]:
    rows = [entry.split() for entry in text.replace("\n", ",").split(",") if entry.strip()]
    return {name: (int(x86), int(arm)) for name, x86, arm in rows}


#: What is always allowed, whatever the arguments. Which files these reach is Landlock's matter.
ALLOWED = _table(
    """read 0 63, write 1 64, readv 19 65, writev 20 66, pread64 17 67, pwrite64 18 68
    open 2 -1, openat 257 56, close 3 57, stat 4 -1, fstat 5 80, lstat 6 -1, newfstatat 262 79
    statx 332 291, access 21 -1, faccessat 269 48, faccessat2 439 439, readlink 89 -1
    readlinkat 267 78, getdents64 217 61, getcwd 79 17, chdir 80 49, lseek 8 62, fcntl 72 25
    flock 73 32, fsync 74 82, fdatasync 75 83, ftruncate 77 46, fadvise64 221 223
    sendfile 40 71, copy_file_range 326 285, mkdir 83 -1, mkdirat 258 34, rmdir 84 -1
    unlink 87 -1, unlinkat 263 35, rename 82 -1, renameat 264 38, renameat2 316 276, dup 32 23
    dup2 33 -1, dup3 292 24, poll 7 -1, ppoll 271 73, select 23 -1, pselect6 270 72
    brk 12 214, mmap 9 222, munmap 11 215, mprotect 10 226, mremap 25 216, madvise 28 233
    mbind 237 235, get_mempolicy 239 236, membarrier 324 283
    futex 202 98, set_robust_list 273 99, rseq 334 293, sched_yield 24 124
    sched_getaffinity 204 123, getcpu 309 168, rt_sigaction 13 134, rt_sigprocmask 14 135
    rt_sigreturn 15 139, sigaltstack 131 132, restart_syscall 219 128, exit 60 93
    exit_group 231 94
    getpid 39 172, gettid 186 178, getppid 110 173, getuid 102 174, geteuid 107 175
    getgid 104 176, getegid 108 177, uname 63 160, sysinfo 99 179, times 100 153
    getrusage 98 165, getrlimit 97 163, clock_gettime 228 113, clock_getres 229 114
    clock_nanosleep 230 115, nanosleep 35 101, gettimeofday 96 169, time 201 -1
    getrandom 318 278
    sendto 44 206, recvfrom 45 207"""
)

#: What a C++ compiler needs besides, where one may be started.
PROGRAMS = _table(
    """execve 59 221, execveat 322 281, fork 57 -1, vfork 58 -1, clone 56 220, wait4 61 260
    waitid 247 95, pipe 22 -1, pipe2 293 59, arch_prctl 158 -1, set_tid_address 218 96
    umask 95 166"""
)

#: Allowed with certain arguments only.
CLONE = (56, 220)
PRCTL = (157, 167)
IOCTL = (16, 29)
PRLIMIT = (302, 261)
TO_PROCESSES = _table("kill 62 129, tgkill 234 131")

#: Answered with success, and not done: `shutil.copymode` is in honest code, and harmless undone.
UNDONE = _table("chmod 90 -1, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452")

#: Made to seem unknown: `clone3` hides its flags in memory, where a filter cannot look, and the C
#: library then falls back to `clone`.
UNKNOWN = _table("clone3 435 435")

#: Calls that take a descriptor first (of `sendfile` and `dup2`, second as well).
ON_DESCRIPTORS = (
    "read write readv writev pread64 pwrite64 close fcntl dup dup2 dup3 sendfile copy_file_range"
).split()

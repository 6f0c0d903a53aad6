"""The kernel that a process runs under, and the PID namespace in which it has its number.

Containers of one machine share the kernel. A process number says something only to processes of the same namespace.
"""

import functools
import os
from pathlib import Path


@functools.cache
def boot() -> str:
    """Name this start of the machine; empty where the system has no name for it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@functools.cache
def pid_namespace() -> str:
    """Name the PID namespace of this process; empty where there are none, or they cannot be seen."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""

"""The machine: how much memory and how many cores it has, and how many more processes it lets this user start.

Sizes of memory are read here, too, as a person writes them.
"""

import os
import re
import sys
import threading
from decimal import Decimal

from nnsweep.text import warn

_THREADS_A_WORKER = 3  # the system counts a worker's process, the thread that watches its parent, and one of pyarrow's
_THREADS_BESIDES = 7  # server and resource tracker, three threads of a sweep, a program that is asked, and one to spare
_STACK_BYTES = 64 * 1024


def measure_memory() -> int:
    """Give the bytes of memory of this machine; as many as there can be, where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return sys.maxsize


def count_physical_cores() -> int:
    """Count the cores that this process may use: two threads of one core train no faster than one."""
    from joblib.externals.loky import cpu_count  # joblib's own counts one where there is no /dev/shm

    return int(cpu_count(only_physical_cores=True))


def choose_n_workers(n_workers: int) -> int:
    """Give how many of some workers can be started; one is this process itself, which there always is."""
    return max(1, count_startable_workers(n_workers)) if n_workers > 1 else n_workers


def count_startable_workers(n_workers: int, *, besides: int = _THREADS_BESIDES) -> int:
    """Count how many of some workers the system lets this user start; if not all of them, the user is warned.

    As many threads are started as the workers would have, because the system counts threads as it counts processes.

    Parameters
    ----------
    n_workers : int
        How many are to be started.
    besides : int
        How many other processes and threads will be started.
    """
    over = threading.Event()
    threads: list[threading.Thread] = []
    before = threading.stack_size(_STACK_BYTES)
    try:
        for _ in range(_THREADS_A_WORKER * n_workers + besides):
            thread = threading.Thread(target=over.wait, daemon=True)
            thread.start()
            threads.append(thread)
    except RuntimeError:  # no more can be started
        pass
    finally:
        threading.stack_size(before)
        over.set()
        for thread in threads:
            thread.join()
    n_startable = max(0, len(threads) - besides) // _THREADS_A_WORKER
    warn_of_fewer_workers(n_startable, n_workers)
    return n_startable


def warn_of_fewer_workers(n_startable: int, n_workers: int) -> None:
    """Warn the user if some of the workers cannot be started."""
    n_left = max(1, n_startable)  # this process
    if n_left < n_workers:
        limit = "no more processes can be started (ulimit -u, or a container's limit)"
        way_out = f"allow more processes, or set sweep.workers={n_left}"
        warn(f"{limit}: the work goes on with {n_left} of {n_workers} workers; {way_out}")


_BYTES = {"": 1, "B": 1} | {
    f"{letter}{kind}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for kind, base in (("B", 1000), ("iB", 1024))
}


def parse_size(text: str) -> int:
    """Convert a size of memory, as a person writes it, to bytes.

    Raises
    ------
    ValueError
        If the text is not a size, or the size is not above 0.

    Examples
    --------
    >>> parse_size("1.5GB"), parse_size("64 MiB")
    (1500000000, 67108864)
    """
    parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)\s*", text)
    size = int(Decimal(parts[1]) * _BYTES.get(parts[2], 0)) if parts else 0
    if size < 1:
        raise ValueError("must be a size above 0, such as 512MB or 2GiB")
    return size

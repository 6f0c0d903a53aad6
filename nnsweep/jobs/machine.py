"""The machine: how much memory it has, and how many cores and processes it lets this user have."""

import os
import re
import sys
from decimal import Decimal

_UNITS = {"": 1, "B": 1} | {
    f"{letter}{kind}": base**power
    for power, letter in enumerate("KMGT", start=1)
    for kind, base in (("B", 1000), ("iB", 1024))
}


def measure_memory() -> int:
    """Tell how many bytes of memory this machine has; as many as there can be, where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return sys.maxsize


def parse_size(text: str) -> int:
    """Read a size.

    Raises
    ------
    ValueError
        If it is none, or not above 0.

    Examples
    --------
    >>> parse_size("1.5GB"), parse_size("64 MiB")
    (1500000000, 67108864)
    """
    parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?i?B?)\s*", text)
    size = int(Decimal(parts[1]) * _UNITS.get(parts[2], 0)) if parts else 0
    if size < 1:
        raise ValueError("must be a size above 0, such as 512MB or 2GiB")
    return size

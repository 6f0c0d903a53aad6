"""Faults of the product that are known and not mended yet, each with a strict xfail in ``test_known.py``.

A campaign counts what one of them explains apart from what is new. Whoever mends one takes it out here, and the mark
from its test.
"""

import re

KNOWN = {
    "sent twice": r"^[\w-]+: points, too much: .*, missing: \[\]$",
    "no word for a dead worker": r"(?s)^(a traceback|no promised exit code): exit 1.*workers\.WorkerDied: ",
    "sweep left running": r"^sweep [\w-]+ is RUNNING$",
    "log that cannot be written": r"^a traceback of logging: ",
    "cause forgotten": r"(?s)^no line names the cause: .*did not answer a moment ago",
    "full disk told as damage": r"(?s)^no line names the cause: .*cannot be read \(disk I/O error\)",
}
"""What is known, by a name, as the pattern of what campaigns say of it."""


def name_of(problem: str) -> str | None:
    """Name the known fault that explains a problem; None if it is new."""
    return next((name for name, pattern in KNOWN.items() if re.search(pattern, problem)), None)

"""Write the rows of README that list the names of choices, as the registry has them.

Run it after adding a choice; pre-commit does so, too.
"""

import re
import sys
from pathlib import Path

from nnsweep.jobs.groups import GROUPS, table_row

README = Path(__file__).resolve().parents[1] / "README.md"


def main() -> int:
    """Write the rows; return 1 if one of them has changed, which stops a commit."""
    text = new = README.read_text(encoding="utf-8")
    for group in GROUPS:
        new = re.sub(rf"^\| `{group}` \|.*$", table_row(group), new, flags=re.MULTILINE)
    README.write_text(new, encoding="utf-8")
    return int(new != text)


if __name__ == "__main__":
    sys.exit(main())

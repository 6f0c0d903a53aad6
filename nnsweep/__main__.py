"""``python -m nnsweep``."""

import sys

from nnsweep.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

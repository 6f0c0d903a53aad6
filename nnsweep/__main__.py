"""``python -m nnsweep``."""

import sys

from nnsweep.app import main

if __name__ == "__main__":
    sys.exit(main())

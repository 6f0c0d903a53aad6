"""What every worker needs, imported once, in the server that workers are forked from."""

import nnsweep.app
import nnsweep.sweep.work  # noqa: F401
from nnsweep.tracking.client import preload

preload()

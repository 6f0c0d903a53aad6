"""What every worker needs, imported once, in the server that workers are forked from."""

import nnsweep.app
import nnsweep.sweep.work
import nnsweep.tracking.rows  # noqa: F401

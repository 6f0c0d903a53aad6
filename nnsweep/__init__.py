"""nnsweep answers which depth, width, activation and learning-rate schedule to use, and how sure we are.

The package is divided into five rooms: ``mlp`` (the network and its trainer), ``data`` (where examples
come from), ``sweep`` (from configuration to finished jobs), ``tracking`` (the records in MLflow) and
``results`` (tables and pictures). ``app`` is the command line that joins them.
"""

__version__ = "0.1.0"

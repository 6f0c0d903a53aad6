"""The network and its trainer: NumPy and SciPy, nothing else."""

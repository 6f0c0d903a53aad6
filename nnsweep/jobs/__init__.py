"""From a command line to finished jobs: composing and checking them, planning a sweep, training, and recording."""

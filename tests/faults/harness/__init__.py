"""A harness that harms the program: real processes, killed, stopped and starved at every touch of the disk."""

"""Exported models: a trained network with its preparation, as files that can be used without nnsweep."""

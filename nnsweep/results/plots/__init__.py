"""Pictures of a frame of runs and of their histories: one function a picture, each of which gives a figure.

``pictures`` in `nnsweep.results.plots.pictures` draws all that make sense for a frame.
"""

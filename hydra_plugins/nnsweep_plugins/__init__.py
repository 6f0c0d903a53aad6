"""nnsweep's Hydra plugins; Hydra looks for them in this namespace package only."""

"""What a worker needs besides where its store is asked through mlflow; imported as `nnsweep.preloaded` is."""

from nnsweep.tracking.client import preload

preload()

"""The one place that imports mlflow: runs are written to a store and read back as plain records."""

from nnsweep.files import settle_home

settle_home()

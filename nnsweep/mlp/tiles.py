"""Tiles: examples in pieces so small that what is computed of one stays in the processor's cache until it is used."""

from nnsweep.mlp.arrays import Examples, IntArray
from nnsweep.mlp.inputs import Shared, SharedInputs, shared

TILE_BYTES = 2**20
"""What one network's arrays of a tile may take; they stay in the caches, and smaller tiles cost more calls."""
SHORTEST = 64


def tiles(examples: Examples, *, bytes_a_sample: int) -> list[tuple[SharedInputs, IntArray]]:
    """Part examples into tiles of nearly equal length.

    Parameters
    ----------
    examples : Examples
        Shared by all networks.
    bytes_a_sample : int
        What is written for one sample and one network: how a sum is parted must not depend on how many there are.

    Returns
    -------
    list of (Inputs, ndarray)
        Features and class numbers. CSR features stay in one piece: their product takes longer than what follows.
    """
    X, n_samples = shared(examples.X), examples.n_samples
    if not isinstance(X, Shared):
        return [(X, examples.y)]
    n_tiles = -(-n_samples // max(SHORTEST, TILE_BYTES // bytes_a_sample))
    length = -(-n_samples // n_tiles)
    return [
        (X.rows(start, min(start + length, n_samples)), examples.y[start : start + length])
        for start in range(0, n_samples, length)
    ]
